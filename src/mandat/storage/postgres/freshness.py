"""The right to use what is in memory: a lease that reading the change log renews. Decides nothing else.

The lease holds while both are true: the change log was read at most `bound_seconds` ago, counted from the moment the
read was *begun*, on a clock that no step of the wall clock and no SIGSTOP holds back; and the authority of this node
has changed nothing since then. Otherwise nobody may use memory before another read has ended well (threats.md 0.6).
Notifications only make reads come sooner: a lost one costs time, never safety.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mandat.enforcement.interfaces import SourceUnavailable

REST_SECONDS = 0.1
"""After a failed read, calls are refused for that long without another try: they would wait in vain one by one."""

_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """`poll_seconds`: how often the change log is read unasked. `bound_seconds`: how old that knowledge may get."""

    poll_seconds: float = 0.2
    bound_seconds: float = 5.0


class Freshness:
    """The lease of one gateway process.

    Args:
        read_changes: reads the change log and drops from memory what it names. Raises SourceUnavailable.
        bound_seconds: see `LeaseTerms`.
        monotonic: seconds that never stand still, not while the process or the machine sleeps either.
        epoch: the number that the authority of this node changes with each change of grants.
    """

    def __init__(
        self,
        read_changes: Callable[[], Awaitable[None]],
        *,
        bound_seconds: float,
        monotonic: Callable[[], float],
        epoch: Callable[[], int],
    ) -> None:
        self._read_changes = read_changes
        self.bound_seconds = bound_seconds
        self._monotonic = monotonic
        self._epoch = epoch
        self._read_at = _NEVER
        self._known_epoch = -1
        self._failed_at = _NEVER
        self._running: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    def holds(self) -> bool:
        """True when memory may be used at this moment."""
        return self._epoch() == self._known_epoch and self._monotonic() - self._read_at <= self.bound_seconds

    def age_seconds(self) -> float:
        """How long ago the last good read was begun; infinite when there was none."""
        return self._monotonic() - self._read_at

    async def ensure(self) -> None:
        """Returns when memory may be used by a call that came in before.

        Raises:
            SourceUnavailable: the change log cannot be read, or could not a moment ago.
        """
        if self.holds():
            return
        if self._monotonic() - self._failed_at < REST_SECONDS:
            raise SourceUnavailable("the change log could not be read")
        await self.renew()

    async def renew(self) -> None:
        """Waits for a read that begins after this call; all who ask before it begins share it.

        Raises:
            SourceUnavailable: it failed.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._read_after(self._running))
            self._next.add_done_callback(_take_notice)
        await asyncio.shield(self._next)

    async def _read_after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._next = self._next, None
        # Both are looked at before the read: what happens while it is under way is not in it.
        epoch, began = self._epoch(), self._monotonic()
        try:
            await self._read_changes()
        except SourceUnavailable:
            self._failed_at = self._monotonic()
            raise
        self._known_epoch, self._read_at = epoch, began


def _take_notice(task: asyncio.Task[None]) -> None:
    """A read that nobody waits for any more may fail; asyncio must not complain about it."""
    if not task.cancelled():
        task.exception()
