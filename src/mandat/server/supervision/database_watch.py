"""Looks after the PostgreSQL server on behalf of the operator: refuses what `[postgres]` does not allow, and reports.

The replication is looked at when a node starts, never when a process that died is started again: a fail-over that
left no standby must not take the rest away as well. What changes later is written into the log.
"""

import asyncio

import structlog

from mandat.server.configuration.reading import Config
from mandat.server.layout import Layout
from mandat.server.problems import Problem
from mandat.storage.faults import StorageFault

CHECK_SECONDS = 10.0

log = structlog.get_logger("database")


async def refuse_unreplicated(config: Config, layout: Layout) -> None:
    """Does nothing unless `postgres.ha` is set.

    Raises:
        Problem: the database cannot be reached, or does not replicate synchronously; names the setting.
    """
    try:
        weakness = await _find_weakness(config, layout)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
    if weakness is not None:
        raise Problem(weakness)


async def refuse_bad_gateway_role(layout: Layout) -> None:
    """Does nothing unless `postgres.gateway_url` is set. The tables must be there.

    Raises:
        Problem: gateways could not work with it.
    """
    if layout.place is None or layout.gateway_place is None or layout.gateway_place is layout.place:
        return
    from mandat.storage.postgres.gateway_role import check_gateway_role  # noqa: PLC0415 - only where it is used

    try:
        await asyncio.to_thread(check_gateway_role, layout.gateway_place, layout.place)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


async def report_replication(config: Config, layout: Layout, *, every_seconds: float = CHECK_SECONDS) -> None:
    """Logs when commits are no longer on two servers, and when they are again. Ends at once unless `postgres.ha`."""
    known: str | None = None
    while config.postgres.ha:
        await asyncio.sleep(every_seconds)
        try:
            weakness = await _find_weakness(config, layout)
        except StorageFault as fault:
            weakness = fault.sentence
        if weakness is None and known is not None:
            log.info("the database replicates synchronously again")
        elif weakness is not None and known is None:
            log.error("the database does not replicate synchronously", problem=weakness)
        known = weakness


async def _find_weakness(config: Config, layout: Layout) -> str | None:
    if not config.postgres.ha or layout.place is None:
        return None
    from mandat.storage.postgres.replication import find_replication_weakness  # noqa: PLC0415 - only where it is used

    return await asyncio.to_thread(find_replication_weakness, layout.place)
