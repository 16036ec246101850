"""The WSGI door without a server: targets that must be guessed, bodies, threads, forks."""

import os
import threading
from io import BytesIO
from typing import Any

import pytest

from doors.in_memory import make_grants, make_guard
from doors.table import HOST
from mandat.enforcement.doors.heads import UnusableServer
from mandat.enforcement.settings import Limits
from mandat.enforcement.wsgi import WsgiDoor
from support.deciding import signed_headers


class Application:
    """Keeps the environments it got and what it read."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [("X-Own", "1")])
        return [b"ok"]


def environ_of(
    method: str = "GET", target: str = "/1.0/me", body: bytes = b"", *, raw: str | None = "REQUEST_URI", **more: Any
) -> dict[str, Any]:
    """A signed call as a WSGI server hands it on; `raw` is where it puts the target as sent."""
    path, _, query = target.partition("?")
    fields = {
        "HTTP_" + name.decode().upper().replace("-", "_"): value.decode()
        for name, value in signed_headers(method, target, body)
    }
    made = {
        "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "192.0.2.7", "HTTP_HOST": HOST, "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body)) if body else "", **fields,
    }  # fmt: skip
    if raw is not None:
        made[raw] = target
    return {**made, **more}


def call(door: WsgiDoor, environ: dict[str, Any]) -> tuple[str, dict[str, str], bytes]:
    """Status line, header fields and body of the answer."""
    started: list[Any] = []
    answer = door(environ, lambda *start: started.append(start) or (lambda data: None))
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return started[0][0], dict(started[0][1]), body


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def door(application: Application) -> WsgiDoor:
    return WsgiDoor(application, make_guard)


@pytest.mark.parametrize("raw", ["REQUEST_URI", "RAW_URI"])
def test_the_target_as_sent_is_judged_where_the_server_gives_it(
    door: WsgiDoor, application: Application, raw: str
) -> None:
    environ = environ_of(target="/1.0/caf%C3%A9?a=%2F", raw=raw)
    environ["PATH_INFO"] = "/1.0/caf\u00c3\u00a9"
    assert call(door, environ)[0] == "200 OK"
    assert application.environs[0]["mandat.account"] == "aa1-mandat"
    assert application.environs[0]["mandat.application"] == 1
    assert application.environs[0]["mandat.credential"] == 11


def test_elsewhere_a_plain_path_is_taken_as_it_stands(door: WsgiDoor, application: Application) -> None:
    assert call(door, environ_of(target="/1.0/me/a,b@c?x=%2F", raw=None))[0] == "200 OK"


def test_a_path_that_could_have_been_spelled_otherwise_is_refused_with_the_reason(door: WsgiDoor) -> None:
    environ = environ_of(target="/1.0/caf%C3%A9", raw=None)
    environ["PATH_INFO"] = "/1.0/caf\u00c3\u00a9"
    status, _, body = call(door, environ)
    assert status == "400 Bad Request"
    assert b"passes only decoded paths" in body


def test_a_wrong_guess_never_passes(door: WsgiDoor, application: Application) -> None:
    """The caller sent and signed %2C; the server shows a comma."""
    environ = environ_of(target="/1.0/a%2Cb", raw=None)
    environ["PATH_INFO"] = "/1.0/a,b"
    status, _, body = call(door, environ)
    assert (status, b"INVALID_SIGNATURE" in body, application.environs) == ("400 Bad Request", True, [])


@pytest.mark.parametrize("change", [{"PATH_INFO": "/1.0/vps"}, {"SCRIPT_NAME": "/x"}, {"QUERY_STRING": "a=c"}])
def test_what_was_rewritten_before_the_door_is_an_error_not_a_passage(
    door: WsgiDoor, application: Application, change: dict[str, str]
) -> None:
    with pytest.raises(UnusableServer):
        call(door, environ_of(target="/1.0/me?a=b") | change)
    assert application.environs == []


def test_a_mounted_application_is_judged_by_the_whole_path(door: WsgiDoor) -> None:
    assert call(door, environ_of() | {"SCRIPT_NAME": "/1.0", "PATH_INFO": "/me"})[0] == "200 OK"


def test_the_application_reads_the_judged_body_and_nothing_after_it(door: WsgiDoor, application: Application) -> None:
    environ = environ_of("POST", body=b"{}")
    environ["wsgi.input"] = BytesIO(b"{}" + b"GET /evil HTTP/1.1")
    assert call(door, environ)[0] == "200 OK"
    assert application.bodies == [b"{}"]
    assert application.environs[0]["CONTENT_LENGTH"] == "2"


def test_a_body_that_nobody_announced_does_not_reach_the_application(door: WsgiDoor, application: Application) -> None:
    call(door, environ_of("POST") | {"wsgi.input": BytesIO(b'{"evil":1}')})
    assert application.bodies == [b""]


def test_chunks_are_read_to_their_end_where_the_server_ends_them(door: WsgiDoor, application: Application) -> None:
    chunked = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    assert call(door, environ_of("POST", body=b"{}") | chunked | {"wsgi.input_terminated": True})[0] == "200 OK"
    assert "HTTP_TRANSFER_ENCODING" not in application.environs[0]
    assert call(door, environ_of("POST", body=b"[]") | chunked)[0] == "400 Bad Request"


def test_a_body_that_breaks_off_is_refused(door: WsgiDoor, application: Application) -> None:
    assert call(door, environ_of("POST", body=b"{}") | {"wsgi.input": BytesIO(b"{")})[0] == "400 Bad Request"
    assert application.environs == []


def test_bodies_are_bounded_and_given_back_to_the_budget(application: Application) -> None:
    door = WsgiDoor(application, lambda: make_guard(limits=Limits(max_body_bytes=8, buffer_bytes=8)))
    for _ in range(3):
        assert call(door, environ_of("POST", body=b'"123456"'))[0] == "200 OK"
        assert call(door, environ_of("POST", body=b'"1234567"'))[0].startswith("413 ")
    assert len(application.bodies) == 3


def test_repeated_fields_that_the_server_joined_count_as_repeated(door: WsgiDoor) -> None:
    environ = environ_of()
    environ["HTTP_X_OVH_CONSUMER"] += "," + environ["HTTP_X_OVH_CONSUMER"]
    status, _, body = call(door, environ)
    assert (status, b"repeated" in body) == ("401 Unauthorized", True)


def test_many_threads_ask_one_guard(application: Application) -> None:
    made: list[int] = []

    def make() -> Any:
        made.append(threading.get_ident())
        return make_guard()

    door = WsgiDoor(application, make)
    statuses: list[str] = []

    def work() -> None:
        statuses.extend(call(door, environ_of())[0] for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert statuses == ["200 OK"] * 160
    assert len(made) == 1


def test_a_guard_that_cannot_be_made_is_tried_again(application: Application) -> None:
    faults = [OSError("no keys")]

    def make() -> Any:
        if faults:
            raise faults.pop()
        return make_guard()

    door = WsgiDoor(application, make)
    with pytest.raises(OSError, match="no keys"):
        call(door, environ_of())
    assert call(door, environ_of())[0] == "200 OK"


def test_a_forked_child_decides_for_itself(door: WsgiDoor) -> None:
    assert call(door, environ_of())[0] == "200 OK"
    child = os.fork()
    if child == 0:
        os._exit(0 if call(door, environ_of())[0] == "200 OK" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_storage_that_is_down_refuses_with_503(application: Application) -> None:
    grants = make_grants()
    grants.is_down = True
    status, headers, _ = call(WsgiDoor(application, lambda: make_guard(grants)), environ_of())
    assert (status[:3], headers["Retry-After"], application.environs) == ("503", "1", [])
