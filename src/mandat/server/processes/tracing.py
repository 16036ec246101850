"""The tracing process: follows the access log and sends a span of each exchange to the collector of `tracing.endpoint`.

A process of its own that gives way to the others: no call waits for it, and when it or the collector is too slow, spans
are lost, never calls. It outlives reloads, and begins at the end of the log.
"""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from mandat.server.configuration.reading import Config, load_config
from mandat.server.layout import Layout, layout_of
from mandat.server.logs import configure_logs
from mandat.server.nature import monotonic
from mandat.server.observation import definitions
from mandat.server.observation.report import Number, Report, reporting
from mandat.server.problems import Problem
from mandat.server.processes.children import child_options, say_problem, say_ready
from mandat.server.processes.gateway import reports_path
from mandat.server.tracing.delivery import Delivery
from mandat.server.tracing.following import LogFollower
from mandat.server.tracing.sampling import is_wanted

if TYPE_CHECKING:
    from mandat.server.tracing.spans import SpanSender

LOOK_SECONDS: Final = 0.25
LAST_SECONDS: Final = 3.0
"""How long the last spans may take; then a batch that is under way still ends by its own deadline."""

NICENESS: Final = 10


async def serve(config: Config, layout: Layout, *, ready_fd: int) -> None:
    """Works until SIGTERM.

    Raises:
        Problem: the extra is not installed.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    assert layout.access_log is not None  # checked with the configuration
    follower = LogFollower(layout.access_log, monotonic())
    sender = _sender(config.tracing.endpoint)
    delivery = Delivery(sender.send, monotonic)
    sending = loop.create_task(delivery.run())
    say_ready(ready_fd)
    async with reporting(reports_path(config, layout), lambda: _report(delivery)):
        while not stop.is_set():
            if not _follow(follower, delivery, config.tracing.sample):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), LOOK_SECONDS)
            await asyncio.sleep(0)
        while _follow(follower, delivery, config.tracing.sample):
            pass
        delivery.finish()
        await asyncio.wait([sending], timeout=LAST_SECONDS)
        sender.close()
        await sending
    follower.close()


def _follow(follower: LogFollower, delivery: Delivery, share: float) -> bool:
    """Whether there was anything new."""
    lines = follower.read(monotonic())
    delivery.add(line for line in lines if is_wanted(line, share))
    return bool(lines)


def _sender(endpoint: str) -> "SpanSender":
    try:
        from mandat.server.tracing.spans import SpanSender  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise Problem(
            "tracing.endpoint is set, but what sends spans is not installed; run `pip install 'mandat[tracing]'`,"
            " or take [tracing] out."
        ) from None
    return SpanSender(endpoint)


def _report(delivery: Delivery) -> Report:
    numbers = [
        Number(definitions.SPANS.name, ("sent",), delivery.sent),
        Number(definitions.SPANS.name, ("lost",), delivery.lost),
    ]
    return Report("tracing", numbers, [], True, [])


def main(arguments: list[str]) -> int:
    """A child's entry: options as `ChildSpec` gives them."""
    options = child_options(arguments)
    config_file, ready_fd = Path(str(options["config"])), int(str(options["ready_fd"]))
    try:
        config = load_config(config_file)
        configure_logs(config.log.level)
        os.nice(NICENESS)
        uvloop.run(serve(config, layout_of(config, config_file), ready_fd=ready_fd))
    except Problem as problem:
        say_problem(ready_fd, problem.sentence)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
