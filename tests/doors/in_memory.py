"""A guard over grants in memory, and calls made without a server: for tests of the ASGI and WSGI doors."""

import os
import time
from dataclasses import dataclass, field
from typing import Any

from doors.doors import clock
from doors.table import HOST, NOW
from doubles.grants import CountedUses, MemoryGrants
from mandat.enforcement.doors.guard import Guard, GuardSettings
from mandat.enforcement.doors.local_replay import LocalReplay
from support.deciding import APPLICATION_KEY, APPLICATION_SECRET, CONSUMER_KEY, signed_headers


def make_grants() -> MemoryGrants:
    """One application, one credential that may do everything."""
    grants = MemoryGrants()
    grants.add_application(APPLICATION_KEY, APPLICATION_SECRET)
    grants.add_grant("GET *", "POST *", consumer_key=CONSUMER_KEY)
    return grants


def make_guard(grants: MemoryGrants | None = None, **settings: Any) -> Guard:
    """A guard for https://api.example at NOW."""
    return Guard(
        GuardSettings(public_urls=(f"https://{HOST}",), **settings),
        source=grants or make_grants(),
        replay=LocalReplay(window_seconds=180, clock=lambda: NOW - 1000, monotonic=time.monotonic),
        usage=CountedUses(),
        clock=clock,
        monotonic=time.monotonic,
        entropy=os.urandom,
    )


@dataclass
class Asgi:
    """One ASGI exchange: `messages` is what the server has received of the request; `sent` what it was given."""

    scope: dict[str, Any]
    messages: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    async def receive(self) -> dict[str, Any]:
        return self.messages.pop(0) if self.messages else {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])


def asgi_call(
    method: str = "GET",
    target: str = "/1.0/me",
    body: bytes = b"",
    *,
    parts: list[bytes] | None = None,
    fields: list[tuple[bytes, bytes]] | None = None,
    announce: bool = True,
    **scope: Any,
) -> Asgi:
    """A signed call as an ASGI server hands it on; `parts` is the body as it comes in, `announce` its length."""
    path, _, query = target.partition("?")
    headers = [(b"host", HOST.encode()), *signed_headers(method, target, body), *(fields or [])]
    if body and announce:
        headers.append((b"content-length", b"%d" % len(body)))
    pieces = [body] if parts is None else parts
    made = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("192.0.2.7", 4711),
        "server": ("127.0.0.1", 80),
        "state": {"of the server": 1},
    }
    messages = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]
    return Asgi({**made, **scope}, messages)


@dataclass
class Application:
    """An ASGI application that keeps what it got. `reads` is how many messages it asks for."""

    reads: int = 1
    scopes: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        for _ in range(self.reads):
            self.messages.append(await receive())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": b"ok"})
