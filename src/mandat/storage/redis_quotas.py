"""Counts calls for all nodes, in a server that speaks the Redis protocol.

Implements `enforcement.quotas.node.QuotaSource`. The rules are those of `enforcement.quotas.buckets`; here they are a
script, because the buckets of a call are taken from together or not at all. Time is the server's own. A bucket is one
key that ends when the bucket is full again, so a server that was restarted has full buckets and nothing else changed.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from mandat.enforcement.interfaces import SourceUnavailable
from mandat.enforcement.quotas.buckets import KINDS, SHARE, Quota, Subject, Taken
from mandat.enforcement.quotas.node import QuotaSource
from mandat.storage.redis_replay import DEADLINE_SECONDS, REST_SECONDS

PREFIX: Final = "mandat:quota:"

_TAKE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wanted, returned, share = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full, free, cost, burst = {}, {}, {}, {}
local least, stepped_back = math.huge, false
for i, key in ipairs(KEYS) do
  cost[i], burst[i] = tonumber(ARGV[2 * i + 2]), tonumber(ARGV[2 * i + 3])
  local empty = now + burst[i] * cost[i]
  local at = tonumber(redis.call('GET', key) or now) - returned * cost[i]
  stepped_back = stepped_back or at > empty
  full[i] = math.min(math.max(at, now), empty)
  free[i] = math.floor((empty - full[i]) / cost[i] + 0.000001)
  least = math.min(least, free[i])
end
local granted = 0
if least >= 1 then granted = math.min(wanted, math.max(1, math.floor(least / share))) end
local told, tightest, left, wait = 0, math.huge, 0, -1
for i, key in ipairs(KEYS) do
  local at = full[i] + granted * cost[i]
  if granted > 0 or returned > 0 or stepped_back then
    local lasts = math.ceil((at - now) / 1000)
    if lasts > 0 then redis.call('SET', key, string.format('%.17g', at), 'PX', lasts) else redis.call('DEL', key) end
  end
  local after = free[i] - granted
  local more = at - now - (burst[i] - after - 1) * cost[i]
  if granted > 0 and after / burst[i] < tightest then
    told, tightest, left, wait = i, after / burst[i], after, math.max(0, math.min(more, cost[i]))
  elseif granted == 0 and free[i] < 1 and more > wait then
    told, left, wait = i, 0, more
  end
end
return {granted, told, left, math.ceil(wait)}
"""


class SharedBuckets:
    """The buckets of all nodes that use the same server.

    Args:
        client: from `redis_replay.make_client`.
        quotas: what holds; the same on all nodes, or each applies its own to the common counts.
        monotonic: seconds for waiting, see REST_SECONDS.
        node: the buckets of this node alone, which are asked while the server cannot be reached. None: then there is
            no answer.
        deadline_seconds: for one question; the client's own deadlines hold as well.
    """

    def __init__(
        self,
        client: Redis,
        quotas: Sequence[Quota],
        *,
        monotonic: Callable[[], float],
        node: QuotaSource | None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._script: Callable[..., Awaitable[Any]] = client.register_script(_TAKE)
        self._client = client
        self._kinds = [KINDS.index(quota.kind) for quota in quotas]
        self._prices = [price for quota in quotas for price in (quota.cost_seconds * 1e6, quota.burst)]
        self._monotonic = monotonic
        self._node = node
        self._deadline_seconds = deadline_seconds
        self._failed_at = -math.inf

    async def take(self, subject: Subject, *, wanted: int, returned: int) -> Taken:
        """See `QuotaSource.take`.

        Raises:
            SourceUnavailable: the server does not answer, and the node may not decide alone.
        """
        try:
            return await self._take(subject, wanted, returned)
        except SourceUnavailable:
            if self._node is None:
                raise
            # What was taken on the server is not for the node to put back.
            return await self._node.take(subject, wanted=wanted, returned=0)

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()

    async def _take(self, subject: Subject, wanted: int, returned: int) -> Taken:
        if self._monotonic() - self._failed_at < REST_SECONDS:
            raise SourceUnavailable("the shared quotas could not be reached a moment ago")
        names = (str(subject.credential), str(subject.application), subject.account.hex())
        keys = [f"{PREFIX}{KINDS[kind]}:{names[kind]}" for kind in self._kinds]
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._script(keys=keys, args=[wanted, returned, SHARE, *self._prices])
        except (RedisError, OSError, TimeoutError) as fault:
            self._failed_at = self._monotonic()
            raise SourceUnavailable("the shared quotas do not answer") from fault
        granted, told, left, wait = (int(number) for number in answer)
        return Taken(granted, self._kinds[told - 1], left, wait / 1e6)
