"""The forward-auth listener asked directly: who may ask, how a question must be put, what nginx is told."""

import json
from collections.abc import Iterator

import pytest

from doors.calling import Answer, exchange
from doors.doors import DoorRunner
from doors.table import HOST, NOW, Case, Outcome
from mandat.enforcement.forward_auth.styles import STYLES, read_original
from mandat.enforcement.gateway.framing import FramingFault
from support.deciding import signed_headers

NGINX = [
    ("X-Original-Method", "GET"),
    ("X-Original-URI", "/1.0/me"),
    ("X-Original-Host", HOST),
    ("X-Original-Body", "length=;coding="),
    ("X-Forwarded-For", "192.0.2.7"),
]
TRAEFIK = [
    ("X-Forwarded-Method", "GET"),
    ("X-Forwarded-Uri", "/1.0/me"),
    ("X-Forwarded-Host", HOST),
    ("X-Forwarded-For", "192.0.2.7"),
]


@pytest.fixture(scope="module")
def listeners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """A listener for each style, by its port. The one case they know: number 0."""
    running = DoorRunner([CASE], tmp_path_factory.mktemp("asked"))
    yield {style: running.asked(style) for style in STYLES}
    running.close()


CASE = Case("the one call", Outcome.of("permit"))


def ask(
    port: int,
    fields: list[tuple[str, str]],
    *,
    line: str = "GET / HTTP/1.1",
    body: bytes = b"",
    signed_body: bytes = b"",
    method: str = "GET",
    source: str = "127.0.0.1",
    host: str = "mandat",
) -> Answer:
    """One question; `fields` come beside the four of a call that is signed for `method`, /1.0/me and `signed_body`."""
    keys = {"application_key": CASE.application_key, "consumer_key": CASE.consumer_key}
    signed = signed_headers(method, "/1.0/me", signed_body, **keys)
    head = [("Host", host), *((name.decode(), value.decode()) for name, value in signed), *fields]
    if body:
        head.append(("Content-Length", str(len(body))))
    text = "".join(f"{name}: {value}\r\n" for name, value in head)
    return exchange(port, f"{line}\r\n{text}\r\n".encode() + body, source=source)


def test_a_permit_says_for_whom_the_call_is(listeners: dict[str, int]) -> None:
    answer = ask(listeners["nginx"], NGINX)
    assert answer.status == 200
    assert answer.headers["x-mandat-account"] == CASE.account
    assert answer.headers["x-mandat-application"] == "1000"
    assert answer.headers["x-mandat-credential"] == "5000"
    assert answer.headers["x-mandat-caller-address"] == "192.0.2.7"
    assert answer.headers["x-mandat-public-origin"] == f"https://{HOST}"
    assert answer.headers["x-mandat-assertion"].count(".") == 2


def test_nobody_but_a_trusted_peer_is_answered(listeners: dict[str, int]) -> None:
    for style, port in listeners.items():
        assert ask(port, NGINX, source="127.0.0.2").status == 0, style


@pytest.mark.parametrize("name", ["X-Original-Method", "X-Original-URI", "X-Original-Host", "X-Original-Body"])
def test_each_fact_must_be_said_exactly_once(listeners: dict[str, int], name: str) -> None:
    without = [field for field in NGINX if field[0] != name]
    twice = [*NGINX, *(field for field in NGINX if field[0] == name)]
    disguised = [*NGINX, (name.replace("-", "_"), "x")]
    for fields in (without, twice, disguised, [*without, (name, "")]):
        answer = ask(listeners["nginx"], fields)
        assert (answer.status, answer.headers["x-mandat-status"]) == (403, "400"), fields
        assert name.lower() in answer.error["details"]["reason"]  # type: ignore[index]


@pytest.mark.parametrize(
    "told", ["length=2;coding=", "length=;coding=chunked", "length=00001;coding=", "", "x", "length=0"]
)
def test_a_call_whose_body_cannot_be_seen_is_refused_and_told_why(listeners: dict[str, int], told: str) -> None:
    fields = [field if field[0] != "X-Original-Body" else (field[0], told) for field in NGINX]
    answer = ask(listeners["nginx"], fields)
    assert answer.status == 403
    assert answer.code == "BAD_REQUEST"
    assert "body" in answer.error["details"]["reason"]  # type: ignore[index]


@pytest.mark.parametrize("told", ["length=;coding=", "length=0;coding=", "length=-;coding=-", "length=000;coding="])
def test_a_call_without_a_body_is_decided_fully(listeners: dict[str, int], told: str) -> None:
    fields = [field if field[0] != "X-Original-Body" else (field[0], told) for field in NGINX]
    assert ask(listeners["nginx"], fields).status == 200


def test_nginx_gets_only_statuses_that_it_knows_and_the_refusal_as_a_field(listeners: dict[str, int]) -> None:
    fields = [field if field[0] != "X-Original-URI" else (field[0], "/1.0/me/../x") for field in NGINX]
    answer = ask(listeners["nginx"], fields)
    assert answer.status == 403
    assert answer.headers["x-mandat-status"] == "400"
    refusal = json.loads(answer.headers["x-mandat-refusal"])
    assert refusal["errorCode"] == "INVALID_URL"
    assert refusal == answer.error


def test_the_others_get_the_status_itself(listeners: dict[str, int]) -> None:
    fields = [field if field[0] != "X-Forwarded-Uri" else (field[0], "/1.0/me/../x") for field in TRAEFIK]
    answer = ask(listeners["traefik"], fields)
    assert (answer.status, answer.code) == (400, "INVALID_URL")


def test_traefik_passes_the_body_as_the_question_s_own(listeners: dict[str, int]) -> None:
    fields = [field if field[0] != "X-Forwarded-Method" else (field[0], "POST") for field in TRAEFIK]
    body = b'{"a": 1}'
    assert ask(listeners["traefik"], fields, body=body, signed_body=body, method="POST").status == 200
    answer = ask(listeners["traefik"], fields, body=b'{"a": 2}', signed_body=body, method="POST")
    assert answer.code == "INVALID_SIGNATURE"


def test_an_envoy_that_does_not_pass_bodies_is_found_out(listeners: dict[str, int]) -> None:
    fields = [("X-Original-Body", "length=8;coding=-"), ("X-Forwarded-For", "192.0.2.7")]
    line = "POST /1.0/me HTTP/1.1"
    answer = ask(listeners["envoy"], fields, line=line, host=HOST, method="POST")
    assert answer.code == "BAD_REQUEST"
    assert "does not show it" in answer.error["details"]["reason"]  # type: ignore[index]


def test_what_cannot_be_parsed_is_no_error_of_the_proxy(listeners: dict[str, int]) -> None:
    answer = ask(listeners["nginx"], [*NGINX, ("X-A", "a\x01b")])
    assert answer.status == 403
    assert answer.headers["x-mandat-status"] == "400"
    assert answer.code == "BAD_REQUEST"


def test_the_authority_s_own_routes_are_not_for_proxies(listeners: dict[str, int]) -> None:
    keys = {"application_key": CASE.application_key, "consumer_key": CASE.consumer_key}
    signed = signed_headers("GET", "/1.0/auth/details", timestamp=NOW, **keys)
    fields = [field if field[0] != "X-Original-URI" else (field[0], "/1.0/auth/details") for field in NGINX]
    text = "".join(f"{name}: {value}\r\n" for name, value in fields)
    text += "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in signed)
    answer = exchange(listeners["nginx"], f"GET / HTTP/1.1\r\nHost: mandat\r\n{text}\r\n".encode(), source="127.0.0.1")
    assert (answer.status, answer.headers["x-mandat-status"]) == (403, "404")


def test_a_fact_of_another_style_counts_for_nothing() -> None:
    original = read_original(
        STYLES["envoy"],
        b"GET",
        b"/1.0/me",
        b"api.example",
        [(b"x-original-method", b"DELETE"), (b"x-forwarded-uri", b"/x"), (b"x-original-body", b"length=-;coding=-")],
    )
    assert not isinstance(original, FramingFault)
    assert (original.method, original.target, original.host) == (b"GET", b"/1.0/me", b"api.example")
