"""Gives each permitted call its share of the quotas, mostly from memory: a worker takes calls ahead, a few at a time.

How many it takes ahead follows the pace of the credential: one by one while it is slow, more while it is fast. What was
taken ahead and not used within LEASE_SECONDS is put back with the next question. Nothing is ever taken that the buckets
did not grant. Source: docs/adr/0009-quotas.md; draft-ietf-httpapi-ratelimit-headers-11 for what the caller is told.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from mandat.core.call import Deny, Permit, QuotaNotice
from mandat.enforcement.quotas.buckets import KINDS, Quota, subject_of
from mandat.enforcement.quotas.node import QuotaSource
from mandat.protocol.refusals import Reason

LEASE_SECONDS: Final = 0.25
"""How long calls that were taken ahead may be used; also how long a refusal is repeated without asking again."""

HANDOVER_SECONDS: Final = 0.05
"""How long an answer that came late may be used by those who wait for it."""

MOST_AHEAD: Final = 256
MAX_LEASES: Final = 65_536

_SLOW_SECONDS: Final = 4 * LEASE_SECONDS
"""After so long without a question a credential counts as slow."""


class _Lease:
    """What is known of one credential. `refilling` is the question that is under way; `askers` wait for its answer."""

    __slots__ = ("ahead", "askers", "kind", "left", "left_in_bucket", "more_at", "refilling", "until")

    def __init__(self) -> None:
        self.ahead = 1
        self.askers = 0
        self.left = 0
        self.until = -math.inf
        self.kind: int | None = None
        self.left_in_bucket = 0
        self.more_at = 0.0
        self.refilling: asyncio.Task[None] | None = None


class CallQuotas:
    """The quotas as one worker applies them. Lives on one event loop."""

    def __init__(
        self,
        quotas: Sequence[Quota],
        source: QuotaSource,
        *,
        monotonic: Callable[[], float],
        max_leases: int = MAX_LEASES,
    ) -> None:
        """
        Args:
            quotas: what holds, as `source` has it.
            source: where calls are drawn from.
            monotonic: seconds that never run backwards.
            max_leases: credentials that are remembered; what was taken ahead for one that is forgotten is lost.
        """
        self._source = source
        self._monotonic = monotonic
        self._max_leases = max_leases
        self._leases: dict[int, _Lease] = {}
        self._kinds = frozenset(KINDS.index(quota.kind) for quota in quotas)
        self._policy = ", ".join(
            f'"{quota.kind}";q={quota.burst};w={max(1, math.ceil(quota.depth_seconds))}' for quota in quotas
        )

    def __len__(self) -> int:
        return len(self._leases)

    def spend(self, permit: Permit) -> Permit | Deny | None:
        """The permit with its notice, or the refusal, from memory. None: `ask`."""
        lease = self._leases.get(permit.grant.credential_id)
        if lease is None:
            return None
        now = self._monotonic()
        if now >= lease.until:
            return None
        if lease.left:
            lease.left -= 1
            return replace(permit, quota=self._notice(lease, now))
        if lease.ahead == 0:
            return self._deny(lease, now)
        return None

    async def ask(self, permit: Permit) -> Permit | Deny:
        """As `spend`, after asking the source.

        Raises:
            SourceUnavailable: the source does not answer.
        """
        lease = self._leases.get(permit.grant.credential_id) or self._begin(permit.grant.credential_id)
        lease.askers += 1
        try:
            while (decision := self.spend(permit)) is None:
                # One question at a time for all who wait; it outlives the caller that happened to begin it.
                if lease.refilling is None:
                    lease.refilling = asyncio.get_running_loop().create_task(self._refill(lease, permit))
                    lease.refilling.add_done_callback(lambda done: done.cancelled() or done.exception())
                await asyncio.shield(lease.refilling)
        finally:
            lease.askers -= 1
        return decision

    def _begin(self, credential: int) -> _Lease:
        if len(self._leases) >= self._max_leases:
            self._forget()
        lease = self._leases[credential] = _Lease()
        return lease

    def _forget(self) -> None:
        """Make room: whoever is slow and waits for nothing, else the oldest eighth of all that wait for nothing."""
        slow_before = self._monotonic() - _SLOW_SECONDS
        idle = [key for key, lease in self._leases.items() if not lease.askers]
        slow = [key for key in idle if self._leases[key].until < slow_before]
        for key in slow or idle[: max(1, len(idle) // 8)]:
            del self._leases[key]

    async def _refill(self, lease: _Lease, permit: Permit) -> None:
        try:
            now = self._monotonic()
            pace = _pace(lease, now)
            returned, lease.left = lease.left, 0
            grant = permit.grant
            taken = await self._source.take(
                subject_of(credential=grant.credential_id, application=grant.application_id, account=grant.account),
                wanted=min(max(pace, lease.askers), MOST_AHEAD),
                returned=returned,
            )
            answered_at = self._monotonic()
            lease.left, lease.kind, lease.left_in_bucket = taken.granted, taken.kind, taken.left
            lease.more_at = answered_at + taken.wait_seconds
            lease.ahead = pace if taken.granted else 0
            # Counted from before the question, as the buckets may have granted at once; yet whoever waits gets his.
            usable_until = max(now + LEASE_SECONDS, answered_at + HANDOVER_SECONDS)
            refused_until = answered_at + min(LEASE_SECONDS, taken.wait_seconds)
            lease.until = usable_until if taken.granted else refused_until
        finally:
            lease.refilling = None

    def _notice(self, lease: _Lease, now: float) -> QuotaNotice | None:
        if lease.kind not in self._kinds:
            return None
        left = lease.left_in_bucket + lease.left
        wait_seconds = max(1, math.ceil(lease.more_at - now))
        return QuotaNotice(self._policy, f'"{KINDS[lease.kind]}";r={left};t={wait_seconds}')

    def _deny(self, lease: _Lease, now: float) -> Deny:
        kind = KINDS[lease.kind or 0]
        wait_seconds = max(1, math.ceil(lease.more_at - now))
        notice = QuotaNotice(self._policy, f'"{kind}";r=0;t={wait_seconds}', wait_seconds)
        details = {"quota": kind, "retryAfterSeconds": str(wait_seconds)}
        return Deny(Reason.QUOTA_EXCEEDED, details, f"Too many calls of this {kind}", notice)


def _pace(lease: _Lease, now: float) -> int:
    """How many calls to take ahead: twice as many as last time while they last no longer than a lease."""
    if now < lease.until:
        return max(1, min(2 * lease.ahead, MOST_AHEAD))
    if now - lease.until > _SLOW_SECONDS:
        return 1
    return max(1, lease.ahead // 2)
