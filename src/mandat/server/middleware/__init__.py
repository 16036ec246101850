"""Mandat inside a Python application: the ASGI and WSGI doors, wired to an installation.

    app.add_middleware(MandatMiddleware, data="data", keys="keys", public_urls=["https://api.example.org"])
    app.add_middleware(MandatMiddleware, config="/etc/mandat/mandat.toml")
    application = MandatWsgiMiddleware(application, data="data", keys="keys", public_urls=["https://api.example.org"])

Reads grants only; it can mint and widen nothing. Beside a running `mandat serve` (its folder is `run`) a write is
admitted once per node, and uses are reported; alone, once per process, and no use is. Options are read in `options`,
what stands behind the door is made in `wiring`. Guide: docs/guide/middleware.md.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Unpack

from mandat.enforcement.asgi import AsgiDoor
from mandat.enforcement.doors.asgi_io import Application, Receive, Scope, Send
from mandat.enforcement.doors.guard import Guard
from mandat.enforcement.wsgi import Application as WsgiApplication
from mandat.enforcement.wsgi import WsgiDoor
from mandat.server.middleware.options import MandatOptions, read_options
from mandat.server.middleware.wiring import open_guard

__all__ = ["MandatMiddleware", "MandatOptions", "MandatWsgiMiddleware"]


class MandatMiddleware:
    """ASGI 3 middleware. The installation is opened at the first call, on the loop that serves it."""

    def __init__(self, app: Application, **options: Unpack[MandatOptions]) -> None:
        """
        Args:
            app: the application to protect.
            options: see `MandatOptions`.

        Raises:
            TypeError, ValueError: an option is unknown or cannot be meant.
            Problem: the configuration file cannot be used.
        """
        self._app = app
        self._settings = read_options(options)
        self._door: AsgiDoor | None = None
        self._opening = asyncio.Lock()
        self._opened = AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scope.

        Raises:
            StorageFault, Problem: the installation cannot be used. The caller gets the server's 500.
        """
        if scope["type"] == "lifespan":
            try:
                await self._app(scope, receive, send)
            finally:
                await self._opened.aclose()
            return
        door = self._door
        if door is None:
            door = await self._open()
        await door(scope, receive, send)

    async def _open(self) -> AsgiDoor:
        async with self._opening:
            if self._door is None:
                self._door = AsgiDoor(self._app, await open_guard(self._settings, self._opened))
            return self._door


class MandatWsgiMiddleware(WsgiDoor):
    """WSGI middleware. The installation is opened at the first call of each process."""

    def __init__(self, app: WsgiApplication, **options: Unpack[MandatOptions]) -> None:
        """
        Args:
            app: the application to protect.
            options: see `MandatOptions`.

        Raises:
            TypeError, ValueError: an option is unknown or cannot be meant.
            Problem: the configuration file cannot be used.
        """
        settings = read_options(options)
        opened = AsyncExitStack()  # never closed: it lasts as long as the process

        async def make_guard() -> Guard:
            return await open_guard(settings, opened)

        super().__init__(app, make_guard)
