"""Remembers the signatures of writes for all nodes, in a server that speaks the Redis protocol.

Implements `enforcement.interfaces.ReplayMemory`. The rules are those of `enforcement.replay.memory`; here they are a
script, because looking and remembering must be one step. A memory that is not complete (the server was restarted, or
another took its place) is found out by the server's own id of its run: writes signed before it began are refused until
the window has passed over them, as after the restart of a node.

A signature is forgotten by expiry. What is left then is its second, in a sorted set by the first admission: a second
whose first admission is older than signatures are kept is spent. So neither a node's clock that steps back revives a
signature, nor the server's own that steps either way: the script's time is the server's, moved on by whatever that
clock stepped back.

What happens while the server cannot be reached is the operator's decision, see `SharedReplay`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from mandat.enforcement.interfaces import ReplayMemory, SourceUnavailable, WriteSeen
from mandat.enforcement.replay.memory import MAX_ADMISSIONS, MAX_SPENT_SECONDS, REPEAT_SECONDS
from mandat.storage.faults import StorageFault

DEADLINE_SECONDS: Final = 0.5
"""For one question, connecting included. A server nearby answers in a fifth of a millisecond."""

REST_SECONDS: Final = 1.0
"""After a failure nobody asks for that long, so that not every write waits for the deadline."""

PREFIX: Final = "mandat:replay:"

_ADMIT: Final = """
local time = redis.call('TIME')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local began = redis.call('HMGET', KEYS[2], 'run', 'at', 'last', 'stepped')
local last, stepped = tonumber(began[3] or 0), tonumber(began[4] or 0)
local now = time[1] * 1000 + math.floor(time[2] / 1000) + stepped
if now < last then
  redis.call('HSET', KEYS[2], 'stepped', stepped + last - now)
  now = last
elseif now > last then
  redis.call('HSET', KEYS[2], 'last', now)
end
if began[1] ~= run then
  redis.call('HSET', KEYS[2], 'run', run, 'at', now)
  began[2] = now
end
if #KEYS[1] == 0 then return 1 end
local age, keep = now - began[2], tonumber(ARGV[3])
if age < keep and tonumber(ARGV[5]) < math.floor((ARGV[4] - age) / 1000) then return 0 end
local first = redis.call('ZSCORE', KEYS[3], ARGV[5])
if first and now - first >= keep then return 0 end
local seen = redis.call('HMGET', KEYS[1], 'first', 'call', 'admissions')
if not seen[1] then
  redis.call('HSET', KEYS[1], 'first', now, 'call', ARGV[1], 'admissions', 1)
  redis.call('PEXPIRE', KEYS[1], keep + 1000)
  if not first then
    redis.call('ZADD', KEYS[3], now, ARGV[5])
    redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - ARGV[8])
  end
  return 1
end
if ARGV[2] == '1' or seen[2] ~= ARGV[1] then return 0 end
if now - seen[1] > tonumber(ARGV[6]) or tonumber(seen[3]) >= tonumber(ARGV[7]) then return 0 end
redis.call('HINCRBY', KEYS[1], 'admissions', 1)
return 1
"""


class SharedReplay:
    """The replay memory of all nodes that use the same server.

    Args:
        client: from `make_client`.
        window_seconds: how far a timestamp may be from the clock, either way.
        clock: Unix seconds of this node.
        monotonic: seconds for waiting, see REST_SECONDS.
        node: the memory of this node alone. None: while the server cannot be reached, writes are refused. Given: it
            is always asked first, and alone decides while the server cannot be reached; then a signature that another
            node admitted passes once more here.
        max_spent_seconds: how many seconds that saw writes are remembered; those that saw one first go first.
        deadline_seconds: for one question; the client's own deadlines hold as well.
    """

    def __init__(
        self,
        client: Redis,
        *,
        window_seconds: int,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        node: ReplayMemory | None,
        max_spent_seconds: int = MAX_SPENT_SECONDS,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._script: Callable[..., Awaitable[Any]] = client.register_script(_ADMIT)
        self._client = client
        self._keep_milliseconds = 2 * window_seconds * 1000
        self._limits = (int(REPEAT_SECONDS * 1000), MAX_ADMISSIONS, max_spent_seconds)
        self._clock = clock
        self._monotonic = monotonic
        self._node = node
        self._deadline_seconds = deadline_seconds
        self._failed_at = float("-inf")

    async def begin(self) -> None:
        """Begins the memory where it has not begun, so that no first write comes too early. Failing is harmless."""
        try:
            await self._ask("", 0, "", strict=False)
        except SourceUnavailable:
            self._failed_at = float("-inf")

    async def admit(self, write: WriteSeen) -> bool:
        """See `interfaces.ReplayMemory.admit`.

        Raises:
            SourceUnavailable: the server does not answer, and the node may not decide alone.
        """
        if self._node is not None and not await self._node.admit(write):
            return False
        try:
            return await self._ask(
                write.signature_digest.hex(), write.timestamp, write.call_digest.hex(), strict=write.strict
            )
        except SourceUnavailable:
            if self._node is None:
                raise
            return True

    async def close(self) -> None:
        """Ends the connections."""
        await self._client.aclose()

    async def _ask(self, signature: str, timestamp: int, call: str, *, strict: bool) -> bool:
        if self._monotonic() - self._failed_at < REST_SECONDS:
            raise SourceUnavailable("the replay memory could not be reached a moment ago")
        keys = [signature and PREFIX + signature, PREFIX + "began", PREFIX + "seconds"]
        now_milliseconds = int(self._clock() * 1000)
        arguments = [call, int(strict), self._keep_milliseconds, now_milliseconds, timestamp]
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._script(keys=keys, args=[*arguments, *self._limits])
        except (RedisError, OSError, TimeoutError) as fault:
            self._failed_at = self._monotonic()
            raise SourceUnavailable("the replay memory does not answer") from fault
        return bool(answer == 1)


def make_client(url: str, *, password: str | None = None, deadline_seconds: float = DEADLINE_SECONDS) -> Redis:
    """A client that never asks twice: an answer that was lost may have admitted the write.

    Args:
        url: redis://HOST[:PORT][/DATABASE], rediss:// for TLS, or unix://PATH.
        password: None when the server wants none.
        deadline_seconds: for connecting and for each answer.

    Raises:
        StorageFault: the URL cannot be used, or has a password in it.
    """
    try:
        if urlsplit(url).password:
            raise StorageFault("`redis.url` has a password in it; take it out and set MANDAT_REDIS_PASSWORD.")
        client = Redis.from_url(
            url,
            password=password,
            socket_timeout=deadline_seconds,
            socket_connect_timeout=deadline_seconds,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        raise StorageFault(
            "`redis.url` is no URL of a Redis server; write redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH."
        ) from None
    return client


async def find_weakness(client: Redis) -> str | None:
    """What keeps this server from remembering, as a sentence; None when nothing does.

    Raises:
        SourceUnavailable: it does not answer.
    """
    try:
        async with asyncio.timeout(DEADLINE_SECONDS * 2):
            known = await client.info("memory")
    except (RedisError, OSError, TimeoutError) as fault:
        raise SourceUnavailable(str(fault)) from fault
    if int(known.get("maxmemory", 0)) and known.get("maxmemory_policy") != "noeviction":
        return (
            "The Redis server of `redis.url` forgets keys when its memory is full "
            f"(maxmemory-policy {known.get('maxmemory_policy')}); set maxmemory-policy to noeviction."
        )
    return None
