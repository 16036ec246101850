"""The buckets that nodes share: as a node's own, taken from together or not at all, and what happens without them."""

import itertools
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doubles.nature import SetClock
from mandat.enforcement.interfaces import SourceUnavailable
from mandat.enforcement.quotas.buckets import KINDS, Buckets, Quota, Subject
from mandat.enforcement.quotas.node import OwnBuckets
from mandat.storage.redis_quotas import PREFIX, SharedBuckets
from mandat.storage.redis_replay import make_client
from support.redis import RedisServer

SLOW = [Quota("credential", 1, 5), Quota("application", 1, 8), Quota("account", 1, 40)]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


def shared(server, quotas=SLOW, *, rest=None, node=None, deadline_seconds=10.0):
    return SharedBuckets(
        make_client(server.url, deadline_seconds=deadline_seconds),
        quotas,
        monotonic=rest or SetClock(0.0),
        node=node,
        deadline_seconds=deadline_seconds,
    )


def somebody():
    number = next(_NUMBERS)
    return Subject(number, number, b"%016d" % number)


async def made(source, subject, calls):
    return sum([(await source.take(subject, wanted=1, returned=0)).granted for _ in range(calls)])


async def test_nodes_take_from_the_same_buckets_and_never_more_than_is_in_them(redis):
    first, second, who = shared(redis), shared(redis), somebody()
    assert [await made(node, who, 2) for node in (first, second, first, second)] == [2, 2, 1, 0]
    refused = await second.take(who, wanted=1, returned=0)
    assert (refused.granted, refused.kind, refused.left) == (0, KINDS.index("credential"), 0)
    assert 50 < refused.wait_seconds <= 60
    for node in (first, second):
        await node.close()


async def test_a_call_that_one_bucket_refuses_takes_nothing_out_of_the_others(redis):
    node, who = shared(redis), somebody()
    assert await made(node, who, 50) == 5
    assert await made(node, who._replace(credential=-1), 50) == 3, "the application's eight, less five"
    await node.close()


async def test_what_grows_back_can_be_taken_and_a_full_bucket_is_no_key(redis):
    node, who = shared(redis, [Quota("account", 6_000_000, 10)]), somebody()
    assert await made(node, who, 30) == 30, "it grows back faster than anybody asks"
    client = make_client(redis.url)
    key = f"{PREFIX}account:{who.account.hex()}"
    deadline = time.monotonic() + 10
    while await client.exists(key) and time.monotonic() < deadline:
        pass
    assert not await client.exists(key)
    await client.aclose()
    await node.close()


async def test_a_bucket_keeps_no_name_and_lasts_until_it_is_full(redis):
    node, who = shared(redis), somebody()
    await node.take(who, wanted=1, returned=0)
    client = make_client(redis.url)
    names = [f"credential:{who.credential}", f"application:{who.application}", f"account:{who.account.hex()}"]
    for name in names:
        assert 50_000 < await client.pttl(PREFIX + name) <= 60_000
    await client.aclose()
    await node.close()


async def test_a_clock_that_stepped_back_gives_nothing_and_costs_one_bucket_at_most(redis):
    node, who = shared(redis, [Quota("credential", 1, 5)]), somebody()
    client, key = make_client(redis.url), f"{PREFIX}credential:{who.credential}"
    await client.set(key, int(time.time() + 3_600) * 1_000_000)
    assert await made(node, who, 1) == 0
    assert int(float(await client.get(key))) / 1e6 <= time.time() + 300 + 1
    await client.aclose()
    await node.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 40), st.integers(0, 6)), max_size=12))
async def test_answers_are_those_of_a_nodes_own_buckets(redis, steps):
    quotas = [Quota("credential", 1, 12), Quota("application", 1, 70), Quota("account", 1, 90)]
    node, run = shared(redis, quotas), next(_NUMBERS) * 1000
    own = Buckets(quotas)
    for who, wanted, returned in steps:
        subject = Subject(run + who, run, b"%016d" % run)
        there = await node.take(subject, wanted=wanted, returned=returned)
        here = own.take(subject, wanted=wanted, returned=returned, now=1_000.0)
        assert there[:3] == here[:3]
        assert there.wait_seconds == pytest.approx(here.wait_seconds, abs=10)
    await node.close()


@pytest.mark.parametrize("away", ["stopped", "hanging"])
async def test_without_the_server_there_is_no_answer_and_one_again_when_it_is_back(tmp_path, away):
    server, rest = RedisServer(tmp_path), SetClock(0.0)
    node, who = shared(server, rest=rest, deadline_seconds=2.0), somebody()
    try:
        assert await made(node, who, 1) == 1
        server.stop() if away == "stopped" else server.hang()
        for _ in range(3):
            with pytest.raises(SourceUnavailable):
                await node.take(who, wanted=1, returned=0)
        server.start() if away == "stopped" else server.go_on()
        rest.advance(1.1)
        assert await made(node, who, 1) == 1
    finally:
        await node.close()
        server.stop()


async def test_a_node_that_may_decide_alone_goes_on_with_its_own_buckets(tmp_path):
    server = RedisServer(tmp_path)
    own = OwnBuckets(Buckets(SLOW), monotonic=SetClock(0.0))
    node, who = shared(server, node=own), somebody()
    try:
        assert await made(node, who, 9) == 5
        server.stop()
        assert (await node.take(who, wanted=1, returned=60)).granted == 1
        assert await made(node, who, 9) == 4
    finally:
        await node.close()
        server.stop()
