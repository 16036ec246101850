"""The pages of a `World` on a loopback port, for a real browser, and a little site of the application's own."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from support.pages import World


@asynccontextmanager
async def served_pages(**settings: Any) -> AsyncIterator[World]:
    """A world whose origin really answers. What the gateway would add to each request is added here."""
    listener = socket.create_server(("127.0.0.1", 0))
    world = World(origin=f"http://127.0.0.1:{listener.getsockname()[1]}", **settings)
    added = [(b"x-mandat-public-origin", world.origin.encode()), (b"x-mandat-caller-address", b"127.0.0.1")]

    async def gateway(scope: Any, receive: Any, send: Any) -> None:
        await world.app(dict(scope, headers=[*scope["headers"], *added]), receive, send)

    async with _serving(gateway, listener):
        yield world


@asynccontextmanager
async def served_shop(*, forward_to: str | None = None) -> AsyncIterator[str]:
    """The application's site: one page at every path, or a redirect to `forward_to`. Gives its origin."""
    listener = socket.create_server(("127.0.0.1", 0))

    async def shop(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/html")]
        if forward_to is not None:
            headers.append((b"location", forward_to.encode()))
        await send({"type": "http.response.start", "status": 200 if forward_to is None else 302, "headers": headers})
        await send({"type": "http.response.body", "body": b"<title>Shop</title><h1>Back at the shop</h1>"})

    async with _serving(shop, listener):
        yield f"http://localhost:{listener.getsockname()[1]}"


@asynccontextmanager
async def _serving(app: Any, listener: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
