"""Mandat inside a Python application: the ASGI and WSGI doors, wired to the data folder of an installation.

    app.add_middleware(MandatMiddleware, data="data", keys="keys", public_urls=["https://api.example.org"])
    application = MandatWsgiMiddleware(application, data="data", keys="keys", public_urls=["https://api.example.org"])

Reads grants only; it can mint and widen nothing. With `run`, the folder of a running `mandat serve`, a write is
admitted once per node, and uses are reported; without it, once per process, and no use is.
Guide: docs/guide/middleware.md.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict, Unpack

from mandat.enforcement.asgi import AsgiDoor
from mandat.enforcement.doors.asgi_io import Application, Receive, Scope, Send
from mandat.enforcement.doors.guard import Guard, GuardSettings
from mandat.enforcement.doors.local_replay import LocalReplay
from mandat.enforcement.interfaces import ReplayMemory
from mandat.enforcement.replay.client import ReplayClient
from mandat.enforcement.settings import Limits
from mandat.enforcement.usage import SEND_SECONDS, UsageSender
from mandat.enforcement.wsgi import Application as WsgiApplication
from mandat.enforcement.wsgi import WsgiDoor
from mandat.server.nature import clock, entropy
from mandat.storage.grants.reader import SqliteGrantSource
from mandat.storage.keys.files import node_key_file
from mandat.storage.keys.keyrings import load_node_keys

REPLAY_SOCKET: Final = "replay.sock"
UNIX: Final = "unix"
"""In `trusted_proxies`: whoever connects over a unix socket."""


class MandatOptions(TypedDict, total=False):
    """What both middlewares take beside the application; only `public_urls` has no default.

    `data`, `keys`: the folders of the installation ("data", "keys"). `public_urls`: the addresses clients sign.
    `run`: the folder of a running `mandat serve`. `trusted_proxies`: addresses, networks, or "unix". `open_routes`:
    (method, path) pairs that pass unjudged. `opaque_prefixes`: paths below the version under which the application
    reads `%2F` as part of a segment. `timestamp_window_seconds`, `max_body_bytes`, `cached_grants`: as in the
    configuration of the gateway.
    """

    data: str | Path
    keys: str | Path
    public_urls: Sequence[str]
    run: str | Path | None
    trusted_proxies: Sequence[str]
    open_routes: Sequence[tuple[str, str]]
    opaque_prefixes: Sequence[str]
    timestamp_window_seconds: int
    max_body_bytes: int
    cached_grants: int


class MandatMiddleware:
    """ASGI 3 middleware. The folders are opened at the first call, on the loop that serves it."""

    def __init__(self, app: Application, **options: Unpack[MandatOptions]) -> None:
        """
        Args:
            app: the application to protect.
            options: see `MandatOptions`.

        Raises:
            TypeError, ValueError: an option is unknown or cannot be meant.
        """
        self._app = app
        self._settings = _read_options(options)
        self._door: AsgiDoor | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope. Raises StorageFault when the folders cannot be used: the caller gets the server's 500."""
        if self._door is None:
            self._door = AsgiDoor(self._app, _wire(self._settings))
        await self._door(scope, receive, send)


class MandatWsgiMiddleware(WsgiDoor):
    """WSGI middleware. The folders are opened at the first call of each process."""

    def __init__(self, app: WsgiApplication, **options: Unpack[MandatOptions]) -> None:
        """
        Args:
            app: the application to protect.
            options: see `MandatOptions`.

        Raises:
            TypeError, ValueError: an option is unknown or cannot be meant.
        """
        settings = _read_options(options)
        super().__init__(app, lambda: _wire(settings))


@dataclass(frozen=True, slots=True)
class _Settings:
    guard: GuardSettings
    data: Path
    keys: Path
    run: Path | None
    cached_grants: int


def _read_options(options: MandatOptions) -> _Settings:
    unknown = set(options) - set(MandatOptions.__annotations__)
    if unknown:
        raise TypeError(f"unknown option {min(unknown)!r}; there are {', '.join(MandatOptions.__annotations__)}")
    proxies = list(options.get("trusted_proxies", ()))
    run = options.get("run")
    return _Settings(
        guard=GuardSettings(
            public_urls=tuple(url.rstrip("/") for url in options.get("public_urls", ())),
            trusted_proxies=tuple(ipaddress.ip_network(block, strict=False) for block in proxies if block != UNIX),
            trusts_unix_sockets=UNIX in proxies,
            open_routes=frozenset((method.upper(), path) for method, path in options.get("open_routes", ())),
            opaque_prefixes=tuple(options.get("opaque_prefixes", ())),
            window_seconds=options.get("timestamp_window_seconds", 180),
            host_name=socket.gethostname().split(".")[0],
            limits=Limits(max_body_bytes=options.get("max_body_bytes", 1_048_576)),
        ),
        data=Path(options.get("data", "data")),
        keys=Path(options.get("keys", "keys")),
        run=None if run is None else Path(run),
        cached_grants=options.get("cached_grants", 50_000),
    )


def _wire(settings: _Settings) -> Guard:
    """The guard over an installation's folders, on the running loop.

    Raises:
        StorageFault: the keys cannot be read.
    """
    keys = load_node_keys(settings.keys)
    replay: ReplayMemory
    if settings.run is None:
        replay = LocalReplay(window_seconds=settings.guard.window_seconds, clock=clock, monotonic=time.monotonic)
    else:
        replay = ReplayClient(str(settings.run / REPLAY_SOCKET))
    return Guard(
        settings.guard,
        source=SqliteGrantSource(
            settings.data, keys, newer_keys=node_key_file(settings.keys).newer, most_grants=settings.cached_grants
        ),
        replay=replay,
        usage=_Unreported() if settings.run is None else _FollowedReports(settings.run),
        clock=clock,
        monotonic=time.monotonic,
        entropy=entropy,
    )


class _Unreported:
    """Implements `UsageSink` where nobody listens."""

    def note(self, credential_id: int, rule: str, address: str, at: int, secret_id: int = 0) -> None:
        """See `UsageSink.note`."""


class _FollowedReports:
    """Implements `UsageSink`: sends to the authority of the running generation, and to the next one after a reload."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._path = ""
        self._sender: UsageSender | None = None
        self._sending: asyncio.Task[None] | None = None

    def note(self, credential_id: int, rule: str, address: str, at: int, secret_id: int = 0) -> None:
        """See `UsageSink.note`. The first one starts the sending."""
        if self._sender is None:
            self._path = self._newest()
            self._sender = UsageSender(self._path)
            self._sending = asyncio.get_running_loop().create_task(self._send_regularly())
        self._sender.note(credential_id, rule, address, at, secret_id)

    async def _send_regularly(self) -> None:
        while self._sender is not None:
            await asyncio.sleep(SEND_SECONDS)
            await self._sender.send()
            path = await asyncio.to_thread(self._newest)
            if path != self._path:
                self._path, self._sender = path, UsageSender(path)

    def _newest(self) -> str:
        """The usage socket that was made last; each generation of the authority has one."""
        found = sorted(self._run.glob("usage.*.sock"), key=lambda path: path.stat().st_mtime)
        return str(found[-1]) if found else ""
