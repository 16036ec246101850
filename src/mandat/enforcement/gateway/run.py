"""Runs one gateway worker: makes the door, accepts on the listeners it was given, and stops gracefully.

The listeners are made and kept by the supervisor (design.md 2), so that no connection is lost on a reload. Behind TLS
stands the same door; only what it knows of its callers' address differs.
"""

import asyncio
import copy
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from mandat.core.decision import Policy
from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.assertion import AssertionSigner
from mandat.enforcement.counters import DoorCounters
from mandat.enforcement.failures import AddressFailures
from mandat.enforcement.gateway.caller import CallerDesk
from mandat.enforcement.gateway.client_connection import ClientConnection
from mandat.enforcement.gateway.door import Door
from mandat.enforcement.gateway.routes import RouteTable
from mandat.enforcement.interfaces import GrantSource, ReplayMemory, UsageSink
from mandat.enforcement.point import EnforcementPoint
from mandat.enforcement.quotas.leases import CallQuotas
from mandat.enforcement.settings import GatewaySettings

_log = logging.getLogger("mandat.enforcement.gateway")

SWEEP_SECONDS = 0.25

TLS_ARRIVAL_SECONDS = 1.0
"""How long before a stop a TLS connection may have come and still get its first answer: the handshake and the request
take three round trips, and during a reload nobody else could give that answer."""

LAST_REQUESTS_SECONDS = 0.1
"""How long a stopping worker still looks for requests on kept connections: under load, no call is lost by a reload."""

TLS_GOODBYE_SECONDS = 1.0
"""How long a closing connection waits for the other end's close_notify, which many clients never send."""


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
    """
    loop = asyncio.get_running_loop()
    routes = RouteTable(settings.authority, settings.upstreams, settings.open_routes)
    policy = Policy(
        window_seconds=settings.window_seconds,
        max_body_bytes=settings.limits.max_body_bytes,
        opaque_prefixes=routes.opaque_prefixes(),
    )
    failures = AddressFailures(
        loop.time, burst=settings.limits.failures_burst, refill_per_second=settings.limits.failures_per_second
    )
    point = EnforcementPoint(source, replay, usage, policy=policy, failures=failures, clock=clock, quotas=quotas)
    counters = counters_for(settings) if counters is None else counters
    door = Door(
        settings,
        point=point,
        signer=signer,
        access_log=access_log,
        routes=routes,
        counters=counters,
        clock=clock,
        entropy=entropy,
    )
    counters.connections = door.connections
    door.time.now = loop.time()
    sweeper = loop.create_task(_sweep(door))
    servers = [await loop.create_server(lambda: ClientConnection(door), sock=entrances.plain)]
    tls = _TlsArrivals(door)
    if entrances.tls is not None and entrances.context is not None:
        servers.append(await tls.accept(entrances.tls, entrances.context))
    try:
        await stop.wait()
    finally:
        for server in servers:
            server.close()
        await tls.wait_for_the_last()
        await _drain(door, tls.door)
        sweeper.cancel()
        door.close_pools()


def counters_for(settings: GatewaySettings) -> DoorCounters:
    """Counters at zero that know every upstream of these settings."""
    return DoorCounters(upstream.name for upstream in (settings.authority, *settings.upstreams))


class _TlsArrivals:
    """Connections that begin with a handshake. Their `door` shares all but the desk, which knows their scheme."""

    def __init__(self, door: Door) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = -TLS_ARRIVAL_SECONDS
        self.door = copy.copy(door)
        self.door.desk = CallerDesk(door.settings.public_urls, door.settings.trusted_proxies, scheme="https")

    async def accept(self, listener: socket.socket, context: ssl.SSLContext) -> asyncio.Server:
        """Begin to accept."""
        return await self._loop.create_server(
            self._welcome,
            sock=listener,
            ssl=context,
            ssl_handshake_timeout=self.door.limits.head_seconds,
            ssl_shutdown_timeout=TLS_GOODBYE_SECONDS,
        )

    def _welcome(self) -> ClientConnection:
        """Called before the handshake; the door hears of the connection only after it."""
        self._last = self._loop.time()
        return ClientConnection(self.door)

    async def wait_for_the_last(self) -> None:
        """Once nothing is accepted any more: give those their time who came just before."""
        await asyncio.sleep(max(0.0, self._last + TLS_ARRIVAL_SECONDS - self._loop.time()))


async def _sweep(door: Door) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            door.sweep(loop.time())
        except Exception:
            # Without deadlines a worker would fill up with dead connections.
            _log.exception("a bug in the gateway; deadlines are looked at again")
        await asyncio.sleep(SWEEP_SECONDS)


async def _drain(door: Door, tls_door: Door) -> None:
    """Idle connections and event streams end at once; running exchanges get `stop_seconds`, then they are cut."""
    loop = asyncio.get_running_loop()
    door.is_stopping = tls_door.is_stopping = True
    # What was sent before the stop was known is still read and answered, with the wish to close.
    await asyncio.sleep(LAST_REQUESTS_SECONDS)
    for connection in list(door.connections):
        if connection.is_idle:
            connection.close()
    until = loop.time() + door.limits.stop_seconds
    while door.connections and loop.time() < until:  # noqa: ASYNC110 looked at 250 times at most, once in a life
        await asyncio.sleep(0.02)
    for connection in list(door.connections):
        connection.reset()
    await asyncio.sleep(0)
