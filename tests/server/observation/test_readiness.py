"""What the loss of the shared Redis server means to the readiness of a node."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from doubles.nature import SetClock
from mandat.server.observation.collected import Collected
from mandat.server.observation.readiness import KEPT_SECONDS, Readiness, ReadinessCheck
from mandat.server.observation.report import RedisNeed, Report
from support.front import Fronted, fronted
from support.redis import RedisServer
from support.waiting import wait_for


class Node:
    """A node whose gateways need Redis for what `needs` says; the authority needs it for nothing."""

    def __init__(self, *needs: RedisNeed) -> None:
        self.clock = SetClock()
        self.answers = True
        self.asked = 0
        collected = Collected(self.clock)
        for need in needs:
            collected.take(collected.welcome(), Report("gateway", [], [], True, [], need))
        collected.take(collected.welcome(), Report("authority", [], [], True, []))
        self.check = ReadinessCheck(collected, self.clock, is_leaving=lambda: False, redis_answers=self.answer)

    async def answer(self) -> bool:
        self.asked += 1
        return self.answers

    async def without_redis(self) -> Readiness:
        self.answers = False
        return await self.check.look()


@pytest.mark.parametrize("need", ["none", "nothing", "writes", "calls"])
async def test_with_redis_nothing_is_amiss(need: RedisNeed) -> None:
    readiness = await Node(need).check.look()
    assert (readiness.ready, readiness.degraded) == (True, {})
    assert readiness.checks.get("redis") == ("ok" if need == "calls" else None)


async def test_where_only_writes_need_it_the_node_stays_ready_and_says_what_it_does_without() -> None:
    readiness = await Node("writes").without_redis()
    assert (readiness.ready, readiness.degraded) == (True, {"redis": "does not answer: writes are refused"})


async def test_where_each_node_goes_on_alone_that_is_said() -> None:
    readiness = await Node("nothing").without_redis()
    assert readiness.ready
    assert "for itself" in readiness.degraded["redis"]


async def test_where_every_call_needs_it_the_node_is_not_ready() -> None:
    readiness = await Node("calls").without_redis()
    assert not readiness.ready
    assert (readiness.checks["redis"], readiness.degraded) == ("does not answer: every call is refused", {})


async def test_during_a_reload_the_process_that_needs_it_most_counts() -> None:
    assert not (await Node("nothing", "calls", "writes").without_redis()).ready


async def test_a_node_without_redis_never_asks_for_it() -> None:
    node = Node("none")
    assert (await node.without_redis()).degraded == {}
    assert node.asked == 0


async def test_it_is_asked_seldom_however_often_somebody_looks() -> None:
    node = Node("writes")
    for _ in range(5):
        await node.check.look()
    assert node.asked == 1
    node.clock.advance(KEPT_SECONDS + 0.1)
    node.answers = False
    assert (await node.check.look()).degraded


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.mark.slow
def test_a_running_node_that_refuses_writes_is_degraded_until_redis_is_back(tmp_path: Path, redis: RedisServer) -> None:
    more = f'[redis]\nurl = "{redis.url}"\n'
    with fronted(tmp_path / "node", "GET /notes", "POST /notes", more=more) as front:

        def degraded() -> dict[str, str]:
            answer = httpx2.get(f"{front.watch}/readyz")
            assert answer.status_code == 200
            return dict(answer.json()["degraded"])

        wait_for(lambda: httpx2.get(f"{front.watch}/readyz").status_code == 200, what="readiness")
        assert (degraded(), write(front)) == ({}, 200)
        redis.stop()
        wait_for(lambda: degraded() == {"redis": "does not answer: writes are refused"}, what="the node to say it")
        assert (front.call("GET", "/1.0/notes").status_code, write(front)) == (200, 503)
        assert "\nmandat_degraded 1.0\n" in httpx2.get(f"{front.watch}/metrics").text
        redis.start()
        wait_for(lambda: degraded() == {}, what="the node to take it back")


def write(front: Fronted) -> int:
    return front.call("POST", "/1.0/notes", b"{}").status_code
