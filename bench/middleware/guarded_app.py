"""A trivial ASGI application, bare and behind the middleware: what `bench.middleware` serves with uvicorn."""

import os
from typing import Any

from mandat.server.middleware import MandatMiddleware

ANSWER = b'{"records":[' + b",".join(b"%d" % number for number in range(1_000_000, 1_000_023)) + b"]}"
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(ANSWER))],
}
_BODY = {"type": "http.response.body", "body": ANSWER}


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Answers 200 bytes of JSON."""
    await send(_START)
    await send(_BODY)


guarded = MandatMiddleware(
    bare,
    data=os.environ.get("MANDAT_DATA", "data"),
    keys=os.environ.get("MANDAT_KEYS", "keys"),
    public_urls=[os.environ.get("MANDAT_PUBLIC_URL", "http://127.0.0.1:8000")],
)
