"""The replay memory that nodes share: the same verdicts as a node's own, and what happens when it is away."""

import contextlib
import itertools
import time
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles.nature import SetClock
from mandat.enforcement.interfaces import SourceUnavailable, WriteSeen
from mandat.enforcement.replay.memory import ReplayMemory
from mandat.storage.faults import StorageFault
from mandat.storage.redis_replay import SharedReplay, find_weakness, make_client
from support.redis import RedisServer

WINDOW = 180
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis(running):
    """A server that has begun its memory a while ago."""
    return running


class OwnMemory:
    """A node's own memory, as gateways ask it."""

    def __init__(self, clock):
        self._memory = ReplayMemory(window_seconds=WINDOW, started=clock() - 1000, started_monotonic=0.0)
        self._now = itertools.count(1000, step=0.0)

    async def admit(self, write):
        return self._memory.admit(write, next(self._now))


class Node:
    """A node with a clock of its own, wrong by `off` seconds."""

    def __init__(self, server, *, off=0.0, node=None, deadline_seconds=10.0):
        self.clock = SetClock(time.time() + off)
        self.rest = SetClock(0.0)
        self.replay = SharedReplay(
            make_client(server.url, deadline_seconds=deadline_seconds),
            window_seconds=WINDOW,
            clock=self.clock,
            monotonic=self.rest,
            node=node,
            deadline_seconds=deadline_seconds,
        )

    async def admit(self, write):
        return await self.replay.admit(write)


def write(name=None, *, call="call", at=None, strict=False):
    name = name or f"signature {next(_NUMBERS)}"
    at = int(time.time()) + 5 if at is None else at
    return WriteSeen(sha256(name.encode()).digest(), sha256(call.encode()).digest(), at, strict)


@pytest.fixture
async def two(redis):
    nodes = Node(redis), Node(redis)
    await nodes[0].replay.begin()
    yield nodes
    for node in nodes:
        await node.replay.close()


async def test_what_one_node_admitted_another_refuses(two):
    first, second = two
    strict = write(strict=True)
    assert await first.admit(strict)
    assert not await second.admit(strict)
    assert not await first.admit(strict)


async def test_an_honest_repetition_is_admitted_three_times_in_all(two):
    first, second = two
    repeated = write()
    assert [await node.admit(repeated) for node in (first, second, first, second)] == [True, True, True, False]


async def test_another_call_with_the_same_signature_is_never_a_repetition(two):
    first, second = two
    assert await first.admit(write("shared", call="one"))
    assert not await second.admit(write("shared", call="two"))


async def test_a_repetition_after_the_grace_is_refused(two, redis):
    late = write("late")
    assert await two[0].admit(late)
    key = f"mandat:replay:{late.signature_digest.hex()}"
    client = make_client(redis.url)
    await client.hincrby(key, "first", -2_100)
    assert not await two[1].admit(late)
    lasting = await client.pttl(key)
    await client.aclose()
    assert 2 * WINDOW * 1000 - 5_000 < lasting <= 2 * WINDOW * 1000 + 1_000


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.booleans()), max_size=12))
async def test_verdicts_are_those_of_a_nodes_own_memory(redis, steps):
    shared, run = Node(redis), next(_NUMBERS)
    own = OwnMemory(shared.clock)
    await shared.replay.begin()
    for name, call, strict in steps:
        one = write(f"{run} {name}", call=call, strict=strict)
        assert await shared.admit(one) == await own.admit(one)
    await shared.replay.close()


async def test_a_restarted_server_refuses_what_was_signed_before_it_began(tmp_path):
    server = RedisServer(tmp_path)
    node = Node(server)
    try:
        await node.replay.begin()
        old = write(at=int(time.time()) + 1)
        assert await node.admit(old)
        server.stop()
        server.start()
        with contextlib.suppress(SourceUnavailable):
            await node.admit(write())  # the old connection may still have to be found out
        node.clock.advance(30)
        node.rest.advance(1.1)
        assert not await node.admit(old)
        assert await node.admit(write(at=int(node.clock())))
    finally:
        await node.replay.close()
        server.stop()


async def test_a_server_that_came_back_with_an_older_state_refuses_what_it_may_have_forgotten(tmp_path):
    server = RedisServer(tmp_path, "--dir", str(tmp_path))
    node = Node(server)
    client = make_client(server.url, deadline_seconds=10.0)
    try:
        await node.replay.begin()
        await client.hincrby("mandat:replay:began", "at", -1_000_000)
        await client.save()
        forgotten = write(at=int(time.time()) + 1)
        assert await node.admit(forgotten)
        server.stop()
        server.start()
        with contextlib.suppress(SourceUnavailable):
            await node.admit(write())
        node.clock.advance(30)
        node.rest.advance(1.1)
        assert not await node.admit(forgotten)
    finally:
        await client.aclose()
        await node.replay.close()
        server.stop()


@pytest.mark.parametrize("off", [-300, 300])
async def test_what_is_too_old_is_judged_by_the_clock_of_the_node_that_asks(tmp_path, off):
    server = RedisServer(tmp_path)
    node = Node(server, off=off)
    try:
        await node.replay.begin()
        assert await node.admit(write(at=int(node.clock())))
        assert not await node.admit(write(at=int(node.clock()) - 5))
    finally:
        await node.replay.close()
        server.stop()


@pytest.mark.parametrize("away", ["stopped", "hanging"])
async def test_without_the_server_writes_are_refused_and_pass_again_when_it_is_back(tmp_path, away):
    server = RedisServer(tmp_path)
    node = Node(server, deadline_seconds=2.0)
    try:
        await node.replay.begin()
        assert await node.admit(write())
        server.stop() if away == "stopped" else server.hang()
        for _ in range(3):
            with pytest.raises(SourceUnavailable):
                await node.admit(write())
        server.start() if away == "stopped" else server.go_on()
        node.rest.advance(1.1)
        assert await node.admit(write(at=int(node.clock()) + 60))
    finally:
        await node.replay.close()
        server.stop()


async def test_a_node_that_may_decide_alone_goes_on_with_its_own_memory(tmp_path):
    server = RedisServer(tmp_path)
    clock = SetClock(time.time())
    node = Node(server, node=OwnMemory(clock))
    try:
        await node.replay.begin()
        before = write(strict=True)
        assert await node.admit(before)
        server.stop()
        meanwhile = write(strict=True)
        assert not await node.admit(before)
        assert await node.admit(meanwhile)
        assert not await node.admit(meanwhile)
        server.start()
        node.rest.advance(1.1)
        assert not await node.admit(meanwhile)
    finally:
        await node.replay.close()
        server.stop()


async def test_a_server_that_forgets_when_it_is_full_is_found_out(tmp_path, redis):
    server = RedisServer(tmp_path, "--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru")
    client, sound = make_client(server.url), make_client(redis.url)
    try:
        assert "noeviction" in await find_weakness(client)
        assert await find_weakness(sound) is None
    finally:
        await client.aclose()
        await sound.aclose()
        server.stop()


@pytest.mark.parametrize(
    ("url", "says"), [("http://localhost", "no URL"), ("redis://:geheim@localhost", "MANDAT_REDIS_PASSWORD")]
)
def test_a_wrong_url_is_one_sentence_without_the_password(url, says):
    with pytest.raises(StorageFault, match=says) as refusal:
        make_client(url)
    assert "geheim" not in refusal.value.sentence
