"""Whole zones: files in and out, earlier states, reset, tasks, the flag and the contract around them."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from mandat.sandbox.store.faults import Fault, FaultAction
from support.sandbox import ALICE, BRUNO
from support.waiting import wait_for

FILE = """\
$ORIGIN {zone}.
$TTL 600
@   IN SOA dns1.sandbox.example. hostmaster.sandbox.example. ( 1 7200 900 1209600 300 )
@      NS  dns1.sandbox.example.
       NS  ns1.sandbox.example.
@      MX  10 mail
www 60 A   192.0.2.7
mail   A   192.0.2.8
*      TXT "any; thing" "and more"
"""
BEGINS, ENDS = 0.5, 1.0  # seconds after the call in which a task is begun and done


def start_import(zone, text: str | None = None, **headers: str):
    answer = zone.call(
        "POST", "/import", body={"zoneFile": FILE.format(zone=zone.name) if text is None else text}, **headers
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def task(zone, task_id: int):
    return zone.call("GET", f"/task/{task_id}").json()


def records(zone):
    found = [zone.call("GET", f"/record/{record_id}").json() for record_id in zone.call("GET", "/record").json()]
    return sorted((each["fieldType"], each["subDomain"], each["target"], each["ttl"]) for each in found)


def test_an_import_is_a_task_that_replaces_the_zone_when_it_is_done(zone, sandbox):
    zone.serve(("A", "old", "192.0.2.1"))
    began = start_import(zone)
    assert (began["function"], began["status"], began["doneDate"]) == ("ZoneImport", "todo", None)
    assert (began["canCancel"], began["canAccelerate"], began["canRelaunch"]) == (True, True, False)
    assert sandbox.answers(f"old.{zone.name}", "A") == ["A 192.0.2.1"]

    sandbox.clock.advance(BEGINS)
    assert task(zone, began["id"])["status"] == "doing"
    sandbox.clock.advance(ENDS)
    done = task(zone, began["id"])

    assert (done["status"], done["canCancel"]) == ("done", False)
    assert done["doneDate"] is not None
    assert sandbox.answers(f"www.{zone.name}", "A") == ["A 192.0.2.7"]
    assert sandbox.answers(f"old.{zone.name}", "A") == []
    assert sandbox.answers(zone.name, "MX") == [f"MX 10 mail.{zone.name}."]
    assert ("A", "www", "192.0.2.7", 60) in records(zone)
    soa = zone.call("GET", "/soa").json()
    assert (soa["refresh"], soa["nxDomainTtl"], soa["ttl"]) == (7200, 300, 600)
    assert soa["serial"] > 2_000_000_000


def test_an_import_is_done_without_anybody_asking(zone, sandbox):
    start_import(zone)
    sandbox.clock.advance(BEGINS + ENDS)

    wait_for(lambda: sandbox.answers(f"www.{zone.name}", "A") == ["A 192.0.2.7"], what="the import")


def test_an_export_is_a_text_that_can_be_imported_again(zone, sandbox):
    zone.add("A", "www", "192.0.2.1", 60)
    zone.add("DKIM", "k._domainkey", "v=DKIM1; p=" + "A" * 400)
    zone.add("MX", "", "10 mail")
    zone.refresh()
    text = zone.call("GET", "/export").json()
    served = sandbox.answers(f"k._domainkey.{zone.name}", "TXT")
    assert isinstance(text, str)

    start_import(zone, "")  # an empty file leaves the name servers
    sandbox.clock.advance(BEGINS + ENDS)
    assert [kind for kind, *_ in records(zone)] == ["NS", "NS"]
    start_import(zone, text)
    sandbox.clock.advance(BEGINS + ENDS)

    assert {(kind, name) for kind, name, *_ in records(zone)} == {
        ("A", "www"),
        ("TXT", "k._domainkey"),
        ("MX", ""),
        ("NS", ""),
    }
    assert sandbox.answers(f"k._domainkey.{zone.name}", "TXT") == served
    assert zone.call("GET", "/export").json().splitlines()[3:] != []


def test_repeating_an_import_starts_one_task(zone):
    with ThreadPoolExecutor(4) as pool:
        ids = {each["id"] for each in pool.map(lambda _: start_import(zone, Idempotency_Key="step-1"), range(8))}

    assert zone.call("GET", "/task").json() == list(ids)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("www A 192.0.2", "line 1"),
        ("\n\nwww A 192.0.2.1 junk", "line 3"),
        ("$INCLUDE /etc/passwd", "$INCLUDE"),
        ("$GENERATE 1-1000000000 a$ A 192.0.2.1", "$GENERATE"),
        ("a CNAME b\na A 192.0.2.1", "not compatible with a CNAME"),
        ("other.example. A 192.0.2.1", "other.example., which is not in the zone"),
        ("$ORIGIN com.\na A 192.0.2.1", "a.com., which is not in the zone"),
        ("a DS 1 8 2 " + "aa" * 32, "type DS"),
        ("a SSHFP 1 1 xyz", "line 1"),
        ("a 5 A 192.0.2.1", "'a' A whose ttl must be 0 or from 60"),
        ("@ CNAME other.example.", "CNAME"),
        ("a@b A 192.0.2.1", "subDomain"),
        ("@ SOA a. b. 1 0 1 1 1", "start of authority whose refresh"),
        ("@ SOA a. b. x 0 1 1 1", "line 1"),
        ("(" * 5000, "line 1"),
        ('a TXT "unfinished', "line 1"),
        ("".join(f"a{number} A 192.0.2.1\n" for number in range(5001)), "more than 5000 records"),
        ("; " + "x" * 1_000_000, "longer than 1000000 characters"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_line(zone, text, words):
    before = records(zone)

    answer = zone.call("POST", "/import", body={"zoneFile": text})

    assert (answer.status_code, answer.json()["details"]) == (400, {"field": "zoneFile"})
    assert words in answer.json()["message"]
    assert answer.json()["message"].isascii()
    assert len(answer.json()["message"]) < 600
    assert zone.call("GET", "/task").json() == []
    assert records(zone) == before


@pytest.mark.parametrize("value", [None, 5, ["a A 192.0.2.1"], "a\x00b", "\x85"])
def test_a_file_must_be_a_text_of_lines(zone, value):
    answer = zone.call("POST", "/import", body={"zoneFile": value})

    assert (answer.status_code, answer.json()["details"]) == (400, {"field": "zoneFile"})


def test_a_task_can_be_cancelled_and_relaunched(zone, sandbox):
    began = start_import(zone)
    assert zone.call("POST", f"/task/{began['id']}/cancel").content == b"null"
    sandbox.clock.advance(BEGINS + ENDS)
    cancelled = task(zone, began["id"])
    assert (cancelled["status"], cancelled["canRelaunch"]) == ("cancelled", True)
    assert ("A", "www", "192.0.2.7", 60) not in records(zone)

    assert zone.call("POST", f"/task/{began['id']}/relaunch").content == b"null"
    sandbox.clock.advance(BEGINS + ENDS)
    assert task(zone, began["id"])["status"] == "done"
    assert ("A", "www", "192.0.2.7", 60) in records(zone)


def test_a_task_can_be_accelerated(zone):
    began = start_import(zone)

    zone.call("POST", f"/task/{began['id']}/accelerate")

    assert task(zone, began["id"])["status"] == "done"


@pytest.mark.parametrize("wish", ["cancel", "accelerate", "relaunch"])
def test_what_a_task_cannot_do_any_more_is_a_conflict(zone, sandbox, wish):
    began = start_import(zone)
    sandbox.clock.advance(BEGINS + ENDS)

    answer = zone.call("POST", f"/task/{began['id']}/{wish}")

    assert (answer.status_code, answer.json()["message"]) == (409, f"A task that is done cannot be asked to {wish}")


def test_a_task_that_the_fault_switch_breaks_says_so_and_changes_nothing(zone, sandbox, ordered):
    ordered(Fault("POST /domain/zone/{zoneName}/import", FaultAction.BREAK, 0))
    before = records(zone)
    began = start_import(zone)
    sandbox.clock.advance(BEGINS + ENDS)

    failed = task(zone, began["id"])

    assert (failed["status"], failed["canRelaunch"]) == ("error", True)
    assert "fault switch" in failed["comment"]
    assert records(zone) == before


def test_tasks_are_narrowed_and_anothers_do_not_exist(zone, sandbox):
    first, second = start_import(zone), start_import(zone)
    zone.call("POST", f"/task/{first['id']}/cancel")

    assert zone.call("GET", "/task").json() == [first["id"], second["id"]]
    assert zone.call("GET", "/task?status=cancelled").json() == [first["id"]]
    assert zone.call("GET", "/task?function=ZoneImport&status=todo").json() == [second["id"]]
    assert zone.call("GET", "/task?function=Other").json() == []
    assert zone.call("GET", "/task?status=waiting").status_code == 400
    other = f"/domain/zone/bruno.example/task/{first['id']}"
    for path in (other, f"{other}/cancel"):
        method = "GET" if path == other else "POST"
        answer = sandbox.call(method, path, account=BRUNO)
        assert (answer.status_code, answer.json()["message"]) == (404, "This task does not exist")


def test_each_refresh_can_be_gone_back_to(zone, sandbox):
    zone.serve(("A", "www", "192.0.2.1"))
    sandbox.clock.advance(10)
    zone.serve(("A", "www", "192.0.2.2"))
    [*_, earlier, later] = zone.call("GET", "/history").json()

    point = zone.call("GET", f"/history/{earlier}").json()
    file = base64.b64decode(point["zoneFileUrl"].partition("base64,")[2]).decode()
    assert point["creationDate"] == earlier
    assert "www IN A 192.0.2.1" in file
    assert "192.0.2.2" not in file

    restored = zone.call("POST", f"/history/{earlier.replace('+', '%2B')}/restore").json()
    assert restored["function"] == "ZoneRestore"
    sandbox.clock.advance(BEGINS + ENDS)
    assert task(zone, restored["id"])["status"] == "done"
    assert sandbox.answers(f"www.{zone.name}", "A") == ["A 192.0.2.1"]
    assert later < zone.call("GET", "/history").json()[-1]


def test_history_is_narrowed_by_time_and_kept_for_thirty_refreshes(zone, sandbox):
    for _ in range(32):
        sandbox.clock.advance(1)
        zone.refresh()
    moments = zone.call("GET", "/history").json()

    assert len(moments) == 30
    fifth = moments[4]
    assert zone.call("GET", f"/history?creationDate.to={fifth}").json() == moments[:5]
    assert zone.call("GET", f"/history?creationDate.from={fifth.replace('+', '%2B')}").json() == moments[4:]


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-31", "2026-01-31T08:00:00", "9" * 30, "%00", "\u0661"])
def test_a_moment_that_is_none_is_refused(zone, moment):
    for path in (f"/history/{moment}", f"/history?creationDate.from={moment}"):
        answer = zone.call("GET", path)
        assert answer.status_code == 400
        assert answer.json()["details"]["field"] in ("creationDate", "creationDate.from")


def test_a_moment_without_a_restore_point_is_said(zone):
    answer = zone.call("GET", "/history/2001-01-31T08:00:00+00:00")

    assert (answer.status_code, answer.json()["message"]) == (404, "This restore point does not exist")


def test_a_reset_leaves_the_name_servers_and_what_is_given(zone, sandbox):
    zone.serve(("A", "www", "192.0.2.1"), ("MX", "", "10 mail"))
    body = {"minimized": True, "DnsRecords": [{"fieldType": "A", "target": "192.0.2.9"}]}

    assert zone.call("POST", "/reset", body=body).content == b"null"

    assert [(kind, name) for kind, name, *_ in records(zone)] == [("A", ""), ("NS", ""), ("NS", "")]
    assert sandbox.answers(zone.name, "A") == ["A 192.0.2.9"]
    assert sandbox.answers(f"www.{zone.name}", "A") == []
    zone.call("POST", "/reset", body=None)
    assert sandbox.answers(zone.name, "A") == []


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ({}, "DnsRecords"),
        ([None], "DnsRecords[0]"),
        ([{"fieldType": "A", "target": "192.0.2.1"}, {"target": "x"}], "DnsRecords[1].fieldType"),
        ([{"fieldType": "B", "target": "x"}], "DnsRecords[0].fieldType"),
        ([{"fieldType": "A", "target": "x"}], "DnsRecords[0].target"),
        ([{"fieldType": "CNAME", "target": "x"}], "DnsRecords[0].fieldType"),
        ([{"fieldType": "A", "target": "192.0.2.1", "ttl": 60}], "DnsRecords[0].'ttl'"),
        ([{"fieldType": "A", "target": "192.0.2.1"}] * 1001, "DnsRecords"),
        ([[]], "DnsRecords[0]"),
    ],
)
def test_a_reset_with_wrong_records_changes_nothing_and_names_the_item(zone, items, field):
    zone.add("A", "www", "192.0.2.1")
    before = records(zone)

    answer = zone.call("POST", "/reset", body={"DnsRecords": items})

    assert (answer.status_code, answer.json()["details"]) == (400, {"field": field})
    assert records(zone) == before


def test_dnssec_is_a_flag(zone):
    assert zone.call("GET", "/dnssec").json() == {"status": "disabled"}
    assert zone.call("DELETE", "/dnssec").status_code == 409
    assert zone.call("POST", "/dnssec").content == b"null"
    assert zone.call("POST", "/dnssec").json()["message"] == "DNSSEC is enabled already"
    assert zone.call("GET", "/dnssec").json() == {"status": "enabled"}
    assert zone.call("GET", "").json()["dnssecActivated"] is True
    assert zone.call("DELETE", "/dnssec").content == b"null"
    assert zone.call("GET", "").json()["dnssecActivated"] is False


def test_around_a_zone_are_a_domain_capabilities_and_a_contract(zone, sandbox):
    service = zone.call("GET", "/serviceInfos").json()

    assert zone.name in sandbox.call("GET", "/domain", account=ALICE).json()
    assert sandbox.call("GET", "/domain", account=BRUNO).json() == ["bruno.example"]
    assert zone.call("GET", "/capabilities").json() == {"dynHost": False}
    assert (service["domain"], service["contactAdmin"], service["status"]) == (zone.name, ALICE, "ok")
    assert service["creation"] < service["expiration"]


@pytest.mark.parametrize(
    ("below", "model"),
    [
        ("/task/{task}", "domain.zone.Task"),
        ("/dnssec", "domain.zone.Dnssec"),
        ("/capabilities", "domain.zone.Capabilities"),
        ("/serviceInfos", "services.Service"),
        ("/history/{moment}", "domain.zone.ZoneRestorePoint"),
    ],
)
def test_answers_have_exactly_the_members_of_their_model(sandbox, zone, below, model):
    zone.refresh()
    path = below.replace("{task}", str(start_import(zone)["id"]))
    path = path.replace("{moment}", zone.call("GET", "/history").json()[-1])
    described = sandbox.http.get("/1.0/domain.json").json()["models"][model]["properties"]

    answer = zone.call("GET", path).json()

    assert set(answer) == set(described)
    assert all(value is not None or described[name]["canBeNull"] for name, value in answer.items())
