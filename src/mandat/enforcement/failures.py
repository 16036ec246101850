"""Decides whether an address has failed to authenticate too often lately (design.md 4, step 4).

A generic cell rate algorithm of our own: one float for an address, and nothing to clean up but old entries (the
`limits` library costs 16 us a hit). Which refusals count as failures is decided in `mandat.enforcement.point`.
"""

from collections.abc import Callable
from typing import Final

BURST: Final = 1_000
REFILL_PER_SECOND: Final = 10.0
"""Far above a fleet of honest clients with one wrong key behind one NAT, far below what guessing 62^32 keys needs."""

MAX_ADDRESSES: Final = 65_536


class AddressFailures:
    """Failure budgets of the addresses seen lately. Bounded; forgetting an address forgives it.

    IPv6 callers own whole /64 networks, so those share one budget.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        burst: int = BURST,
        refill_per_second: float = REFILL_PER_SECOND,
        max_addresses: int = MAX_ADDRESSES,
    ) -> None:
        """
        Args:
            clock: seconds that never run backwards; where they start does not matter.
            burst: failures an address may make at once.
            refill_per_second: failures it gets back.
            max_addresses: how many addresses are remembered; the one that failed first is forgotten first.
        """
        self._clock = clock
        self._cost_seconds = 1.0 / refill_per_second
        self._depth_seconds = burst / refill_per_second
        self._max_addresses = max_addresses
        self._full_again_at: dict[str, float] = {}

    def allows(self, address: str) -> bool:
        """Whether a call from this address may be looked at."""
        if not self._full_again_at:
            return True
        full_again_at = self._full_again_at.get(_budget_key(address))
        if full_again_at is None:
            return True
        return full_again_at - self._clock() <= self._depth_seconds - self._cost_seconds

    def note(self, address: str) -> None:
        """One failed authentication from this address."""
        key, now = _budget_key(address), self._clock()
        # Popped and put back, so that the table's order is that of the last failures.
        full_again_at = max(self._full_again_at.pop(key, now), now) + self._cost_seconds
        if len(self._full_again_at) >= self._max_addresses:
            self._forget(now)
        self._full_again_at[key] = full_again_at

    def _forget(self, now: float) -> None:
        """Make room: forget all that are full again, else an eighth, those that failed longest ago. So it is rare."""
        kept = {key: at for key, at in self._full_again_at.items() if at > now}
        excess = len(kept) - self._max_addresses * 7 // 8
        if excess > 0:
            kept = dict(list(kept.items())[excess:])
        self._full_again_at = kept


def _budget_key(address: str) -> str:
    """IPv4 as it is; IPv6 by its first four groups."""
    if ":" not in address:
        return address
    head, gap, tail = address.partition("::")
    groups = head.split(":")
    if gap:
        after = tail.split(":") if tail else []
        groups += ["0"] * (8 - len(groups) - len(after)) + after
    return ":".join(groups[:4])
