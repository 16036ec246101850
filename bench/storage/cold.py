"""Decisions about credentials that are not in memory: found in the database, their row's signature verified."""

import asyncio
import contextlib
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from bench.credentials import CALL, Keys
from bench.figures import Size
from mandat.core.decision import CallHead, Decision, NeedApplication, NeedGrant, Permit, Policy, decide
from mandat.enforcement.interfaces import GrantSource
from mandat.storage.grants.reader import SqliteGrantSource
from mandat.storage.keys.keyrings import load_node_keys

_ORIGIN = "https://api.example"
_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Cold:
    """Microseconds of wall time for a decision, one median and one p99 for each round."""

    medians: tuple[float, ...]
    p99s: tuple[float, ...]


def measure(open_source: Callable[[], AbstractAsyncContextManager[GrantSource]], keys: Keys, size: Size) -> Cold:
    """Credentials drawn at random from all, each met for the first time. Raises SystemExit when one is refused."""
    return asyncio.run(_measure(open_source, keys, size))


@contextlib.asynccontextmanager
async def sqlite_source(folder: Path) -> AsyncIterator[GrantSource]:
    """As a gateway opens it."""
    source = SqliteGrantSource(folder / "data", load_node_keys(folder / "keys"))
    try:
        yield source
    finally:
        source.close()


async def _measure(open_source: Callable[[], AbstractAsyncContextManager[GrantSource]], keys: Keys, size: Size) -> Cold:
    calls = min(size.repeats, keys.count // (size.rounds + 1))
    drawn = random.Random(11).sample(range(keys.count), calls * (size.rounds + 1))
    medians, p99s = [], []
    async with open_source() as source:
        for number in range(size.rounds + 1):
            heads = [_head(keys, each) for each in drawn[number * calls : (number + 1) * calls]]
            costs = []
            for head in heads:
                began = time.perf_counter()
                decision = await _judge(source, head)
                costs.append((time.perf_counter() - began) * 1e6)
                if not isinstance(decision, Permit):
                    raise SystemExit(f"a seeded credential is refused: {decision}")
            if number:  # the first opens files and sessions
                medians.append(statistics.median(costs))
                p99s.append(sorted(costs)[int(len(costs) * 0.99)])
    return Cold(tuple(medians), tuple(p99s))


def _head(keys: Keys, number: int) -> CallHead:
    fields = keys.wire_fields(number, origin=_ORIGIN)
    return CallHead(b"GET", CALL.encode(), fields, "192.0.2.7", (_ORIGIN.encode(),))


async def _judge(source: GrantSource, head: CallHead) -> Decision:
    steps = decide(head, _POLICY, time.time())
    try:
        next(steps)
        need = steps.send(True)
        assert isinstance(need, NeedApplication), need
        need = steps.send(await source.find_application(need.key))
        assert isinstance(need, NeedGrant), need
        steps.send(await source.find_grant(need.consumer_key_hash))
        steps.send(b"")
    except StopIteration as end:
        decision: Decision = end.value
        return decision
    raise SystemExit("the decision asks for more than a signed GET needs; teach bench.storage.cold")
