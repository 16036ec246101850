"""Speaks ASGI for the doors that are ASGI applications: reads a body within its limits, hands it on, sends answers.

Nothing is decided here. Source: the ASGI specification, HTTP & WebSocket message format 2.3.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from mandat.enforcement.doors.refusing import Answer
from mandat.enforcement.gateway.body import BufferBudget
from mandat.protocol.refusals import Reason

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ClientGone(Exception):
    """The caller left before its body was complete: nobody waits for an answer."""


class BodyReader:
    """Reads the body of one call when the decision asks for it. `release` when the call is over, whatever became of it.

    An announced length is reserved at once; otherwise what comes is reserved piece by piece.
    """

    __slots__ = ("_announced", "_budget", "_deadline_seconds", "_receive", "_taken")

    def __init__(
        self, receive: Receive, announced: int | None, budget: BufferBudget, *, deadline_seconds: float
    ) -> None:
        self._receive = receive
        self._announced = announced
        self._budget = budget
        self._deadline_seconds = deadline_seconds
        self._taken = 0

    async def __call__(self, max_bytes: int) -> bytes | Reason:
        """The whole body, or why it cannot be had.

        Raises:
            ClientGone: there will be no whole body.
        """
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._read(max_bytes)
        except TimeoutError:
            return Reason.MALFORMED_REQUEST

    async def _read(self, max_bytes: int) -> bytes | Reason:
        if self._announced is not None and (fault := self._reserve(self._announced, max_bytes)) is not None:
            return fault
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size > self._taken and (fault := self._reserve(size - self._taken, max_bytes)) is not None:
                return fault
            if part:
                parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _reserve(self, size_bytes: int, max_bytes: int) -> Reason | None:
        if self._taken + size_bytes > max_bytes:
            return Reason.BODY_TOO_LARGE
        if not self._budget.take(size_bytes):
            return Reason.NO_BUFFER_LEFT
        self._taken += size_bytes
        return None

    def release(self) -> None:
        """The body is no longer held by anybody."""
        self._budget.give_back(self._taken)
        self._taken = 0


def replaying(body: bytes, receive: Receive) -> Receive:
    """What an application behind the door receives: exactly the judged body, then only that the caller has left."""
    is_given = False

    async def receive_again() -> Message:
        nonlocal is_given
        if not is_given:
            is_given = True
            return {"type": "http.request", "body": body, "more_body": False}
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            # The server's own message with the body that was read already, or with one that nobody announced.
            await asyncio.sleep(0)

    return receive_again


async def send_answer(answer: Answer, send: Send, *, is_head: bool) -> None:
    """Send an answer of the door's own; `is_head` leaves the body out and keeps its length."""
    await send(
        {
            "type": "http.response.start",
            "status": answer.status,
            "headers": [
                *wire_fields(answer.fields),
                (b"content-length", b"%d" % len(answer.body)),
            ],
        }
    )
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body})


def wire_fields(fields: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Header fields as ASGI has them."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
