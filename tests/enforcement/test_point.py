"""The point drives the decision: at once when it can, waiting when it must, closed when it cannot know."""

import time

import pytest
from msgspec.structs import replace

from doubles.grants import CountedUses, MemoryGrants, signed_headers
from doubles.upstream_gateway import LocalReplay
from mandat.core.call import About
from mandat.core.decision import CallHead, Deny, Permit, Policy
from mandat.enforcement.failures import AddressFailures
from mandat.enforcement.interfaces import SourceUnavailable
from mandat.enforcement.point import EnforcementPoint, Suspended
from mandat.enforcement.quotas.buckets import Buckets, Quota
from mandat.enforcement.quotas.leases import CallQuotas
from mandat.enforcement.quotas.node import OwnBuckets
from mandat.protocol.refusals import Reason

BASE = "https://api.example"


class HoldingGrants(MemoryGrants):
    """Freshness can be held, and nothing is peeked at without; or it cannot be established at all."""

    def __init__(self) -> None:
        super().__init__()
        self.is_held = False
        self.holds = 0
        self.is_stale = False

    def hold_freshness(self) -> bool:
        if self.is_stale:
            raise SourceUnavailable("the double is stale")
        if self.is_held:
            return False
        self.is_held = True
        self.holds += 1
        return True

    def release_freshness(self) -> None:
        assert self.is_held
        self.is_held = False

    def _look(self) -> None:
        super()._look()
        if self.is_stale:
            raise SourceUnavailable("the double is stale")


class _Bench:
    def __init__(
        self, *, strict: bool = False, source: MemoryGrants | None = None, calls_per_burst: int | None = None
    ) -> None:
        self.source, self.replay, self.uses = source or MemoryGrants(), LocalReplay(), CountedUses()
        self.source.add_application(strict=strict)
        self.source.add_grant("GET /me", "POST /me")
        self.failures = AddressFailures(time.monotonic, burst=2, refill_per_second=0.001)
        self.point = EnforcementPoint(
            self.source,
            self.replay,
            self.uses,
            policy=Policy(),
            failures=self.failures,
            clock=time.time,
            quotas=None if calls_per_burst is None else _quotas(calls_per_burst),
        )

    def call(self, method: str, path: str = "/1.0/me", body: bytes = b"") -> CallHead:
        signed = signed_headers(method, BASE + path, timestamp=int(time.time()), body=body)
        headers = [(name.lower().encode(), value.encode()) for name, value in signed.items()]
        return CallHead(method.encode(), path.encode(), headers, "203.0.113.9", (BASE.encode(),))

    async def decide(self, call: CallHead, body: bytes | Reason = b"") -> Permit | Deny:
        decision = self.point.judge(call, None)
        if not isinstance(decision, Suspended):
            return decision

        async def read_body(max_bytes: int) -> bytes | Reason:
            return body

        return await self.point.finish(decision, read_body)


def _quotas(burst: int) -> CallQuotas:
    """So many calls for each credential, and then one an hour; at a time that stands still."""
    quotas = [Quota("credential", 1, burst)]
    return CallQuotas(quotas, OwnBuckets(Buckets(quotas), monotonic=lambda: 0.0), monotonic=lambda: 0.0)


def test_a_read_that_is_in_memory_is_decided_at_once() -> None:
    bench = _Bench()
    decision = bench.point.judge(bench.call("GET"), b"")
    assert isinstance(decision, Permit)
    assert bench.uses.uses[0][:3] == (11, "GET /me", "203.0.113.9")


def test_a_refusal_is_decided_at_once_and_counts_no_use() -> None:
    bench = _Bench()
    decision = bench.point.judge(bench.call("GET", "/1.0/other"), b"")
    assert isinstance(decision, Deny) and decision.reason is Reason.NOT_GRANTED_CALL
    assert bench.uses.uses == []


@pytest.mark.parametrize("is_cold", [True, False])
async def test_a_write_waits_for_its_body_and_its_admission(is_cold: bool) -> None:
    bench = _Bench()
    bench.source.is_cold = is_cold
    decision = await bench.decide(bench.call("POST", body=b"{}"), b"{}")
    assert isinstance(decision, Permit) and decision.body == b"{}"
    assert len(bench.replay.memory) == 1


async def test_a_write_whose_body_is_there_waits_for_its_admission_alone() -> None:
    bench = _Bench()
    waiting = bench.point.judge(bench.call("POST", body=b"{}"), b"{}")
    assert isinstance(waiting, Suspended)
    assert (len(bench.replay.memory), bench.uses.uses) == (0, [])
    assert isinstance(await bench.point.finish(waiting, _no_body), Permit)
    assert (len(bench.replay.memory), len(bench.uses.uses)) == (1, 1)


async def test_a_refused_write_is_not_remembered_as_made() -> None:
    bench = _Bench()
    decision = await bench.decide(bench.call("POST", "/1.0/other"))
    assert isinstance(decision, Deny) and len(bench.replay.memory) == 0


async def test_a_strict_application_may_not_repeat_a_write() -> None:
    bench = _Bench(strict=True)
    call = bench.call("POST")
    first, second = await bench.decide(call), await bench.decide(call)
    assert isinstance(first, Permit)
    assert isinstance(second, Deny) and second.reason is Reason.REPLAYED


@pytest.mark.parametrize("reason", [Reason.BODY_TOO_LARGE, Reason.NO_BUFFER_LEFT])
async def test_a_body_that_cannot_be_had_is_the_reason_of_the_refusal(reason: Reason) -> None:
    bench = _Bench()
    decision = await bench.decide(bench.call("POST"), reason)
    assert isinstance(decision, Deny) and decision.reason is reason


async def test_a_long_body_is_checked_as_strictly_as_a_short_one() -> None:
    bench = _Bench()
    good = b'{"a":"' + b"x" * 100_000 + b'"}'
    bad = good + b" {}"
    assert isinstance(await bench.decide(bench.call("POST", body=good), good), Permit)
    refused = await bench.decide(bench.call("POST", body=bad), bad)
    assert isinstance(refused, Deny) and refused.reason is Reason.MALFORMED_BODY


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_storage_that_fails_is_a_refusal_not_an_error(method: str) -> None:
    bench = _Bench()
    bench.source.is_down = True
    decision = await bench.decide(bench.call(method))
    assert isinstance(decision, Deny) and decision.reason is Reason.STORAGE_UNAVAILABLE
    bench.source.is_down = False
    bench.source.is_cold = bench.replay.is_down = True
    decision = await bench.decide(bench.call(method))
    assert isinstance(decision, Permit) is (method == "GET")


def test_failures_close_the_door_before_storage_is_asked() -> None:
    bench = _Bench()
    wrong = replace(bench.call("GET"), target=b"/1.0/me?x")
    for _ in range(2):
        decision = bench.point.judge(wrong, b"")
        assert isinstance(decision, Deny) and decision.reason is Reason.INVALID_SIGNATURE
    asked = bench.source.peeks
    decision = bench.point.judge(bench.call("GET"), b"")
    assert isinstance(decision, Deny) and decision.reason is Reason.TOO_MANY_FAILURES
    assert bench.source.peeks == asked


def test_a_suspended_application_is_refused() -> None:
    bench = _Bench()
    bench.source.add_application(active=False)
    decision = bench.point.judge(bench.call("GET"), b"")
    assert isinstance(decision, Deny) and decision.reason is Reason.INVALID_KEY


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_beyond_its_quota_is_refused_and_the_refusal_says_whose_it_was(method: str) -> None:
    bench = _Bench(calls_per_burst=2)
    # Another target each: a write with the same signature would be a repeated one.
    calls = [bench.call(method, f"/1.0/me?{number}") for number in range(4)]
    for call in calls[:2]:
        decision = await bench.decide(call)
        assert isinstance(decision, Permit) and decision.quota is not None
    for call in calls[2:]:
        decision = await bench.decide(call)
        assert isinstance(decision, Deny) and decision.reason is Reason.QUOTA_EXCEEDED
        assert decision.about == About(1, 11)
    assert len(bench.uses.uses) == 2


async def test_a_quota_that_is_known_to_be_spent_refuses_a_read_at_once() -> None:
    bench = _Bench(calls_per_burst=1)
    await bench.decide(bench.call("GET"))
    await bench.decide(bench.call("GET"))
    decision = bench.point.judge(bench.call("GET"), b"")
    assert isinstance(decision, Deny) and decision.reason is Reason.QUOTA_EXCEEDED
    assert decision.about == About(1, 11)


async def test_calls_that_were_taken_ahead_are_spent_at_once() -> None:
    bench = _Bench(calls_per_burst=1_000)
    at_once = 0
    for _ in range(20):
        decision = bench.point.judge(bench.call("GET"), b"")
        at_once += isinstance(decision, Permit) and decision.quota is not None
        if isinstance(decision, Suspended):
            assert isinstance(await bench.point.finish(decision, _no_body), Permit)
    assert at_once >= 10
    assert len(bench.uses.uses) == 20


async def _no_body(max_bytes: int) -> bytes | Reason:
    raise AssertionError("the body was there already")


async def test_a_repeated_write_takes_nothing_from_the_quota() -> None:
    bench = _Bench(strict=True, calls_per_burst=2)
    call = bench.call("POST")
    reasons = [getattr(await bench.decide(call), "reason", None) for _ in range(3)]
    assert reasons == [None, Reason.REPLAYED, Reason.REPLAYED]
    assert isinstance(await bench.decide(bench.call("POST", body=b"{}"), b"{}"), Permit)


def test_freshness_is_held_while_a_call_is_judged_and_not_after() -> None:
    source = HoldingGrants()
    bench = _Bench(source=source)
    assert isinstance(bench.point.judge(bench.call("GET"), b""), Permit)
    assert (source.holds, source.is_held) == (1, False)
    source.is_down = True
    refused = bench.point.judge(bench.call("GET"), b"")
    assert isinstance(refused, Deny) and refused.reason is Reason.STORAGE_UNAVAILABLE
    assert (source.holds, source.is_held) == (2, False)


def test_calls_that_came_in_together_are_judged_under_one_check_of_freshness() -> None:
    source = HoldingGrants()
    bench = _Bench(source=source)
    assert bench.point.hold_freshness()
    for _ in range(3):
        assert isinstance(bench.point.judge(bench.call("GET"), b""), Permit)
    assert (source.holds, source.is_held) == (1, True)
    bench.point.release_freshness()
    assert not source.is_held


def test_freshness_that_cannot_be_established_is_not_held_and_closes_the_door() -> None:
    source = HoldingGrants()
    bench = _Bench(source=source)
    source.is_stale = True
    assert not bench.point.hold_freshness()
    decision = bench.point.judge(bench.call("GET"), b"")
    assert isinstance(decision, Deny) and decision.reason is Reason.STORAGE_UNAVAILABLE


async def test_a_refusal_of_an_authentic_call_is_noted_and_that_of_a_forged_one_is_not() -> None:
    bench = _Bench(calls_per_burst=1)
    assert isinstance(await bench.decide(bench.call("GET")), Permit)
    assert isinstance(await bench.decide(bench.call("DELETE")), Deny)
    assert isinstance(await bench.decide(bench.call("GET")), Deny)
    forged = bench.call("GET", "/1.0/me?x")
    assert isinstance(await bench.decide(replace_target(forged, b"/1.0/me?y")), Deny)
    assert [one[:3] for one in bench.uses.refusals] == [
        (11, "not_granted_call", "203.0.113.9"),
        (11, "quota_exceeded", "203.0.113.9"),
    ]
    assert len(bench.uses.uses) == 1


def replace_target(call: CallHead, target: bytes) -> CallHead:
    """The same call, as somebody on the way changed it."""
    return CallHead(call.method, target, call.headers, call.address, call.base_urls)
