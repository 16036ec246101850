"""What one process tells about itself, once a second: numbers since it began, and how it is doing.

Sent as one line of JSON over a unix socket to the metrics process, which adds the processes up (`collected`). Reports
are only made when there is a metrics listener. No web framework, no ORM, no structured logging: gateways import this.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final, Literal

import msgspec

from mandat.enforcement.socket_lines import SocketLines

REPORT_SECONDS: Final = 1.0


RedisNeed = Literal["none", "nothing", "writes", "calls"]
"""What a door cannot do while the shared Redis server is away; "none": it uses none."""


class Number(msgspec.Struct, array_like=True, frozen=True):
    """One number of a metric. `labels` are the values of its labels, in the order of the metric's definition."""

    metric: str
    labels: tuple[str, ...]
    value: float


class Spread(msgspec.Struct, array_like=True, frozen=True):
    """One histogram. `counts` as in `enforcement.counters.Durations`."""

    metric: str
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    total_seconds: float


class Report(msgspec.Struct, frozen=True):
    """Everything that one process tells.

    `role` is "gateway", "forward_auth", "authority" or "tracing". `is_fresh` says whether it could answer a call now.
    `upstreams` are (name, address) of the APIs it forwards to. `redis` says what it needs that server for.
    """

    role: str
    numbers: list[Number]
    spreads: list[Spread]
    is_fresh: bool
    upstreams: list[tuple[str, str]]
    redis: RedisNeed = "none"


@contextlib.asynccontextmanager
async def reporting(path: str | None, report: Callable[[], Report]) -> AsyncIterator[None]:
    """Sends what `report` gives, regularly for the length of the block and once at its end.

    `path` is where the metrics process listens; None: nobody wants to know. What it does not take is dropped: the next
    report has it all.
    """
    if path is None:
        yield
        return
    lines = SocketLines(path)
    task = asyncio.get_running_loop().create_task(_report_regularly(lines, report))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await lines.send(msgspec.json.encode(report()))
        lines.close()


async def _report_regularly(lines: SocketLines, report: Callable[[], Report]) -> None:
    while True:
        await lines.send(msgspec.json.encode(report()))
        await asyncio.sleep(REPORT_SECONDS)
