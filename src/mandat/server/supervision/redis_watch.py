"""Looks after the Redis server that nodes share, on behalf of the operator: refuses a bad one, reports a lost one.

The gateways find out by themselves, at each write. Here it is written into the log, so that nobody is surprised.
"""

import asyncio
import contextlib

import structlog

from mandat.enforcement.interfaces import SourceUnavailable
from mandat.server.configuration.reading import Config
from mandat.server.node_access import quotas_of, redis_client
from mandat.server.problems import Problem

CHECK_SECONDS = 1.0

log = structlog.get_logger("redis")


async def refuse_bad_redis(config: Config) -> None:
    """Does nothing when no Redis server is configured, when it is good, or when it does not answer just now.

    Raises:
        Problem: its URL cannot be used, or it forgets what it should remember.
    """
    with contextlib.suppress(SourceUnavailable):
        weakness = await _find_weakness(config)
        if weakness is not None:
            raise Problem(weakness)


async def redis_answers(config: Config) -> bool:
    """Whether the server is there and remembers."""
    try:
        return await _find_weakness(config) is None
    except SourceUnavailable:
        return False


async def report_redis(config: Config) -> None:
    """Logs when the server is lost and when it is back, until cancelled. Ends at once when none is configured."""
    answers = True
    while config.redis.url:
        try:
            weakness = await _find_weakness(config)
            if weakness is not None:
                log.error("redis must not be used like that", problem=weakness)
            elif not answers:
                log.info("redis answers again")
            answers = True
        except SourceUnavailable:
            if answers:
                log.error("redis does not answer", **_consequences(config))
            answers = False
        await asyncio.sleep(CHECK_SECONDS)


def _consequences(config: Config) -> dict[str, str]:
    """What becomes of calls while the server is away."""
    said = {"writes": _CONSEQUENCES[config.redis.when_unreachable]}
    if quotas_of(config):
        said["quotas"] = _QUOTA_CONSEQUENCES[config.quotas.when_unreachable]
    return said


_CONSEQUENCES = {"refuse": "refused with 503", "per-node": "each node remembers its own, and no other's"}
_QUOTA_CONSEQUENCES = {"refuse": "every call refused with 503", "per-node": "each node counts its own calls"}


async def _find_weakness(config: Config) -> str | None:
    """What is wrong with the configured server. Raises SourceUnavailable when it does not answer."""
    if not config.redis.url:
        return None
    from mandat.storage.redis_replay import find_weakness  # noqa: PLC0415 - only where it is used

    client = redis_client(config)
    try:
        return await find_weakness(client)
    finally:
        await client.aclose()
