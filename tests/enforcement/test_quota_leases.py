"""A worker takes calls ahead: no call passes that was not granted, and the buckets' promise holds over all workers."""

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doubles.nature import SetClock
from mandat.core.call import Deny, Permit, SignedCall
from mandat.enforcement.interfaces import SourceUnavailable
from mandat.enforcement.quotas.buckets import Buckets, Quota, Subject, Taken
from mandat.enforcement.quotas.leases import LEASE_SECONDS, CallQuotas
from mandat.enforcement.quotas.node import NodeBuckets, OwnBuckets, serve_buckets
from mandat.protocol.refusals import Reason
from mandat.protocol.target import CanonicalTarget, parse_target
from support.deciding import application, grant


def permit_of(credential: int = 11, account: str = "ab1-example") -> Permit:
    target = parse_target(b"/1.0/me")
    assert isinstance(target, CanonicalTarget)
    made = grant("GET /me", credential_id=credential, account=account)
    return Permit(application(), made, None, target, "GET", b"", SignedCall(b"", b"", b"", b""))


@dataclass
class Watched:
    """A source that remembers its questions; `gate` and `delay_seconds` hold its answers back, `is_down` fails them."""

    buckets: Buckets
    clock: SetClock
    asked: list[tuple[int, int]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    delay_seconds: float = 0.0
    is_down: bool = False

    async def take(self, subject: Subject, *, wanted: int, returned: int) -> Taken:
        self.asked.append((wanted, returned))
        if self.gate is not None:
            await self.gate.wait()
        if self.is_down:
            raise SourceUnavailable("the double is down")
        self.clock.advance(self.delay_seconds)
        return self.buckets.take(subject, wanted=wanted, returned=returned, now=self.clock())


class Node:
    """Workers over one set of buckets, at a time that stands still."""

    def __init__(self, *quotas: Quota, workers: int = 1) -> None:
        self.clock = SetClock(1_000.0)
        self.source = Watched(Buckets(quotas), self.clock)
        self.workers = [CallQuotas(quotas, self.source, monotonic=self.clock) for _ in range(workers)]

    async def call(self, permit: Permit | None = None, worker: int = 0) -> Permit | Deny:
        return await self.workers[worker].ask(permit or permit_of())


async def test_a_slow_credential_is_counted_call_by_call() -> None:
    node = Node(Quota("credential", 60, 100))
    for _ in range(5):
        assert isinstance(await node.call(), Permit)
        node.clock.advance(2)
    assert node.source.asked == [(1, 0)] * 5


async def test_a_fast_credential_is_counted_from_memory_most_of_the_time() -> None:
    node = Node(Quota("credential", 600_000, 100_000))
    for _ in range(2_000):
        assert isinstance(await node.call(), Permit)
    assert len(node.source.asked) < 20
    assert isinstance(node.workers[0].spend(permit_of()), Permit), "no task is needed"


async def test_what_was_taken_ahead_and_not_used_in_time_is_put_back() -> None:
    node = Node(Quota("credential", 60, 1_000))
    for _ in range(10):
        await node.call()
    assert sum(wanted for wanted, _ in node.source.asked) == 15
    node.clock.advance(LEASE_SECONDS)
    assert node.workers[0].spend(permit_of()) is None, "what was taken ahead is too old"
    await node.call()
    assert node.source.asked[-1] == (4, 5)


async def test_a_refusal_says_which_quota_and_when_to_come_back() -> None:
    node = Node(Quota("credential", 60, 9), Quota("application", 6, 2))
    permitted = [await node.call(), await node.call()]
    assert [made.quota.limit for made in permitted if made.quota] == [
        '"application";r=1;t=10',
        '"application";r=0;t=10',
    ]
    refused = await node.call()
    assert isinstance(refused, Deny) and refused.quota is not None
    assert refused.reason is Reason.QUOTA_EXCEEDED
    assert refused.details == {"quota": "application", "retryAfterSeconds": "10"}
    assert refused.quota.policy == '"credential";q=9;w=9, "application";q=2;w=20'
    assert (refused.quota.limit, refused.quota.retry_after_seconds) == ('"application";r=0;t=10', 10)


async def test_who_comes_back_when_told_to_passes() -> None:
    node = Node(Quota("credential", 7, 1))
    await node.call()
    refused = await node.call()
    assert isinstance(refused, Deny) and refused.quota is not None
    node.clock.advance(refused.quota.retry_after_seconds or 0)
    assert isinstance(await node.call(), Permit)


async def test_refused_calls_do_not_keep_the_node_busy() -> None:
    node = Node(Quota("credential", 60, 1))
    outcomes = [await node.call() for _ in range(500)]
    assert sum(isinstance(made, Permit) for made in outcomes) == 1
    assert len(node.source.asked) == 2


async def test_callers_that_wait_together_share_one_question() -> None:
    node = Node(Quota("credential", 60, 1_000))
    node.source.gate = asyncio.Event()
    calls = [asyncio.create_task(node.call()) for _ in range(50)]
    await asyncio.sleep(0)
    node.source.gate.set()
    assert all(isinstance(made, Permit) for made in await asyncio.gather(*calls))
    assert len(node.source.asked) < 10
    assert sum(wanted for wanted, _ in node.source.asked) < 120


async def test_a_caller_that_leaves_takes_nobody_elses_answer_along() -> None:
    node = Node(Quota("credential", 60, 1_000))
    node.source.gate = asyncio.Event()
    leaving, staying = asyncio.create_task(node.call()), asyncio.create_task(node.call())
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    node.source.gate.set()
    assert isinstance(await staying, Permit)


async def test_no_answer_is_no_permit_and_the_next_call_asks_again() -> None:
    node = Node(Quota("credential", 60, 10))
    node.source.is_down = True
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            await node.call()
    node.source.is_down = False
    assert isinstance(await node.call(), Permit)


async def test_an_answer_that_comes_late_is_used_by_those_who_waited_for_it() -> None:
    node = Node(Quota("credential", 60, 100))
    node.source.delay_seconds = 2 * LEASE_SECONDS
    calls = [asyncio.create_task(node.call()) for _ in range(3)]
    assert all(isinstance(made, Permit) for made in await asyncio.gather(*calls))
    assert len(node.source.asked) <= 3


async def test_no_more_credentials_are_remembered_than_allowed() -> None:
    quotas = [Quota("credential", 60, 10)]
    clock = SetClock(0.0)
    worker = CallQuotas(quotas, OwnBuckets(Buckets(quotas), monotonic=clock), monotonic=clock, max_leases=50)
    for number in range(500):
        assert isinstance(await worker.ask(permit_of(credential=number)), Permit)
        assert len(worker) <= 50


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0, 0.6), st.integers(0, 2), st.integers(1, 40)), min_size=1, max_size=40),
    st.integers(30, 6_000),
    st.integers(1, 200),
)
async def test_all_workers_together_keep_the_promise(
    steps: list[tuple[float, int, int]], per_minute: int, burst: int
) -> None:
    """In any window: burst + rate * (seconds + 2 leases), see the ADR."""
    node = Node(Quota("credential", per_minute, burst), workers=3)
    seen: list[tuple[float, int]] = []
    for pause, worker, calls in steps:
        node.clock.advance(pause)
        outcomes = [await node.call(worker=worker) for _ in range(calls)]
        seen.append((node.clock(), sum(isinstance(made, Permit) for made in outcomes)))
    for first, (begin, _) in enumerate(seen):
        for last in range(first, len(seen)):
            made = sum(count for _, count in seen[first : last + 1])
            assert made <= burst + per_minute / 60 * (seen[last][0] - begin + 2 * LEASE_SECONDS) + 1e-3


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 2), min_size=20, max_size=120), st.integers(600, 60_000))
async def test_who_stays_well_within_the_quota_is_never_refused(workers: list[int], per_minute: int) -> None:
    node = Node(Quota("credential", per_minute, 60), workers=3)
    for worker in workers:
        assert isinstance(await node.call(worker=worker), Permit)
        node.clock.advance(60 / per_minute)


async def test_the_workers_of_a_node_share_the_buckets_of_its_supervisor(tmp_path: Path) -> None:
    quotas = [Quota("application", 1, 10)]
    server = await serve_buckets(tmp_path / "quotas.sock", Buckets(quotas))
    links = [NodeBuckets(str(tmp_path / "quotas.sock")) for _ in range(2)]
    workers = [CallQuotas(quotas, link, monotonic=asyncio.get_running_loop().time) for link in links]
    outcomes = [await workers[number % 2].ask(permit_of(credential=number % 3)) for number in range(30)]
    permitted = [made.quota.limit for made in outcomes if isinstance(made, Permit) and made.quota]
    assert len(permitted) == 10
    assert all(re.fullmatch(r'"application";r=\d;t=(59|60)', limit) for limit in permitted), permitted
    refused = next(made for made in outcomes if isinstance(made, Deny))
    assert refused.quota is not None and refused.quota.retry_after_seconds in (59, 60)
    for link in links:
        link.close()
    server.close()


async def test_without_a_supervisor_there_is_no_answer(tmp_path: Path) -> None:
    quotas = [Quota("account", 1, 10)]
    worker = CallQuotas(quotas, NodeBuckets(str(tmp_path / "nobody.sock")), monotonic=SetClock(0.0))
    with pytest.raises(SourceUnavailable):
        await worker.ask(permit_of())


async def test_a_node_that_limits_nothing_any_more_lets_pass_and_says_nothing(tmp_path: Path) -> None:
    server = await serve_buckets(tmp_path / "quotas.sock", Buckets([]))
    link = NodeBuckets(str(tmp_path / "quotas.sock"))
    worker = CallQuotas([Quota("account", 1, 1)], link, monotonic=SetClock(0.0))
    made = [await worker.ask(permit_of()) for _ in range(3)]
    assert all(isinstance(one, Permit) and one.quota is None for one in made)
    link.close()
    server.close()
