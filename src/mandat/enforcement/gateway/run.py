"""Runs one gateway worker: makes the door, accepts on the listener it was given, and stops gracefully.

The listener is made and kept by the supervisor (design.md 2), so that no connection is lost on a reload.
"""

import asyncio
import socket
from collections.abc import Callable

from mandat.core.decision import Policy
from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.assertion import AssertionSigner
from mandat.enforcement.failures import AddressFailures
from mandat.enforcement.gateway.client_connection import ClientConnection
from mandat.enforcement.gateway.door import Door
from mandat.enforcement.gateway.routes import RouteTable
from mandat.enforcement.interfaces import GrantSource, ReplayMemory, UsageSink
from mandat.enforcement.point import EnforcementPoint
from mandat.enforcement.settings import GatewaySettings

SWEEP_SECONDS = 0.25


async def run_gateway(
    settings: GatewaySettings,
    listener: socket.socket,
    *,
    source: GrantSource,
    replay: ReplayMemory,
    usage: UsageSink,
    signer: AssertionSigner,
    access_log: AccessLog,
    clock: Callable[[], float],
    entropy: Callable[[int], bytes],
    stop: asyncio.Event,
) -> None:
    """Serve until `stop` is set, then let running exchanges end for `stop_seconds`.

    Sending usage and writing the log are tasks of the caller (`UsageSender.run`, `AccessLog.run`), who ends them after
    this has returned, so that nothing is lost.

    Args:
        settings: everything an operator decides.
        listener: a bound, listening stream socket; this process's copy is closed at the end.
        source, replay, usage: see `mandat.enforcement.interfaces`.
        signer: makes the assertions; its public key is in `settings.jwks`.
        access_log: gets one line for each exchange.
        clock: Unix seconds.
        entropy: random bytes.
        stop: set it to stop.
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
    point = EnforcementPoint(source, replay, usage, policy=policy, failures=failures, clock=clock)
    door = Door(
        settings, point=point, signer=signer, access_log=access_log, routes=routes, clock=clock, entropy=entropy
    )
    door.time.now = loop.time()
    sweeper = loop.create_task(_sweep(door))
    server = await loop.create_server(lambda: ClientConnection(door), sock=listener)
    try:
        await stop.wait()
    finally:
        server.close()
        await _drain(door)
        sweeper.cancel()
        door.close_pools()


async def _sweep(door: Door) -> None:
    loop = asyncio.get_running_loop()
    while True:
        door.sweep(loop.time())
        await asyncio.sleep(SWEEP_SECONDS)


async def _drain(door: Door) -> None:
    """Idle connections and event streams end at once; running exchanges get `stop_seconds`, then they are cut."""
    loop = asyncio.get_running_loop()
    door.is_stopping = True
    for connection in list(door.connections):
        if connection.is_idle:
            connection.close()
    until = loop.time() + door.limits.stop_seconds
    while door.connections and loop.time() < until:  # noqa: ASYNC110 looked at 250 times at most, once in a life
        await asyncio.sleep(0.02)
    for connection in list(door.connections):
        connection.reset()
    await asyncio.sleep(0)
