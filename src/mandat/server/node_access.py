"""What the doors of a node stand on: where grants are read, and who remembers writes. One place that chooses.

Drivers are imported when they are needed: a node on SQLite without Redis loads neither.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mandat.enforcement.interfaces import GrantSource, ReplayMemory
from mandat.enforcement.replay.client import ReplayClient
from mandat.server.configuration.reading import Config
from mandat.server.layout import Layout
from mandat.server.nature import clock, monotonic
from mandat.server.problems import Problem
from mandat.storage.faults import StorageFault
from mandat.storage.grants.reader import SqliteGrantSource
from mandat.storage.keys.files import node_key_file
from mandat.storage.keys.keyrings import NodeKeys


@asynccontextmanager
async def grant_source(config: Config, layout: Layout, keys: NodeKeys) -> AsyncIterator[GrantSource]:
    """Where this process reads grants, for the length of the block.

    Raises:
        Problem: the database or the folder of sockets cannot be used.
    """
    newer_keys, most_grants = node_key_file(layout.keys).newer, config.limits.cached_grants
    if layout.gateway_place is None:
        sqlite = SqliteGrantSource(layout.data, keys, newer_keys=newer_keys, most_grants=most_grants)
        try:
            yield sqlite
        finally:
            sqlite.close()
        return
    from mandat.storage.postgres.freshness import LeaseTerms  # noqa: PLC0415 - see the module's docstring
    from mandat.storage.postgres.grant_source import PostgresGrantSource  # noqa: PLC0415
    from mandat.storage.postgres.node_epoch import NodeEpoch  # noqa: PLC0415

    try:
        epoch = NodeEpoch(layout.epoch)
    except OSError:
        raise emptied_run_folder(layout) from None
    source = PostgresGrantSource(
        layout.gateway_place,
        keys,
        terms=LeaseTerms(config.freshness.poll_seconds, config.freshness.bound_seconds),
        monotonic=monotonic,
        epoch=epoch.read,
        newer_keys=newer_keys,
        most_grants=most_grants,
    )
    following = asyncio.get_running_loop().create_task(source.run())
    try:
        yield source
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        source.close()


@asynccontextmanager
async def replay_memory(config: Config, layout: Layout) -> AsyncIterator[ReplayMemory]:
    """Who tells this process whether a write was made before, for the length of the block.

    Raises:
        Problem: the URL of the shared memory cannot be used.
    """
    node = ReplayClient(str(layout.replay_socket))
    try:
        if not config.redis.url:
            yield node
            return
        from mandat.storage.redis_replay import SharedReplay, make_client  # noqa: PLC0415

        try:
            client = make_client(config.redis.url, password=redis_password())
        except StorageFault as fault:
            raise Problem(fault.sentence) from None
        shared = SharedReplay(
            client,
            window_seconds=config.limits.timestamp_window_seconds,
            clock=clock,
            monotonic=monotonic,
            node=node if config.redis.when_unreachable == "per-node" else None,
        )
        try:
            await shared.begin()
            yield shared
        finally:
            await shared.close()
    finally:
        node.close()


def redis_password() -> str | None:
    """From the environment, never from a file that logs may quote."""
    return os.environ.get("MANDAT_REDIS_PASSWORD")


def emptied_run_folder(layout: Layout) -> Problem:
    """Somebody removed what the processes of this node share."""
    return Problem(f"The folder {layout.run} was emptied while this node runs; stop it and start it again.")
