"""Puts the id of the exchange on every line that a request writes into the process log."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from mandat.protocol.headers import QUERY_ID

App = Callable[[Any, Any, Any], Awaitable[None]]

_NAME = QUERY_ID.lower().encode()


def log_with_query_id(app: App) -> App:
    """The ASGI application `app`; while it answers, log lines have `query_id`, as the gateway gave it."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        given = [value for name, value in scope.get("headers", ()) if name == _NAME]
        with structlog.contextvars.bound_contextvars(query_id=given[0].decode("latin-1") if given else ""):
            await app(scope, receive, send)

    return answer
