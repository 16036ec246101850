"""Adds up what the processes of a node tell, so that counters never go back when a process ends or is replaced.

A report replaces the one before it from the same process. When a process is gone, its counters stay in the sums and its
gauges go. Takes reports as they come; who may send them is decided by the folder's mode.
"""

from collections.abc import Callable, Iterator
from typing import Final

from mandat.server.observation.definitions import METRICS
from mandat.server.observation.report import Number, Report, Spread

STALE_SECONDS: Final = 3.0
"""A process that told nothing for that long is stuck, or its machine is: it does not count as ready."""

Series = tuple[str, tuple[str, ...]]
"""The name of a metric and the values of its labels."""


class Collected:
    """The reports of one node. `clock` gives seconds that never run backwards."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._latest: dict[int, tuple[float, Report]] = {}
        self._ended_numbers: dict[Series, float] = {}
        self._ended_spreads: dict[Series, Spread] = {}
        self._next = 0

    def welcome(self) -> int:
        """A process has connected: the number under which it reports."""
        self._next += 1
        return self._next

    def take(self, process: int, report: Report) -> None:
        """What that process says now."""
        self._latest[process] = (self._clock(), report)

    def part(self, process: int) -> None:
        """That process is gone: what it counted stays."""
        _, report = self._latest.pop(process, (0.0, None))
        if report is None:
            return
        for number in report.numbers:
            if METRICS[number.metric].kind == "counter":
                _add_number(self._ended_numbers, number)
        for spread in report.spreads:
            _add_spread(self._ended_spreads, spread)

    def numbers(self) -> dict[Series, float]:
        """Counters and gauges of the whole node."""
        together = dict(self._ended_numbers)
        for report in self._reports():
            for number in report.numbers:
                _add_number(together, number)
        return together

    def spreads(self) -> dict[Series, Spread]:
        """Histograms of the whole node."""
        together = dict(self._ended_spreads)
        for report in self._reports():
            for spread in report.spreads:
                _add_spread(together, spread)
        return together

    def current(self) -> list[Report]:
        """The reports of processes that are not stuck."""
        now = self._clock()
        return [report for at, report in self._latest.values() if now - at <= STALE_SECONDS]

    def _reports(self) -> Iterator[Report]:
        return (report for _, report in self._latest.values())


def _add_number(together: dict[Series, float], number: Number) -> None:
    series, so_far = (number.metric, number.labels), together.get((number.metric, number.labels), 0.0)
    is_largest = METRICS[number.metric].together == "largest"
    together[series] = max(so_far, number.value) if is_largest else so_far + number.value


def _add_spread(together: dict[Series, Spread], spread: Spread) -> None:
    series = (spread.metric, spread.labels)
    before = together.get(series)
    if before is not None:
        counts = tuple(one + other for one, other in zip(before.counts, spread.counts, strict=True))
        spread = Spread(spread.metric, spread.labels, counts, before.total_seconds + spread.total_seconds)
    together[series] = spread
