"""The program as a process: start, stop, refusal to start, what survives."""

import json
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import httpx2
import pytest

from mandat.sandbox.operating.inspection import read_ledger
from mandat.sandbox.operating.seeds import seed
from mandat.sandbox.problems import SandboxStartError
from mandat.sandbox.store.database import open_database
from mandat.sandbox.store.schema import STEPS
from support.ports import free_ports
from support.sandbox import ALICE, HOST, RunningSandbox
from support.sandbox_process import SandboxProcess, real_time_gateway
from support.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def started(tmp_path: Path, sandbox_process: Callable[..., SandboxProcess]) -> SandboxProcess:
    seed(tmp_path, accounts=[ALICE], zones={"example.org": ALICE})
    return sandbox_process(tmp_path)


def test_keys_are_fetched_from_the_gateway_and_calls_answered(started):
    assert started.call("GET", "/me", account=ALICE).json()["nichandle"] == ALICE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(started, number):
    with httpx2.Client() as idle:  # a kept connection, as the gateway holds one
        idle.get(f"http://{HOST}:{started.port}/1.0/")
        code, errors = started.end(number)

    assert code == 0
    events = [json.loads(line) for line in errors.splitlines()]
    assert [event["event"] for event in events] == ["serving", "stopped"]


def test_what_was_answered_survives_a_kill(started, tmp_path, sandbox_process):
    body = {"fieldType": "A", "subDomain": "www", "target": "192.0.2.1"}
    made = started.call("POST", "/domain/zone/example.org/record", account=ALICE, body=body).json()
    started.call("POST", "/domain/zone/example.org/refresh", account=ALICE)
    started.end(signal.SIGKILL)

    again = sandbox_process(tmp_path, started.port)
    try:
        found = again.call("GET", f"/domain/zone/example.org/record/{made['id']}", account=ALICE).json()
        served = dns.query.udp(dns.message.make_query("www.example.org", "A"), HOST, port=again.port + 1, timeout=20)
    finally:
        again.end(signal.SIGTERM)

    assert found == made
    assert [record.to_text() for record in served.answer[0]] == ["192.0.2.1"]


def assert_refuses_to_start(folder: Path, port: int, *words: str, jwks_url: str = "http://127.0.0.1:9/") -> None:
    process = SandboxProcess(folder, port, jwks_url, gateway=real_time_gateway())
    _, errors = process.process.communicate(timeout=20)

    assert process.process.returncode == 1
    assert len(errors.splitlines()) == 1
    for word in words:
        assert word in errors


def test_a_second_sandbox_on_the_same_data_does_not_start(started, tmp_path):
    assert_refuses_to_start(tmp_path, free_ports(3), "Another sandbox", str(tmp_path))


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

    assert_refuses_to_start(tmp_path, free_ports(3), "newer version", "99")


def test_data_of_an_earlier_version_is_brought_up_to_date(tmp_path, sandbox_process):
    connection = sqlite3.connect(tmp_path / "sandbox.sqlite3", isolation_level=None)
    connection.executescript(STEPS[0])
    soa = '{"server": "a.", "email": "b.", "serial": 1, "refresh": 1, "expire": 1, "nx_domain_ttl": 1, "ttl": 1}'
    refreshed = f'{{"soa": {soa}, "records": []}}'
    connection.execute("INSERT INTO zone VALUES ('old.example', ?, 86400, ?, ?)", (ALICE, soa, refreshed))
    connection.execute("INSERT INTO ledger VALUES (1, 2, ?, 3, 4, 'GET', '/1.0/me', 200, NULL)", (ALICE,))
    connection.execute("PRAGMA user_version=1")
    connection.close()

    started = sandbox_process(tmp_path)

    zone = started.call("GET", "/domain/zone/old.example", account=ALICE).json()
    assert (zone["dnssecActivated"], zone["lastUpdate"][:10]) == (False, "1970-01-02")
    service = started.call("GET", "/domain/zone/old.example/serviceInfos", account=ALICE).json()
    assert service["creation"] == "1970-01-02"
    assert read_ledger(tmp_path)[0].path == "/1.0/me"


def test_a_folder_that_is_none_is_said(tmp_path):
    (tmp_path / "file").write_text("")

    assert_refuses_to_start(tmp_path / "file", free_ports(3), "data folder", "file")


def test_an_address_of_keys_that_is_none_is_said(tmp_path):
    assert_refuses_to_start(tmp_path, free_ports(3), "jwks.json", jwks_url="file:///etc/passwd")


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
