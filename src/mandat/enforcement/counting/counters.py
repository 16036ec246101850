"""Counts what a door does: plain numbers, incremented where it happens, read by somebody else once a second.

No locks, no label objects: an increment costs less than 0.3 us. What the numbers are called outside, and how those of
several processes are put together, is `mandat.server.observation`'s matter. Outcomes: docs/reference/metrics.md.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sized
from typing import Final

from mandat.protocol.refusals import Reason

BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the buckets of every length of time; what took longer is in one more bucket."""

PERMITTED: Final = "permitted"
OPEN: Final = "open"
OWN: Final = "own"
ABANDONED: Final = "abandoned"
OUTCOMES: Final = (PERMITTED, OPEN, OWN, ABANDONED, *(reason.value for reason in Reason))
"""How an exchange can end: forwarded for a credential; forwarded on an open route; answered by the door itself; the
caller left before there was an answer; or why it was refused."""

_UPSTREAM_FAILURES: Final = (Reason.UPSTREAM_UNREACHABLE.value, Reason.UPSTREAM_TIMED_OUT.value)


class Durations:
    """Lengths of time in buckets. `counts` has one more element than BOUNDS_SECONDS; `total_seconds` is their sum."""

    __slots__ = ("counts", "total_seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.total_seconds = 0.0

    def note(self, seconds: float) -> None:
        """One more. Less than nothing, after a step of the clock, counts as nothing."""
        if seconds < 0.0:  # noqa: PLR1730 - `max` costs twice as much
            seconds = 0.0
        self.counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.total_seconds += seconds


class UpstreamCounters:
    """What one upstream did. `statuses[4]` counts its answers 400 to 499; `failures` by the value of the reason."""

    __slots__ = ("durations", "failures", "statuses")

    def __init__(self) -> None:
        self.durations = Durations()
        self.statuses = [0] * 10
        self.failures = dict.fromkeys(_UPSTREAM_FAILURES, 0)

    def answered(self, status: int, seconds: float) -> None:
        """The head of an answer came, that long after the request was sent."""
        self.durations.note(seconds)
        self.statuses[status // 100] += 1

    def failed(self, reason: Reason) -> None:
        """There was no whole answer."""
        self.failures[reason.value] = self.failures.get(reason.value, 0) + 1


class DoorCounters:
    """What one door of one process did. `outcomes` has every name of OUTCOMES from the start.

    `connections` are the open ones of its callers.
    """

    __slots__ = ("connections", "durations", "outcomes", "upstreams")

    def __init__(self, upstreams: Iterable[str] = ()) -> None:
        """`upstreams` are the names of all that it may forward to."""
        self.outcomes = dict.fromkeys(OUTCOMES, 0)
        self.durations = Durations()
        self.connections: Sized = ()
        self.upstreams = {name: UpstreamCounters() for name in upstreams}

    def ended(self, outcome: str, seconds: float) -> None:
        """An exchange has ended, that long after its head was there. `outcome` is one of OUTCOMES."""
        self.outcomes[outcome] += 1
        self.durations.note(seconds)
