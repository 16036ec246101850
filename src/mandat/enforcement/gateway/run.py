"""Runs one gateway worker: makes the door, accepts on the listeners it was given, and stops gracefully.

The listeners are made and kept by the supervisor (design.md 2), so that no connection is lost on a reload. Behind TLS
stands the same door; only what it knows of its callers' address differs.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from mandat.core.decision import Policy
from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.assertion import AssertionSigner
from mandat.enforcement.counting.counters import DoorCounters
from mandat.enforcement.failures import AddressFailures
from mandat.enforcement.gateway.client.connection import ClientConnection
from mandat.enforcement.gateway.door import Door
from mandat.enforcement.gateway.routes import RouteTable
from mandat.enforcement.gateway.stopping import drain
from mandat.enforcement.gateway.tls import TlsArrivals
from mandat.enforcement.interfaces import GrantSource, ReplayMemory, UsageSink
from mandat.enforcement.point import EnforcementPoint
from mandat.enforcement.quotas.leases import CallQuotas
from mandat.enforcement.settings import GatewaySettings

_log = logging.getLogger("mandat.enforcement.gateway")

SWEEP_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Entrances:
    """Bound, listening stream sockets. Connections to `tls`, when there is one, begin with a handshake by `context`."""

    plain: socket.socket
    tls: socket.socket | None = None
    context: ssl.SSLContext | None = None


async def run_gateway(  # noqa: PLR0913 - the one place where a gateway is put together
    settings: GatewaySettings,
    entrances: Entrances,
    *,
    source: GrantSource,
    replay: ReplayMemory,
    usage: UsageSink,
    signer: AssertionSigner,
    access_log: AccessLog,
    clock: Callable[[], float],
    entropy: Callable[[int], bytes],
    stop: asyncio.Event,
    counters: DoorCounters | None = None,
    quotas: CallQuotas | None = None,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Serve until `stop` is set, then let running exchanges end for `stop_seconds`.

    Sending usage and writing the log are tasks of the caller (`UsageSender.run`, `AccessLog.run`), who ends them after
    this has returned, so that nothing is lost.

    Args:
        settings: everything an operator decides.
        entrances: where to accept; this process's copies of the sockets are closed at the end.
        source, replay, usage: see `mandat.enforcement.interfaces`.
        signer: makes the assertions; its public key is in `settings.jwks`.
        access_log: gets one line for each exchange.
        clock: Unix seconds.
        entropy: random bytes.
        stop: set it to stop.
        counters: counts what happens, for whoever made it; see `counters_for`.
        quotas: how many calls may be made; None when that is not limited.
        on_ready: called once, when connections are accepted.
    """
    loop = asyncio.get_running_loop()
    routes = RouteTable(settings.authority, settings.upstreams, settings.open_routes)
    door = Door(
        settings,
        point=_make_point(settings, routes, source, replay, usage, clock=clock, quotas=quotas),
        signer=signer,
        access_log=access_log,
        routes=routes,
        counters=counters_for(settings) if counters is None else counters,
        clock=clock,
        entropy=entropy,
    )
    door.counters.connections = door.connections
    sweeper = loop.create_task(_sweep(door))
    tls = TlsArrivals(door)
    servers = [await loop.create_server(lambda: ClientConnection(door), sock=entrances.plain)]
    if entrances.tls is not None and entrances.context is not None:
        servers.append(await tls.accept(entrances.tls, entrances.context))
    if on_ready is not None:
        on_ready()
    try:
        await stop.wait()
    finally:
        for server in servers:
            server.close()
        await tls.wait_for_the_last()
        await drain(door, tls.door)
        sweeper.cancel()
        door.close_pools()


def _make_point(
    settings: GatewaySettings,
    routes: RouteTable,
    source: GrantSource,
    replay: ReplayMemory,
    usage: UsageSink,
    *,
    clock: Callable[[], float],
    quotas: CallQuotas | None,
) -> EnforcementPoint:
    limits = settings.limits
    policy = Policy(
        window_seconds=settings.window_seconds,
        max_body_bytes=limits.max_body_bytes,
        opaque_prefixes=routes.opaque_prefixes(),
    )
    failures = AddressFailures(
        asyncio.get_running_loop().time, burst=limits.failures_burst, refill_per_second=limits.failures_per_second
    )
    return EnforcementPoint(source, replay, usage, policy=policy, failures=failures, clock=clock, quotas=quotas)


def counters_for(settings: GatewaySettings) -> DoorCounters:
    """Counters at zero that know every upstream of these settings."""
    return DoorCounters(upstream.name for upstream in (settings.authority, *settings.upstreams))


async def _sweep(door: Door) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            door.sweep(loop.time())
        except Exception:
            # Without deadlines a worker would fill up with dead connections.
            _log.exception("a bug in the gateway; deadlines are looked at again")
        await asyncio.sleep(SWEEP_SECONDS)
