"""A collector that is slow or away costs spans, never memory, and every lost one is counted."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from mandat.enforcement.access_log import LogLine
from mandat.server.tracing.delivery import BATCH_LINES, Delivery
from support.waiting import wait_for


def lines(count: int) -> list[LogLine]:
    return [
        LogLine(time=1.0, query_id=f"q{number}", address="", method="GET", path="/", status=200, seconds=0.1)
        for number in range(count)
    ]


class Sender:
    """Waits until it may go on, and answers `why`."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.batches: list[list[LogLine]] = []
        self.why: str | None = None

    def send(self, batch: Sequence[LogLine]) -> str | None:
        self.batches.append(list(batch))
        assert self.may_go_on.wait(20)
        return self.why


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender()
    yield sender
    sender.may_go_on.set()


async def delivered(delivery: Delivery, running: "asyncio.Task[None]") -> tuple[int, int]:
    delivery.finish()
    await asyncio.wait_for(running, 20)
    return delivery.sent, delivery.lost


async def test_all_lines_arrive_in_order_and_in_batches(sender: Sender) -> None:
    sender.may_go_on.set()
    delivery = Delivery(sender.send, lambda: 0.0)
    running = asyncio.create_task(delivery.run())
    delivery.add(lines(BATCH_LINES + 1))
    assert await delivered(delivery, running) == (BATCH_LINES + 1, 0)
    assert [len(batch) for batch in sender.batches] == [BATCH_LINES, 1]
    assert [line.query_id for batch in sender.batches for line in batch] == [f"q{n}" for n in range(BATCH_LINES + 1)]


async def test_behind_a_slow_collector_no_more_lines_wait_than_may_and_the_others_are_counted(sender: Sender) -> None:
    delivery = Delivery(sender.send, lambda: 0.0, most_waiting=10)
    running = asyncio.create_task(delivery.run())
    delivery.add(lines(1))
    await asyncio.to_thread(wait_for, lambda: sender.batches, what="the first batch")
    delivery.add(lines(25))
    assert delivery.lost == 15
    sender.may_go_on.set()
    assert await delivered(delivery, running) == (11, 15)


async def test_what_the_collector_refuses_is_lost_and_what_comes_later_is_not(sender: Sender) -> None:
    sender.may_go_on.set()
    sender.why = "401"
    delivery = Delivery(sender.send, lambda: 0.0)
    running = asyncio.create_task(delivery.run())
    delivery.add(lines(3))
    while not delivery.lost:
        await asyncio.sleep(0.01)
    sender.why = None
    delivery.add(lines(2))
    assert await delivered(delivery, running) == (2, 3)
