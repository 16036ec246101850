"""One table of calls, every door: the same verdict, status and error code; and nothing passes that was not granted.

Differences are data with reasons (tests/vectors/doors.json). Real nginx, Caddy and Envoy run with what `mandat deploy`
prints; what stands behind each door records what reaches it.
"""

import json

import msgspec
import pytest

from doors.calling import Answer, call
from doors.doors import AUDIENCES, DOORS, FRONTS, Door, DoorRunner
from doors.recorder import Seen
from doors.table import MARK, NOW, VECTORS, Case, Outcome, load_table
from doubles.upstream_gateway import PUBLIC_KEY
from mandat.enforcement.assertion import jwks_document
from mandat.enforcement.assertion_verifier import Asserted, verify

TABLE = load_table()
JWKS = msgspec.json.decode(jwks_document({"k1": PUBLIC_KEY}))


def in_its_worker(door: str) -> object:
    marks = [pytest.mark.xdist_group(f"door-{door}")] + [pytest.mark.fronts] * (door in FRONTS)
    return pytest.param(door, marks=marks)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.name)
@pytest.mark.parametrize("name", [in_its_worker(door) for door in DOORS])
def test_a_call_gets_the_verdict_of_the_table(runner: DoorRunner, name: str, case: Case) -> None:
    door = runner.door(name)
    before = len(door.seen)
    answer = call(door.port, case)
    seen = door.seen[before:]
    expected = case.outcome(name)
    if expected.is_permit:
        assert answer.status == 200, (answer.status, answer.error)
        assert len(seen) == 1
        check_what_passed(door, case, seen[0])
        if not is_for_the_authority(case):
            check_what_came_back(answer)
    else:
        assert seen == [], "it reached the API"
        check_refusal(case, expected, answer)


def check_what_passed(door: Door, case: Case, seen: Seen) -> None:
    """Exactly the judged call, for exactly the account that granted it, and nothing that the caller claimed."""
    assert (seen.method, seen.body) == (case.method, case.body)
    assert seen.target == case.target.encode().decode("latin-1")
    for field, value in seen.headers:
        assert MARK not in value, f"{field}: {value}"
        assert not field.startswith("x-ovh-") or field == "x-ovh-queryid", field
    told = {"account": case.account, "application": str(1000 + case.number), "credential": str(5000 + case.number)}
    said = dict(seen.identity)
    assertion = said.pop("assertion", None)
    assert said == told
    # The authority gets none, it has its socket; middleware has no network between door and application.
    if door.name in ("gateway", *FRONTS) and not is_for_the_authority(case):
        prefix = next((prefix for prefix in ("/ip", "/v2") if below_version(case).startswith(f"{prefix}/")), "")
        asserted = verify(assertion or "", JWKS, issuer="mandat", audience=AUDIENCES[prefix], now=NOW)
        assert asserted == Asserted(case.account, 1000 + case.number, 5000 + case.number)


def check_what_came_back(answer: Answer) -> None:
    """Nothing by which an API could act as a page of the same origin."""
    assert answer.headers["x-ovh-queryid"] != "upstream"
    assert not {"set-cookie", "clear-site-data"} & set(answer.headers)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].endswith("sandbox")


def is_for_the_authority(case: Case) -> bool:
    return below_version(case).startswith(("/auth/", "/me/api/"))


def below_version(case: Case) -> str:
    return case.target.removeprefix("/1.0").removeprefix("/v1")


def check_refusal(case: Case, expected: Outcome, answer: Answer) -> None:
    """The status, and the wire's error body where one can be given."""
    if expected.status == 0:
        assert answer.status != 200
        return
    assert answer.status == expected.status, answer.error
    if expected.code is None or case.method == "HEAD":
        return
    assert answer.code == expected.code, answer.error
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.error["httpCode"].startswith(f"{expected.status} ")
    if "queryId" in answer.error:
        assert answer.headers["x-ovh-queryid"] == answer.error["queryId"]


def test_the_table_is_large_enough() -> None:
    assert len(TABLE) >= 400
    assert sum(case.expect.is_permit for case in TABLE) >= 100


def test_every_listed_difference_is_one() -> None:
    differences = json.loads((VECTORS / "doors.json").read_text("utf-8"))["differences"]
    by_name = {case.name: case for case in TABLE}
    for difference in differences:
        assert set(difference["doors"]) <= set(DOORS) - {"gateway"}, "the gateway is what the others are compared with"
        for name in difference["cases"]:
            assert Outcome.of(difference["expect"]) != by_name[name].expect, name
