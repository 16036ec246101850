"""The program as a process: start, stop, refusal to start, what survives."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dns.message
import dns.query
import httpx2
import pytest

from doubles.assertions import AUDIENCE, ISSUER, AssertingGateway
from mandat.sandbox.problems import SandboxStartError
from mandat.sandbox.seeds import seed
from mandat.sandbox.store.database import open_database
from support.ports import free_ports
from support.sandbox import ALICE, HOST, RunningSandbox
from support.waiting import wait_for

MAIN = """
import sys
from pathlib import Path
from mandat.sandbox.program import SandboxSettings, SandboxStartError, run
folder, port, jwks_url, issuer, audience = sys.argv[1:]
try:
    run(
        SandboxSettings(
            folder=Path(folder), port=int(port), dns_port=int(port) + 1,
            issuer=issuer, audience=audience, jwks_url=jwks_url,
        ),
        on_ready=lambda: print("ready", flush=True),
    )
except SandboxStartError as problem:
    sys.exit(str(problem))
"""


class SandboxProcess:
    """`mandat.sandbox.program.run` in a process of its own."""

    def __init__(self, folder: Path, port: int, jwks_url: str) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, str(folder), str(port), jwks_url, ISSUER, AUDIENCE],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def end(self, number: int) -> tuple[int, str]:
        """Sends the signal; exit code and standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@pytest.fixture
def gateway() -> AssertingGateway:
    return AssertingGateway(time.time)


@pytest.fixture
def jwks_url(gateway: AssertingGateway) -> Iterator[str]:
    """Where the gateway's keys are really fetched from, over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(gateway.key_set()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{HOST}:{server.server_port}/.well-known/mandat/jwks.json"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def started(tmp_path: Path, jwks_url: str) -> Iterator[SandboxProcess]:
    seed(tmp_path, accounts=[ALICE], zones={"example.org": ALICE})
    process = SandboxProcess(tmp_path, free_ports(2), jwks_url)
    process.wait_until_ready()
    yield process
    if process.process.poll() is None:
        process.end(signal.SIGKILL)


def call(process: SandboxProcess, gateway: AssertingGateway, method: str, path: str, **options: object):
    headers = {"X-Mandat-Assertion": gateway.assertion(ALICE)}
    return httpx2.request(method, f"http://{HOST}:{process.port}/1.0{path}", headers=headers, **options)


def test_keys_are_fetched_from_the_gateway_and_calls_answered(started, gateway):
    assert call(started, gateway, "GET", "/me").json()["nichandle"] == ALICE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(started, gateway, number):
    with httpx2.Client() as idle:  # a kept connection, as the gateway holds one
        idle.get(f"http://{HOST}:{started.port}/1.0/")
        code, errors = started.end(number)

    assert code == 0
    events = [json.loads(line) for line in errors.splitlines()]
    assert [event["event"] for event in events] == ["serving", "stopped"]


def test_what_was_answered_survives_a_kill(started, gateway, tmp_path, jwks_url):
    body = {"fieldType": "A", "subDomain": "www", "target": "192.0.2.1"}
    made = call(started, gateway, "POST", "/domain/zone/example.org/record", json=body).json()
    call(started, gateway, "POST", "/domain/zone/example.org/refresh")
    started.end(signal.SIGKILL)

    again = SandboxProcess(tmp_path, started.port, jwks_url)
    again.wait_until_ready()
    try:
        found = call(again, gateway, "GET", f"/domain/zone/example.org/record/{made['id']}").json()
        served = dns.query.udp(dns.message.make_query("www.example.org", "A"), HOST, port=again.port + 1, timeout=20)
    finally:
        again.end(signal.SIGTERM)

    assert found == made
    assert [record.to_text() for record in served.answer[0]] == ["192.0.2.1"]


def assert_refuses_to_start(folder: Path, port: int, *words: str, jwks_url: str = "http://127.0.0.1:9/") -> None:
    process = SandboxProcess(folder, port, jwks_url)
    _, errors = process.process.communicate(timeout=20)

    assert process.process.returncode == 1
    assert len(errors.splitlines()) == 1
    for word in words:
        assert word in errors


def test_a_second_sandbox_on_the_same_data_does_not_start(started, tmp_path):
    assert_refuses_to_start(tmp_path, free_ports(2), "Another sandbox", str(tmp_path))


@pytest.mark.parametrize("taken", [0, 1])
def test_a_taken_port_is_said(started, tmp_path, taken):
    port = started.port - 1 if taken == 1 else started.port

    assert_refuses_to_start(tmp_path / "other", port, "cannot listen", str(started.port), "another port")


@pytest.mark.parametrize("port", [0, 65535, 70000])
def test_a_port_that_is_none_is_said(tmp_path, port):
    assert_refuses_to_start(tmp_path, port, "ports go from 1 to 65535")


def test_data_of_a_newer_version_is_left_alone(tmp_path):
    connection = open_database(tmp_path)
    connection.execute("PRAGMA user_version=99")
    connection.close()

    assert_refuses_to_start(tmp_path, free_ports(2), "newer version", "99")


def test_a_folder_that_is_none_is_said(tmp_path):
    (tmp_path / "file").write_text("")

    assert_refuses_to_start(tmp_path / "file", free_ports(2), "data folder", "file")


def test_an_address_of_keys_that_is_none_is_said(tmp_path):
    assert_refuses_to_start(tmp_path, free_ports(2), "jwks.json", jwks_url="file:///etc/passwd")


def test_seeding_again_changes_nothing(tmp_path):
    seed(tmp_path, accounts=[ALICE], zones={"example.org": ALICE})
    before = dump(tmp_path)

    seed(tmp_path, accounts=[ALICE], zones={"example.org": "someone-else"})

    assert dump(tmp_path) == before
    assert len(before["zone"]) == 1
    assert len(before["record"]) == 2


@pytest.mark.parametrize("name", ["Example.org", "example.org.", "", "exa mple.org", "caf\u00e9.example"])
def test_a_zone_that_could_not_be_served_is_not_seeded(tmp_path, name):
    with pytest.raises(ValueError, match="name"):
        seed(tmp_path, accounts=[ALICE], zones={name: ALICE})


def test_seeding_under_a_running_sandbox_is_refused(started, tmp_path):
    with pytest.raises(SandboxStartError, match="Another sandbox"):
        seed(tmp_path, accounts=[], zones={"more.example": ALICE})


def test_data_is_readable_by_its_owner_only(tmp_path):
    folder = tmp_path / "new"
    seed(folder, accounts=[], zones={})

    assert folder.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


def test_broken_storage_is_a_503_in_the_wires_shape_and_heals(tmp_path):
    from doubles.nature import SetClock

    seed(tmp_path, accounts=[ALICE], zones={"example.org": ALICE})
    running = RunningSandbox(tmp_path, SetClock(time.time()))
    other = open_database(tmp_path)
    try:
        other.execute("BEGIN EXCLUSIVE")
        broken = running.call("GET", "/me", account=ALICE)
        other.rollback()
        healed = wait_for(lambda: running.call("GET", "/me", account=ALICE).status_code == 200, what="an answer")
    finally:
        other.close()
        running.stop()

    assert (broken.status_code, broken.json()["errorCode"]) == (503, "SERVICE_UNAVAILABLE")
    assert broken.headers["retry-after"] == "1"
    assert healed


def dump(folder: Path) -> dict[str, list[tuple]]:
    connection = open_database(folder)
    tables = ("account", "zone", "record")
    content = {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}
    connection.close()
    return content
