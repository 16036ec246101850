"""The replay memory that nodes share, when clocks step: what was forgotten is not good again."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles.nature import SetClock
from mandat.enforcement.interfaces import WriteSeen
from mandat.enforcement.replay.memory import MAX_SPENT_SECONDS, ReplayMemory
from mandat.storage.redis_replay import PREFIX, SharedReplay, make_client
from support.redis import RedisServer

WINDOW = 180
KEPT = 2 * WINDOW
HOUR = 3600
_NUMBERS = itertools.count()


class Moved:
    """A node, and a Redis server that can be made to believe that time has passed: all it holds is aged."""

    def __init__(self, server: RedisServer) -> None:
        self._url = server.url
        self.client = make_client(server.url, deadline_seconds=10.0)
        self.now = int(time.time())
        self.replay = self.remembering(MAX_SPENT_SECONDS)

    def remembering(self, max_spent_seconds: int) -> SharedReplay:
        return SharedReplay(
            make_client(self._url, deadline_seconds=10.0),
            window_seconds=WINDOW,
            clock=SetClock(self.now),
            monotonic=SetClock(0.0),
            node=None,
            max_spent_seconds=max_spent_seconds,
            deadline_seconds=10.0,
        )

    async def move(self, seconds: int) -> None:
        """The server's clock goes on, or is set: what it reads, and when what it holds expires."""
        await self.client.hincrby(f"{PREFIX}began", "stepped", seconds * 1000)
        for key in await self.client.keys(f"{PREFIX}*"):
            if (rest := await self.client.pttl(key)) > 0:
                # A life that is over by then ends the key at once.
                await self.client.pexpire(key, rest - seconds * 1000)

    async def begin(self) -> None:
        await self.replay.begin()
        await self.move(KEPT + 1)

    async def admit(self, one: WriteSeen) -> bool:
        return await self.replay.admit(one)

    async def has_forgotten(self, one: WriteSeen) -> bool:
        return not await self.client.exists(PREFIX + one.signature_digest.hex())

    async def close(self) -> None:
        await self.replay.close()
        await self.client.aclose()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    running = RedisServer(tmp_path_factory.mktemp("redis"))
    yield running
    running.stop()


@pytest.fixture
async def moved(server: RedisServer) -> AsyncIterator[Moved]:
    moved = Moved(server)
    await moved.client.flushall()
    await moved.begin()
    yield moved
    await moved.close()


def write(at: int, name: str | None = None) -> WriteSeen:
    name = name or f"signature {next(_NUMBERS)}"
    return WriteSeen(sha256(name.encode()).digest(), sha256(b"call").digest(), at, False)


async def test_a_write_that_was_forgotten_is_refused_when_its_second_comes_again(moved: Moved) -> None:
    old = write(moved.now)
    assert await moved.admit(old)
    await moved.move(KEPT + 2)
    assert await moved.has_forgotten(old)
    assert not await moved.admit(old)
    assert not await moved.admit(write(moved.now))


async def test_seconds_that_saw_no_write_stay_free(moved: Moved) -> None:
    assert await moved.admit(write(moved.now))
    await moved.move(KEPT + 2)
    assert await moved.admit(write(moved.now - 1))
    assert await moved.admit(write(moved.now + KEPT))


async def test_honest_writes_of_one_second_pass_for_as_long_as_signatures_are_kept(moved: Moved) -> None:
    for _ in range(3):
        assert await moved.admit(write(moved.now))
        await moved.move(KEPT // 3 - 5)
    assert await moved.admit(write(moved.now))


async def test_the_server_s_own_clock_may_step_back(moved: Moved) -> None:
    old = write(moved.now)
    assert await moved.admit(old)
    await moved.move(KEPT + 2)
    assert await moved.has_forgotten(old)
    assert await moved.admit(write(moved.now + KEPT))
    await moved.move(-HOUR)
    assert not await moved.admit(old)
    meanwhile = write(moved.now - HOUR)
    assert await moved.admit(meanwhile)
    await moved.move(KEPT + 2)
    assert not await moved.admit(meanwhile)
    assert not await moved.admit(old)


async def test_the_server_s_own_clock_may_jump_ahead(moved: Moved) -> None:
    fresh = write(moved.now)
    assert await moved.admit(fresh)
    await moved.move(HOUR)
    assert await moved.has_forgotten(fresh)
    assert not await moved.admit(fresh)
    assert await moved.admit(write(moved.now + 1))


async def test_the_seconds_that_are_remembered_are_bounded_and_the_oldest_go_first(moved: Moved) -> None:
    small = moved.remembering(3)
    for after in range(5):
        assert await small.admit(write(moved.now + after))
        assert await small.admit(write(moved.now + after))
        await moved.move(1)
    seconds = await moved.client.zrange(f"{PREFIX}seconds", 0, -1)
    assert [int(each) - moved.now for each in seconds] == [2, 3, 4]
    await small.close()


STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.sampled_from([0, 7, 100, 200, 400])), max_size=12
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_whatever_passes_verdicts_are_those_of_a_nodes_own_memory(moved: Moved, steps) -> None:  # type: ignore[no-untyped-def]
    run = next(_NUMBERS)
    own = ReplayMemory(window_seconds=WINDOW, started=0.0, started_monotonic=-HOUR)
    passed = 0
    for second, name, seconds in steps:
        one = write(moved.now + run * 10 + second, f"{run} {second} {name}")
        assert await moved.admit(one) == own.admit(one, float(passed))
        await moved.move(seconds)
        passed += seconds


async def test_time_that_really_passes_is_counted_as_well(server: RedisServer) -> None:
    client = make_client(server.url, deadline_seconds=10.0)
    await client.flushall()
    node = SharedReplay(client, window_seconds=1, clock=time.time, monotonic=SetClock(0.0), node=None)
    await node.begin()
    old = write(int(time.time()) + 5)
    assert await node.admit(old)
    key = PREFIX + old.signature_digest.hex()
    deadline = time.monotonic() + 20
    while await client.exists(key):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert not await node.admit(old)
    assert await node.admit(write(old.timestamp + 1))
    await node.close()
