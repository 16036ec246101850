"""Quotas at every door: the same answer, and nobody uses up what is another's."""

from collections.abc import Iterator

import pytest

from doors.calling import Answer, call
from doors.doors import DOORS, FRONTS, DoorRunner
from doors.table import Case, Outcome
from mandat.enforcement.quotas.buckets import Quota

PERMITTED = Outcome.of("permit")
GREEDY, MODEST, VICTIM, WRITER, HEAD = CASES = [
    Case("greedy", PERMITTED),
    Case("modest", PERMITTED),
    Case("victim", PERMITTED),
    Case("a write", PERMITTED, method="POST", body=b"{}"),
    Case("a head", PERMITTED, method="HEAD"),
]
for _number, _case in enumerate(CASES):
    _case.number = 900 + _number
BURST = 3
QUOTAS = (Quota("credential", 1, 100), Quota("application", 1, BURST))


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorRunner]:
    running = DoorRunner(CASES, tmp_path_factory.mktemp("doors"), QUOTAS)
    yield running
    running.close()


def everywhere(name: str) -> object:
    return pytest.param(name, marks=[pytest.mark.xdist_group("quotas")] + [pytest.mark.fronts] * (name in FRONTS))


@pytest.mark.parametrize("name", [everywhere(door) for door in DOORS])
def test_a_greedy_application_is_told_to_wait_and_a_modest_one_keeps_all_its_calls(
    runner: DoorRunner, name: str
) -> None:
    door = runner.door(name)
    passed = [call(door.port, GREEDY) for _ in range(BURST)]
    assert [answer.status for answer in passed] == [200] * BURST
    reached = len(door.seen)
    refused = [call(door.port, GREEDY) for _ in range(10)]
    for answer in refused:
        check_refusal(answer)
        if name not in FRONTS:
            check_fields(answer, remaining=0)
    assert len(door.seen) == reached, "a refused call reached the API"
    assert [call(door.port, MODEST).status for _ in range(BURST)] == [200] * BURST
    if name not in FRONTS:
        for number, answer in enumerate(passed):
            check_fields(answer, remaining=BURST - 1 - number)


def check_refusal(answer: Answer) -> None:
    assert (answer.status, answer.code) == (429, "QUOTA_EXCEEDED")
    assert answer.error["class"] == "Client::TooManyRequests"
    assert answer.headers["retry-after"] == "60"
    assert answer.error["details"] == {"quota": "application", "retryAfterSeconds": "60"}


def check_fields(answer: Answer, *, remaining: int) -> None:
    assert answer.headers["ratelimit-policy"] == f'"credential";q=100;w=6000, "application";q={BURST};w=180'
    assert answer.headers["ratelimit"] == f'"application";r={remaining};t=60'
    assert "RateLimit" in answer.headers["access-control-expose-headers"].split(", ")


@pytest.mark.parametrize("name", [everywhere(door) for door in DOORS if door not in FRONTS])
def test_who_knows_only_the_keys_uses_up_nothing(runner: DoorRunner, name: str) -> None:
    port = runner.door(name).port
    forged = Case("forged", VICTIM.expect, number=VICTIM.number, replace={"x-ovh-signature": "$1$" + "0" * 40})
    assert {call(port, forged).status for _ in range(3 * BURST)} == {400}
    assert [call(port, VICTIM).status for _ in range(BURST + 1)] == [200] * BURST + [429]


@pytest.mark.parametrize("name", [everywhere(door) for door in DOORS if door not in FRONTS])
def test_writes_count_like_reads_and_a_repeated_one_counts_nothing(runner: DoorRunner, name: str) -> None:
    port = runner.door(name).port
    # Three equal writes are honest repetitions; the fourth is refused as one, before anything is counted.
    assert [call(port, WRITER).status for _ in range(BURST + 1)] == [200] * BURST + [400]
    read = Case("read", WRITER.expect, number=WRITER.number)
    assert call(port, read).status == 429


@pytest.mark.parametrize("name", [everywhere(door) for door in DOORS if door not in FRONTS])
def test_head_counts_like_get_and_its_refusal_has_no_body(runner: DoorRunner, name: str) -> None:
    port = runner.door(name).port
    answers = [call(port, HEAD) for _ in range(BURST + 1)]
    assert [answer.status for answer in answers] == [200] * BURST + [429]
    assert (answers[-1].body, answers[-1].headers["retry-after"]) == (b"", "60")
