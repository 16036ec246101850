"""The sandbox as a program: opens its data, binds its ports, serves HTTP and DNS until told to stop."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager

import uvicorn
import uvloop

from mandat.enforcement.assertion_verifier import AssertionVerifier
from mandat.sandbox.api.description import Descriptions
from mandat.sandbox.api.operations import SECTIONS, WORK
from mandat.sandbox.api.routing import Routes
from mandat.sandbox.dns.server import DnsServer
from mandat.sandbox.dns.zone import ServedZones, build_zone
from mandat.sandbox.effects import Aftermath
from mandat.sandbox.instances.keeper import InstanceKeeper
from mandat.sandbox.logs import configure_logs
from mandat.sandbox.problems import SandboxStartError
from mandat.sandbox.serving.application import SandboxApplication
from mandat.sandbox.serving.calls import CallDesk
from mandat.sandbox.serving.gate import Verifier, key_set_source
from mandat.sandbox.settings import SandboxSettings
from mandat.sandbox.store.database import Database, only_sandbox_of
from mandat.sandbox.store.zones import list_refreshed
from mandat.sandbox.tasks.keeper import TaskKeeper

__all__ = ["SandboxSettings", "SandboxStartError", "run", "serve"]

KEEP_ALIVE_SECONDS = 75  # longer than a gateway keeps a pooled connection, so that the gateway ends it and not we
STOP_SECONDS = 5  # what running calls get (design.md 8)
BACKLOG = 1024

_log = logging.getLogger("mandat.sandbox")


def run(settings: SandboxSettings, on_ready: Callable[[], None] | None = None) -> None:
    """Serves until SIGTERM or SIGINT, then finishes running calls and returns.

    Args:
        settings: see SandboxSettings.
        on_ready: called once, when HTTP and DNS answer.

    Raises:
        SandboxStartError: a port is taken, the data cannot be used, or `jwks_url` is no http address.
    """
    configure_logs()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve_until_signalled(settings, on_ready or (lambda: None)))


async def _serve_until_signalled(settings: SandboxSettings, on_ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(settings, stop=stop, on_ready=on_ready)


async def serve(
    settings: SandboxSettings,
    *,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
    verifier: Verifier | None = None,
) -> None:
    """As `run`, in a running loop and until `stop` is set. `verifier` stands in for the one that `settings` describe.

    Raises:
        SandboxStartError: as `run`.
    """
    verifier = verifier or _verifier_of(settings)
    with ExitStack() as stack:
        stack.enter_context(only_sandbox_of(settings.folder))
        database = stack.enter_context(closing(Database(settings.folder)))
        http = stack.enter_context(_bound(settings.host, settings.port, socket.SOCK_STREAM))
        udp = stack.enter_context(_bound(settings.host, settings.dns_port, socket.SOCK_DGRAM))
        tcp = stack.enter_context(_bound(settings.host, settings.dns_port, socket.SOCK_STREAM))
        zones = ServedZones()
        for content in await database.run(list_refreshed):
            zones.put(build_zone(content))
        dns = DnsServer(zones, udp=udp, tcp=tcp)
        await dns.serve()
        try:
            async with _keepers(settings, database, zones) as (desk, aftermath):
                application = SandboxApplication(
                    descriptions=Descriptions(SECTIONS, own_origin=f"http://{settings.host}:{settings.port}"),
                    verifier=verifier,
                    database=database,
                    desk=desk,
                    aftermath=aftermath,
                    stop=stop,
                )
                await _serve_http(application, http, stop=stop, on_ready=on_ready)
        finally:
            await dns.close()


@asynccontextmanager
async def _keepers(
    settings: SandboxSettings, database: Database, zones: ServedZones
) -> AsyncIterator[tuple[CallDesk, Aftermath]]:
    """The desk for calls and what follows them, while instances run and tasks happen."""
    instances = InstanceKeeper(
        database,
        folder=settings.folder,
        http_port=_port_of_instances(settings),
        clock=settings.clock,
    )
    desk = CallDesk(Routes(SECTIONS), WORK, hosting=instances, clock=settings.clock, entropy=settings.entropy)
    tasks = TaskKeeper(database, WORK, make_desk=desk.make_desk, clock=settings.clock)
    aftermath = Aftermath(zones, instances.end, instances.wake, tasks.wake)
    keeping = [asyncio.create_task(instances.keep()), asyncio.create_task(tasks.keep(aftermath.follow))]
    for each in keeping:
        each.add_done_callback(_say_if_failed)
    try:
        yield desk, aftermath
    finally:
        for each in keeping:
            each.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)


def _say_if_failed(keeping: asyncio.Task[None]) -> None:
    if not keeping.cancelled() and keeping.exception() is not None:
        _log.error("a keeper failed", exc_info=keeping.exception())


def _port_of_instances(settings: SandboxSettings) -> int:
    port = settings.http_port_of_instances
    if not 0 < port < 1 << 16:
        raise SandboxStartError(f"Instances cannot serve on port {port}; ports go from 1 to 65535.")
    return port


def _verifier_of(settings: SandboxSettings) -> Verifier:
    try:
        fetch = key_set_source(settings.jwks_url)
    except ValueError as fault:
        raise SandboxStartError(f"The sandbox cannot fetch keys: {fault}; give the gateway's jwks.json.") from None
    return AssertionVerifier(fetch, issuer=settings.issuer, audience=settings.audience, clock=settings.clock)


async def _serve_http(
    application: SandboxApplication, listener: socket.socket, *, stop: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    server = _Server(
        uvicorn.Config(
            application,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        ),
        on_ready,
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving
    _log.info("stopped")


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which would end the process by the signal instead of returning."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        _log.info("serving", extra={"addresses": [str(one.getsockname()) for one in sockets or []]})
        self._on_ready()


@contextmanager
def _bound(host: str, port: int, kind: socket.SocketKind) -> Iterator[socket.socket]:
    """A socket bound to that address.

    Raises:
        SandboxStartError: the port is taken or none, or the host is none of this machine.
    """
    if not 0 < port < 1 << 16:
        raise SandboxStartError(f"The sandbox cannot listen on port {port}; ports go from 1 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as listener:
        if kind is socket.SOCK_STREAM:
            # A port whose last connections linger is free; one with a listener is not.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Accepted connections inherit it; without, head and body of an answer are 40 ms apart.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((host, port))
            if kind is socket.SOCK_STREAM:
                listener.listen(BACKLOG)
        except OSError as fault:
            raise SandboxStartError(
                f"The sandbox cannot listen on {host} port {port} ({fault.strerror}); "
                "stop the program that uses it or choose another port."
            ) from fault
        listener.setblocking(False)
        yield listener
