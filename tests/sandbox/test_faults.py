"""The fault switch and the ledger: what goes wrong on purpose, and what is noted of it."""

import asyncio
import json
import time
from pathlib import Path

import httpx2
import pytest

from mandat.cli.main import run as command
from mandat.sandbox.operating.fault_switch import FaultRefused, clear_faults, order_fault, ordered_faults
from mandat.sandbox.operating.inspection import read_ledger
from mandat.sandbox.operating.seeds import seed
from mandat.sandbox.problems import SandboxStartError
from mandat.sandbox.store.faults import Fault, FaultAction
from support.sandbox import ALICE, BRUNO

CREATE = "POST /domain/zone/{zoneName}/record"
LIST = "GET /domain/zone"
BODY = {"fieldType": "A", "subDomain": "www", "target": "192.0.2.1"}


def fault(action: FaultAction, operation: str = CREATE, **options: object) -> Fault:
    return Fault(operation, action, 0, **options)


def create(zone, **headers: str) -> httpx2.Response:
    return zone.call("POST", "/record", body=BODY, **headers)


def count(zone) -> int:
    return len(zone.call("GET", "/record?subDomain=www").json())


def last_entry(sandbox, account: str = ALICE):
    return read_ledger(sandbox.folder, account)[-1]


def test_a_call_fails_as_ordered_in_the_wires_shape_and_does_nothing(zone, sandbox, ordered):
    ordered(fault(FaultAction.FAIL, status=503, message="Out of order"))

    failed = create(zone, X_Ovh_QueryID="EU.1")

    assert (failed.status_code, failed.headers["retry-after"]) == (503, "1")
    assert failed.json() == {
        "class": "Server::ServiceUnavailable",
        "message": "Out of order",
        "errorCode": "SERVICE_UNAVAILABLE",
        "httpCode": "503 Service Unavailable",
        "queryId": "EU.1",
    }
    entry = last_entry(sandbox)
    assert (entry.status, entry.changed, entry.fault) == (503, False, "fail 503")
    assert count(zone) == 0
    assert create(zone).status_code == 200


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504])
def test_every_status_has_its_own_class(zone, ordered, status):
    ordered(fault(FaultAction.FAIL, status=status))

    failed = create(zone)

    assert failed.status_code == status
    assert failed.json()["httpCode"].startswith(f"{status} ")
    assert "fault switch" in failed.json()["message"]


def test_a_call_that_fails_after_its_effect_has_happened(zone, sandbox, ordered):
    ordered(fault(FaultAction.FAIL, status=500, after_effect=True))

    assert create(zone, Idempotency_Key="step-1").status_code == 500

    entry = last_entry(sandbox)
    assert (entry.status, entry.changed, entry.fault) == (500, True, "fail 500 after its effect")
    assert count(zone) == 1
    again = create(zone, Idempotency_Key="step-1")
    assert again.status_code == 200
    assert count(zone) == 1
    assert [each.changed for each in read_ledger(sandbox.folder, ALICE) if each.method == "POST"][-2:] == [True, False]


@pytest.mark.parametrize(("after", "records"), [(False, 0), (True, 1)])
def test_a_call_hangs_until_the_caller_has_had_enough(zone, sandbox, ordered, after, records):
    ordered(fault(FaultAction.HANG, after_effect=after))
    headers = {"X-Mandat-Assertion": sandbox.gateway.assertion(ALICE)}

    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{sandbox.origin}/1.0/domain/zone/{zone.name}/record", json=BODY, headers=headers, timeout=0.5)

    assert last_entry(sandbox).status == 0
    assert last_entry(sandbox).changed is after
    assert count(zone) == records


@pytest.mark.parametrize("after", [False, True])
def test_a_call_is_answered_late_and_others_are_not(zone, ordered, after):
    ordered(fault(FaultAction.LATE, seconds=0.4, after_effect=after))
    started = time.monotonic()

    made = create(zone)
    took = time.monotonic() - started
    create(zone)

    assert made.status_code == 200
    assert 0.4 <= took < 3
    assert time.monotonic() - started - took < 0.4
    assert count(zone) == 2


async def test_what_is_late_holds_up_nobody_else_and_happens_only_then(zone, sandbox, ordered):
    ordered(fault(FaultAction.LATE, seconds=1.0))
    late = asyncio.create_task(asyncio.to_thread(create, zone))
    started = time.monotonic()
    while time.monotonic() - started < 0.5:
        assert await asyncio.to_thread(count, zone) == 0

    assert (await late).status_code == 200
    assert count(zone) == 1
    assert last_entry(sandbox, ALICE).path.endswith("subDomain=www")


def test_a_fault_is_met_as_often_as_ordered(zone, sandbox, ordered):
    ordered(fault(FaultAction.FAIL, status=500, remaining=2))
    ordered(fault(FaultAction.FAIL, status=404))

    assert [create(zone).status_code for _ in range(4)] == [500, 500, 404, 200]
    assert [(each.remaining, each.hits) for each in ordered_faults(sandbox.folder)] == [(0, 2), (0, 1)]


def test_a_fault_for_always_lasts_until_it_is_cleared(zone, sandbox, ordered):
    number = ordered(fault(FaultAction.FAIL, status=500, remaining=None))
    assert [create(zone).status_code for _ in range(5)] == [500] * 5

    assert clear_faults(sandbox.folder, number) == 1

    assert create(zone).status_code == 200


def test_a_fault_may_be_for_one_account_and_is_for_one_operation(zone, sandbox, ordered):
    ordered(fault(FaultAction.FAIL, LIST, status=500, account=BRUNO, remaining=None))

    assert sandbox.call("GET", "/domain/zone", account=ALICE).status_code == 200
    assert sandbox.call("GET", "/domain/zone/", account=BRUNO).status_code == 500
    assert sandbox.call("GET", "/domain", account=BRUNO).status_code == 200
    assert sandbox.http.get("/1.0/domain.json").status_code == 200


def test_a_refused_call_meets_its_fault_too_and_strangers_meet_none(zone, sandbox, ordered):
    ordered(fault(FaultAction.FAIL, status=500))

    assert sandbox.http.post(f"/1.0/domain/zone/{zone.name}/record").status_code == 401
    assert zone.call("POST", "/record", body={}).status_code == 500
    assert zone.call("POST", "/record", body={}).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (fault(FaultAction.FAIL, "POST /domain/zone/{name}/record", status=500), "nearest is 'POST /domain/zone/"),
        (fault(FaultAction.FAIL, "record", status=500), "no operation"),
        (fault(FaultAction.FAIL, status=418), "400, 401, 403"),
        (fault(FaultAction.FAIL, status=None), "400, 401, 403"),
        (fault(FaultAction.LATE, seconds=0.0), "at most 600 seconds"),
        (fault(FaultAction.LATE, seconds=601.0), "at most 600 seconds"),
        (fault(FaultAction.LATE, seconds=float("nan")), "at most 600 seconds"),
        (fault(FaultAction.BREAK), "starts nothing"),
        (fault(FaultAction.HANG, remaining=0), "1 to 1000000 times"),
        (fault(FaultAction.FAIL, status=500, message=""), "1 to 300 characters"),
    ],
)
def test_what_cannot_be_meant_is_not_ordered(sandbox, wrong, words):
    with pytest.raises(FaultRefused, match=words):
        order_fault(sandbox.folder, wrong)

    assert ordered_faults(sandbox.folder) == []


def test_faults_outlive_a_restart(tmp_path, sandbox_process):
    seed(tmp_path, accounts=[ALICE], zones={})
    order_fault(tmp_path, fault(FaultAction.FAIL, LIST, status=500, remaining=None))
    first = sandbox_process(tmp_path)
    assert first.call("GET", "/domain/zone", account=ALICE).status_code == 500
    first.end(9)

    assert sandbox_process(tmp_path).call("GET", "/domain/zone", account=ALICE).status_code == 500


def test_a_sandbox_with_a_hanging_call_stops_at_once(tmp_path, sandbox_process):
    seed(tmp_path, accounts=[ALICE], zones={})
    order_fault(tmp_path, fault(FaultAction.HANG, LIST))
    sandbox = sandbox_process(tmp_path)

    async def hang_and_stop() -> float:
        hanging = asyncio.create_task(asyncio.to_thread(sandbox.call, "GET", "/domain/zone", account=ALICE))
        while not read_ledger(tmp_path):
            await asyncio.sleep(0.02)
        started = time.monotonic()
        await asyncio.to_thread(sandbox.end, 15)
        await asyncio.gather(hanging, return_exceptions=True)
        return time.monotonic() - started

    assert asyncio.run(hang_and_stop()) < 4


class Shell:
    """The command line, on one folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        status = command(["sandbox", *words, "--data", str(self._folder)])
        said = self._capsys.readouterr()
        return status, said.out, said.err

    def json(self, *words: str):
        status, out, _ = self(*words, "--json")
        assert status == 0
        return json.loads(out)


@pytest.fixture
def shell(sandbox, capsys):
    yield Shell(sandbox.folder, capsys)
    clear_faults(sandbox.folder)


def test_the_command_line_orders_lists_and_clears(shell, zone):
    number = shell.json("fault", "set", CREATE, "--fail", "503", "--times", "2")["id"]
    status, said, _ = shell("fault", "set", LIST, "--late", "0.1", "--always", "--account", ALICE, "--after")
    assert (status, "late by 0.1 s after its effect" in said) == (0, True)
    assert create(zone).status_code == 503

    listed = shell.json("fault", "list")
    assert listed[0] == {
        "id": number, "operation": CREATE, "does": "fail 503", "account": None, "remaining": 1, "hits": 1,
    }  # fmt: skip
    assert (listed[1]["remaining"], listed[1]["account"]) == (None, ALICE)
    assert CREATE in shell("fault", "list")[1]
    assert shell("fault", "clear", str(number))[:2] == (0, "Forgot 1 fault.\n")
    assert shell("fault", "clear")[:2] == (0, "Forgot 1 fault.\n")
    assert shell("fault", "clear")[:2] == (1, "Forgot 0 faults.\n")
    assert shell("fault", "list")[1] == "No faults are ordered.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([CREATE], "one of --fail STATUS"),
        ([CREATE, "--fail", "500", "--hang"], "one of --fail STATUS"),
        ([CREATE, "--fail", "418"], "400, 401"),
        ([CREATE, "--late", "-1"], "600 seconds"),
        (["GET /nothing", "--hang"], "no operation"),
        ([CREATE, "--break"], "starts nothing"),
        (["POST /vps/{serviceName}/reboot", "--break", "--after"], "--after"),
        ([CREATE, "--fail", "x"], "--fail"),
    ],
)
def test_what_cannot_be_meant_is_explained_with_exit_status_2(shell, words, said):
    status, _, errors = shell("fault", "set", *words)

    assert status == 2
    assert said in errors


def test_a_folder_without_a_sandbox_is_explained(tmp_path, capsys):
    for words in (["fault", "list"], ["ledger"]):
        assert command(["sandbox", *words, "--data", str(tmp_path)]) == 1
        assert "no sandbox's data" in capsys.readouterr().err
    with pytest.raises(SandboxStartError):
        order_fault(tmp_path, fault(FaultAction.HANG))


def test_the_folder_of_a_demo_will_do(tmp_path, capsys):
    seed(tmp_path / "sandbox", accounts=[ALICE], zones={})

    assert command(["sandbox", "fault", "list", "--data", str(tmp_path), "--json"]) == 0
    assert capsys.readouterr().out == "[]\n"


def test_the_ledger_says_what_happened_to_an_account(shell, zone, sandbox):
    made = create(zone, X_Ovh_QueryID="EU.7", Idempotency_Key="step-9").json()
    create(zone, Idempotency_Key="step-9")
    zone.call("DELETE", f"/record/{made['id']}")
    zone.call("GET", "/record")
    sandbox.call("GET", "/me", account=BRUNO)

    entries = [entry for entry in shell.json("ledger", "--account", ALICE) if zone.name in entry["path"]]
    changes = [entry for entry in shell.json("ledger", "--changes") if zone.name in entry["path"]]

    assert [(each["method"], each["status"], each["changed"]) for each in entries] == [
        ("POST", 200, True),
        ("POST", 200, False),
        ("DELETE", 200, True),
        ("GET", 200, False),
    ]
    assert entries[0]["queryId"] == "EU.7"
    assert entries[0]["application"] == 7
    assert changes == [entries[0], entries[2]]
    assert {entry["account"] for entry in shell.json("ledger", "--account", BRUNO)} == {BRUNO}
    assert "DELETE /1.0/domain/zone/" in shell("ledger")[1]
