"""Decides whether a signed write may pass, or has passed already. Pure: no IO, no clock, bounded memory.

Honest clients send two identical writes in one second, and their signatures are equal byte for byte. So in compatible
mode a repetition within REPEAT_SECONDS of the first is admitted, MAX_ADMISSIONS in all, if it is the same call from the
same address; two different calls can share one `$1$` signature (threats.md 1c), and that is never a repetition.
Serving this memory to the workers of a node is `keeper`'s work. Source: design.md 4.
"""

from collections import OrderedDict, deque
from typing import Final

from mandat.enforcement.interfaces import WriteSeen

REPEAT_SECONDS: Final = 2.0
MAX_ADMISSIONS: Final = 3
MAX_ENTRIES: Final = 500_000
"""About 150 MB when full: 1,400 signed writes each second for twice the default window."""
MAX_SPENT_SECONDS: Final = 100_000
"""More than a day in which each second saw a write; about 10 MB."""


class _Seen:
    """One signature that was admitted: when first (monotonic seconds), for which call, and how often."""

    __slots__ = ("admissions", "call_digest", "first_at", "timestamp")

    def __init__(self, first_at: float, write: WriteSeen) -> None:
        self.first_at = first_at
        self.timestamp = write.timestamp
        self.call_digest = write.call_digest
        self.admissions = 1


class ReplayMemory:
    """The signatures of writes that were admitted lately on one node.

    An entry lives twice the window: a timestamp may be that far in the future when its call is first seen. What is left
    of it then is its timestamp: that second is spent. A steady clock never comes back to it; after a step of the clock
    the signatures of that second would be good again, so its writes are refused for good. Seconds that saw no write
    stay free, so that a clock set right again is usable at once. When the memory is full, writes are refused rather
    than admitted unremembered.
    """

    def __init__(
        self,
        *,
        window_seconds: int,
        started: float,
        started_monotonic: float,
        max_entries: int = MAX_ENTRIES,
        max_spent_seconds: int = MAX_SPENT_SECONDS,
    ) -> None:
        """
        Args:
            window_seconds: how far a timestamp may be from the clock, either way.
            started: Unix seconds at which this memory began. What was admitted before is not known, so writes
                timestamped before it are refused, until the window has passed over them.
            started_monotonic: the same instant on the clock that `admit` is given.
            max_entries: how many signatures are remembered.
            max_spent_seconds: how many spent seconds are; those spent first are forgotten first.
        """
        self._keep_seconds = 2 * window_seconds
        self._started = int(started)
        self._blank_until = started_monotonic + self._keep_seconds
        self._max_entries = max_entries
        self._seen: dict[bytes, _Seen] = {}
        self._order: deque[bytes] = deque()
        self._spent: OrderedDict[int, None] = OrderedDict()
        self._max_spent = max_spent_seconds

    def __len__(self) -> int:
        return len(self._seen)

    def admit(self, write: WriteSeen, now: float) -> bool:
        """True exactly when the write may pass. A True is remembered.

        Args:
            write: the write, see `WriteSeen`.
            now: monotonic seconds. Steps of the wall clock must not revive a signature.
        """
        if now < self._blank_until and write.timestamp < self._started:
            return False
        self._forget(now)
        if write.timestamp in self._spent:
            return False
        seen = self._seen.get(write.signature_digest)
        if seen is not None:
            return self._admit_again(seen, write, now)
        if len(self._seen) >= self._max_entries:
            return False
        self._seen[write.signature_digest] = _Seen(now, write)
        self._order.append(write.signature_digest)
        return True

    def _admit_again(self, seen: _Seen, write: WriteSeen, now: float) -> bool:
        if write.strict or seen.call_digest != write.call_digest:
            return False
        if now - seen.first_at > REPEAT_SECONDS or seen.admissions >= MAX_ADMISSIONS:
            return False
        seen.admissions += 1
        return True

    def _forget(self, now: float) -> None:
        """Drop what is too old. Entries are in the order of their first admission, so this looks at one entry more."""
        order, seen = self._order, self._seen
        while order and seen[order[0]].first_at + self._keep_seconds < now:
            self._spend(seen.pop(order.popleft()).timestamp)

    def _spend(self, timestamp: int) -> None:
        self._spent[timestamp] = None
        if len(self._spent) > self._max_spent:
            self._spent.popitem(last=False)
