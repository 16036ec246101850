"""A forward-auth process: answers the proxies that ask about calls. Imports no web framework, no ORM.

It shares the gateway's settings, grants, replay memory, usage reports and access log, so the same call gets the same
answer. Connections from anybody but a trusted peer are closed at once.
"""

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.assertion import AssertionSigner
from mandat.enforcement.counting.counters import DoorCounters
from mandat.enforcement.counting.usage import UsageSender
from mandat.enforcement.doors.guard import Guard, GuardSettings
from mandat.enforcement.doors.refusing import Answer
from mandat.enforcement.forward_auth.door import ForwardAuthDoor
from mandat.enforcement.forward_auth.styles import STYLES
from mandat.enforcement.gateway.routes import RouteTable
from mandat.server.configuration.reading import Config, load_config
from mandat.server.key_sources import node_keys
from mandat.server.layout import Layout, layout_of
from mandat.server.nature import clock, entropy
from mandat.server.node_access import call_quotas, grant_source, redis_need, replay_memory
from mandat.server.observation.door_report import ObservedDoor
from mandat.server.observation.report import reporting
from mandat.server.problems import Problem
from mandat.server.processes.children import child_options, say_problem, say_ready
from mandat.server.processes.gateway import gateway_settings, log_writer, reports_path
from mandat.storage.faults import StorageFault

log = logging.getLogger("mandat.forward_auth")

KEEP_ALIVE_SECONDS = 75
"""Longer than the proxies keep an idle connection, so that it is never this end that closes first."""


async def serve(config: Config, layout: Layout, *, listener: socket.socket, generation: int, ready_fd: int) -> None:
    """Serves until SIGTERM.

    Raises:
        Problem: keys or databases cannot be used.
    """
    try:
        keys = node_keys(layout.keys, layout.key_sources)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
    settings = gateway_settings(config, layout, keys, generation=generation)
    routes = RouteTable(settings.authority, settings.upstreams, ())
    peers = tuple(ipaddress.ip_network(block, strict=False) for block in config.forward_auth.trusted_peers)
    usage = UsageSender(str(layout.usage_socket(generation)))
    access_log = AccessLog(log_writer(config, layout))
    counters = DoorCounters()
    async with (
        grant_source(config, layout, keys) as source,
        replay_memory(config, layout) as replay,
        call_quotas(config, layout) as quotas,
        reporting(
            reports_path(config, layout),
            ObservedDoor("forward_auth", settings, counters, source, usage, access_log, redis_need(config)).report,
        ),
    ):
        guard = Guard(
            GuardSettings(
                public_urls=settings.public_urls,
                trusted_proxies=peers,
                opaque_prefixes=routes.opaque_prefixes(),
                window_seconds=settings.window_seconds,
                zone=settings.zone,
                host_name=settings.host_name,
                limits=settings.limits,
            ),
            source=source,
            replay=replay,
            usage=usage,
            clock=clock,
            monotonic=time.monotonic,
            entropy=entropy,
            quotas=quotas,
        )
        door = ForwardAuthDoor(
            guard,
            STYLES[config.forward_auth.style],
            routes=routes,
            signer=AssertionSigner(keys.assertion_key, keys.assertion_key_id, settings.issuer),
            access_log=access_log,
            counters=counters,
        )
        loop = asyncio.get_running_loop()
        beside = [loop.create_task(usage.run()), loop.create_task(access_log.run())]
        await AskedServer(door, guard.is_trusted, on_ready=lambda: say_ready(ready_fd)).serve(sockets=[listener])
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)


class AskedServer(uvicorn.Server):
    """Serves a door to trusted peers only, and says when it is ready."""

    def __init__(
        self, door: ForwardAuthDoor, is_trusted: Callable[[str | None], bool], *, on_ready: Callable[[], None]
    ) -> None:
        class TrustedPeersOnly(HttpToolsProtocol):
            """Closes every other connection before a byte of it is read."""

            def connection_made(self, transport: Any) -> None:
                peer = transport.get_extra_info("peername")
                if is_trusted(peer[0] if peer else None):
                    super().connection_made(transport)
                else:
                    log.warning("a connection from %s was closed: not in forward_auth.trusted_peers", peer)
                    transport.abort()

            def send_400_response(self, msg: str) -> None:
                """Refuse in the proxy's style what cannot be parsed: its caller sent it, and is to get no 5xx."""
                self.transport.write(whole_answer(door.refuse_unreadable()))
                self.transport.close()

            def connection_lost(self, exc: Exception | None) -> None:
                if self.transport is not None:
                    super().connection_lost(exc)

        super().__init__(
            uvicorn.Config(
                door,
                loop="uvloop",
                http=TrustedPeersOnly,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=5,
                proxy_headers=False,
            )
        )
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; then whoever waits is told."""
        await super().startup(sockets)
        self._on_ready()


def whole_answer(answer: Answer) -> bytes:
    """An answer as bytes, the last on its connection."""
    fields = [*answer.fields, ("Content-Length", str(len(answer.body))), ("Connection", "close")]
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"HTTP/1.1 {answer.status} \r\n{head}\r\n".encode("latin-1") + answer.body


def main(arguments: list[str]) -> int:
    """A child's entry: options as `ChildSpec` gives them."""
    options = child_options(arguments)
    config_file, ready_fd = Path(str(options["config"])), int(str(options["ready_fd"]))
    with contextlib.closing(socket.socket(fileno=int(str(options["listener_fd"])))) as listener:
        try:
            config = load_config(config_file)
            layout = layout_of(config, config_file)
            generation = int(str(options["generation"]))
            # uvicorn raises SIGTERM anew when it has stopped; by then logs and reports are still to be sent.
            signal.signal(signal.SIGTERM, lambda *_: None)
            uvloop.run(serve(config, layout, listener=listener, generation=generation, ready_fd=ready_fd))
        except Problem as problem:
            say_problem(ready_fd, problem.sentence)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
