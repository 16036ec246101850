"""What the doors of a node stand on: where grants are read, who remembers writes, who counts calls. One place chooses.

A process that is alone has no `mandat serve` beside it: it hears of changes from the database only, and without a Redis
server it remembers and counts by itself.

Drivers are imported when they are needed: a node on SQLite without Redis loads neither.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from mandat.enforcement.counting.statistics import ObservedSource
from mandat.enforcement.doors.local_replay import LocalReplay
from mandat.enforcement.interfaces import ReplayMemory
from mandat.enforcement.quotas.buckets import KINDS, Buckets, Quota
from mandat.enforcement.quotas.leases import CallQuotas
from mandat.enforcement.quotas.node import NodeBuckets, OwnBuckets
from mandat.enforcement.replay.client import ReplayClient
from mandat.server.configuration.reading import Config
from mandat.server.layout import Layout
from mandat.server.nature import clock, monotonic
from mandat.server.observation.report import RedisNeed
from mandat.server.problems import Problem
from mandat.storage.faults import StorageFault
from mandat.storage.grants.binding import bound_key
from mandat.storage.grants.reader import SqliteGrantSource
from mandat.storage.keys.files import node_key_file
from mandat.storage.keys.keyrings import NodeKeys

if TYPE_CHECKING:
    from redis.asyncio import Redis


@asynccontextmanager
async def grant_source(
    config: Config, layout: Layout, keys: NodeKeys, *, is_alone: bool = False
) -> AsyncIterator[ObservedSource]:
    """Where this process reads grants, for the length of the block.

    Raises:
        Problem: the database or the folder of sockets cannot be used.
    """
    newer_keys, most_grants = _newer_keys(layout), config.limits.cached_grants
    if layout.key_sources is not None:
        _refuse_other_keys(layout, keys)
    if layout.gateway_place is None:
        sqlite = SqliteGrantSource(layout.data, keys, newer_keys=newer_keys, most_grants=most_grants)
        try:
            yield sqlite
        finally:
            sqlite.close()
        return
    from mandat.storage.postgres.freshness import LeaseTerms  # noqa: PLC0415 - see the module's docstring
    from mandat.storage.postgres.grant_source import PostgresGrantSource  # noqa: PLC0415

    source = PostgresGrantSource(
        layout.gateway_place,
        keys,
        terms=LeaseTerms(config.freshness.poll_seconds, config.freshness.bound_seconds),
        monotonic=monotonic,
        epoch=_never_changing if is_alone else _node_epoch(layout),
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


def _refuse_other_keys(layout: Layout, keys: NodeKeys) -> None:
    """Key files were made with the database; a key store can hand over anybody's.

    Raises:
        Problem: these keys would open nothing in it.
    """
    try:
        if layout.gateway_place is None:
            theirs = bound_key(layout.data)
        else:
            from mandat.storage.postgres.gateway_role import bound_key_of  # noqa: PLC0415 - see the module's docstring

            theirs = bound_key_of(layout.gateway_place)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
    if theirs not in keys.public_keys:
        database = layout.gateway_place or layout.data
        raise Problem(
            f"The database {database} belongs to other keys than those of `gateway_keys`; put the content of the "
            "node.json there that was made together with it."
        )


def _newer_keys(layout: Layout) -> Callable[[], NodeKeys | None]:
    """Tells of replaced key files. Keys from elsewhere are read once; a reload starts processes with the new ones."""
    return node_key_file(layout.keys).newer if layout.key_sources is None else lambda: None


def _node_epoch(layout: Layout) -> Callable[[], int]:
    """The number that the authority of this node changes."""
    from mandat.storage.postgres.node_epoch import NodeEpoch  # noqa: PLC0415

    try:
        return NodeEpoch(layout.epoch).read
    except OSError:
        raise emptied_run_folder(layout) from None


def _never_changing() -> int:
    """The number of a node without an authority."""
    return 0


@asynccontextmanager
async def replay_memory(config: Config, layout: Layout, *, is_alone: bool = False) -> AsyncIterator[ReplayMemory]:
    """Who tells this process whether a write was made before, for the length of the block.

    Raises:
        Problem: the URL of the shared memory cannot be used.
    """
    window_seconds = config.limits.timestamp_window_seconds
    asked = ReplayClient(str(layout.replay_socket))
    node = LocalReplay(window_seconds=window_seconds, clock=clock, monotonic=monotonic) if is_alone else asked
    try:
        if not config.redis.url:
            yield node
            return
        from mandat.storage.redis_replay import SharedReplay  # noqa: PLC0415

        shared = SharedReplay(
            redis_client(config),
            window_seconds=window_seconds,
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
        asked.close()


@asynccontextmanager
async def call_quotas(config: Config, layout: Layout, *, is_alone: bool = False) -> AsyncIterator[CallQuotas | None]:
    """Who tells this process how many calls may be made, for the length of the block; None when none are limited.

    Raises:
        Problem: the URL of the shared buckets cannot be used.
    """
    quotas = quotas_of(config)
    if not quotas:
        yield None
        return
    asked = NodeBuckets(str(layout.quota_socket))
    node = OwnBuckets(Buckets(quotas), monotonic=monotonic) if is_alone else asked
    try:
        if not config.redis.url:
            yield CallQuotas(quotas, node, monotonic=monotonic)
            return
        from mandat.storage.redis_quotas import SharedBuckets  # noqa: PLC0415

        may_count_alone = config.quotas.when_unreachable == "per-node"
        shared = SharedBuckets(
            redis_client(config), quotas, monotonic=monotonic, node=node if may_count_alone else None
        )
        try:
            yield CallQuotas(quotas, shared, monotonic=monotonic)
        finally:
            await shared.close()
    finally:
        asked.close()


def quotas_of(config: Config) -> tuple[Quota, ...]:
    """What `[quotas]` means; empty when nothing is limited."""
    return tuple(
        Quota(kind, per_minute, getattr(config.quotas, f"{kind}_burst") or per_minute)
        for kind in KINDS
        if (per_minute := getattr(config.quotas, f"{kind}_per_minute"))
    )


def redis_need(config: Config) -> RedisNeed:
    """What the doors of this configuration cannot do while the server of `redis.url` is away."""
    if not config.redis.url:
        return "none"
    if quotas_of(config) and config.quotas.when_unreachable == "refuse":
        return "calls"
    return "writes" if config.redis.when_unreachable == "refuse" else "nothing"


def redis_client(config: Config) -> "Redis":
    """A client for the server of `redis.url`.

    Raises:
        Problem: the URL cannot be used.
    """
    from mandat.storage.redis_replay import make_client  # noqa: PLC0415

    try:
        return make_client(config.redis.url, password=redis_password())
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


def redis_password() -> str | None:
    """From the environment, never from a file that logs may quote."""
    return os.environ.get("MANDAT_REDIS_PASSWORD")


def emptied_run_folder(layout: Layout) -> Problem:
    """Somebody removed what the processes of this node share."""
    return Problem(f"The folder {layout.run} was emptied while this node runs; stop it and start it again.")
