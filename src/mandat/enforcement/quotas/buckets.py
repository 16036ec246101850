"""Decides how many calls may still be made: one token bucket for each credential, application and account.

A generic cell rate algorithm: one float for a bucket, the time at which it is full again. A call takes from all of its
buckets or from none. Pure: no IO, no clock, bounded memory. Serving the buckets of a node to its workers is `node`'s
work; on Redis the same rules are a script (`mandat.storage.redis_quotas`).
Source: design.md 4, docs/adr/0009-quotas.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

KINDS: Final = ("credential", "application", "account")
"""What has a bucket; also the names of the quotas on the wire and in the configuration."""

SHARE: Final = 8
"""At most this part of what is left is handed out ahead at once, so that the last calls are counted one by one."""

MAX_SUBJECTS: Final = 500_000
"""Buckets of one kind that are remembered: about 60 MB when full."""

_ROUNDING: Final = 1e-6
"""Of a call: what floating point may take away from a whole one."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What each subject of one kind may do: `burst` calls at once, which grow back at `per_minute`.

    Raises:
        ValueError: an unknown kind, or a number that is not greater than 0.
    """

    kind: str
    per_minute: int
    burst: int

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a quota is for one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.per_minute < 1 or self.burst < 1:
            raise ValueError("per_minute and burst must be greater than 0")

    @property
    def cost_seconds(self) -> float:
        """How long one call takes to grow back."""
        return 60.0 / self.per_minute

    @property
    def depth_seconds(self) -> float:
        """How long an empty bucket takes to be full again."""
        return self.burst * self.cost_seconds


class Subject(NamedTuple):
    """Whose buckets a call takes from: ids of credential and application, and 16 bytes that stand for the account."""

    credential: int
    application: int
    account: bytes


class Taken(NamedTuple):
    """What the buckets said.

    `granted` calls may be made; 0 is a refusal. `kind` is the index in KINDS of the bucket that refused, or of the one
    nearest to empty; None when nothing is limited. `left` calls remain in it. `wait_seconds` until one more does.
    """

    granted: int
    kind: int | None
    left: int
    wait_seconds: float


def subject_of(*, credential: int, application: int, account: str) -> Subject:
    """The subject of a call; the account's name is only seen as a digest."""
    return Subject(credential, application, sha256(account.encode()).digest()[:16])


class Buckets:
    """The buckets of all subjects. A bucket that was never seen is full."""

    def __init__(self, quotas: Sequence[Quota], *, max_subjects: int = MAX_SUBJECTS) -> None:
        """
        Args:
            quotas: at most one of each kind; what has none is not limited.
            max_subjects: buckets of one kind that are remembered. Beyond it those nearest to full are forgotten, which
                fills them.
        """
        self._max_subjects = max_subjects
        self._full_again_at: tuple[dict[int | bytes, float], ...] = tuple({} for _ in KINDS)
        self._quotas: tuple[tuple[int, Quota], ...] = ()
        self.change(quotas)

    def __len__(self) -> int:
        return sum(map(len, self._full_again_at))

    def change(self, quotas: Sequence[Quota]) -> None:
        """From now on these quotas hold. What was used stays used."""
        self._quotas = tuple((KINDS.index(quota.kind), quota) for quota in quotas)

    def take(self, subject: Subject, *, wanted: int, returned: int, now: float) -> Taken:
        """Take up to `wanted` calls out of every bucket of the subject, or none out of any.

        Args:
            subject: whose buckets.
            wanted: how many calls to take; fewer are granted when little is left, at least one if there is one.
            returned: calls that were taken before and not made; they are put back first.
            now: seconds; may step backwards, which gives nothing to anybody.
        """
        if not self._quotas:
            return Taken(wanted, None, 0, 0.0)
        full_at, free, stepped_back = [], [], False
        for kind, quota in self._quotas:
            at = self._full_again_at[kind].get(subject[kind], now) - returned * quota.cost_seconds
            # Never fuller than full; and after a step of the clock never emptier than empty.
            stepped_back = stepped_back or at > now + quota.depth_seconds
            at = min(max(at, now), now + quota.depth_seconds)
            full_at.append(at)
            free.append(math.floor((now + quota.depth_seconds - at) / quota.cost_seconds + _ROUNDING))
        granted = min(wanted, max(1, min(free) // SHARE)) if min(free) >= 1 else 0
        if granted or returned or stepped_back:
            self._keep(subject, full_at, granted, now)
        return self._said(full_at, free, granted, now)

    def _keep(self, subject: Subject, full_at: list[float], granted: int, now: float) -> None:
        for (kind, quota), at in zip(self._quotas, full_at, strict=True):
            table = self._full_again_at[kind]
            # Popped and put back, so that what was used longest ago comes first.
            if table.pop(subject[kind], None) is None and len(table) >= self._max_subjects:
                self._forget(kind, now)
            table[subject[kind]] = at + granted * quota.cost_seconds

    def _said(self, full_at: list[float], free: list[int], granted: int, now: float) -> Taken:
        """About the bucket with the longest wait when refused, else about the one nearest to empty."""
        told, tightest = Taken(granted, None, 0, -1.0), math.inf
        for (kind, quota), at, before in zip(self._quotas, full_at, free, strict=True):
            left, cost = before - granted, quota.cost_seconds
            debt = at + granted * cost - now
            wait = debt - (quota.burst - left - 1) * cost
            if granted and left / quota.burst < tightest:
                told, tightest = Taken(granted, kind, left, max(0.0, min(wait, cost))), left / quota.burst
            elif not granted and not before and wait > told.wait_seconds:
                told = Taken(0, kind, 0, wait)
        return told

    def _forget(self, kind: int, now: float) -> None:
        """Make room: forget all that are full again, else the eighth nearest to full. So it is rare."""
        table = self._full_again_at[kind]
        full = [key for key, at in table.items() if at <= now]
        if not full:
            full = sorted(table, key=table.__getitem__)[: max(1, len(table) // 8)]
        for key in full:
            del table[key]
