"""The sandbox's HTTP surface, as a plain ASGI application: read a call, let the gate and the desk decide, write it.

What the fault switch wants to wait or to hang does so here, outside any transaction.

No framework: routes, checks and error shape come from the table, and a small program starts fast.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mandat.enforcement.assertion_verifier import Asserted, AssertionFault
from mandat.protocol import headers
from mandat.protocol.refusals import Reason
from mandat.sandbox.api.description import Descriptions
from mandat.sandbox.api.operation import Refused
from mandat.sandbox.effects import Aftermath
from mandat.sandbox.serving.calls import Call, CallDesk, Outcome, encode_json, refusal
from mandat.sandbox.serving.gate import Verifier
from mandat.sandbox.store.database import Database
from mandat.sandbox.store.faults import Fault

MAX_BODY_BYTES = 1_048_576  # the gateway's own limit; nothing the API takes comes near it
MAX_QUERY_ID_CHARACTERS = 128

_UNAVAILABLE = 503
_POLICY = 1008  # RFC 6455 7.4.1: what came is not accepted here

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = dict[str, list[str]]

_log = logging.getLogger("mandat.sandbox")


class SandboxApplication:
    """The ASGI application. Answers everything with JSON: 200, or the wire's error shape."""

    def __init__(
        self,
        *,
        descriptions: Descriptions,
        verifier: Verifier,
        database: Database,
        desk: CallDesk,
        aftermath: Aftermath,
        stop: asyncio.Event,
    ) -> None:
        """`stop` is set when the sandbox stops; what hangs or waits ends then."""
        self._descriptions = descriptions
        self._verifier = verifier
        self._database = database
        self._desk = desk
        self._aftermath = aftermath
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # closed before it is accepted: the caller reads 403
            await send({"type": "websocket.close", "code": _POLICY, "reason": "This API has no WebSockets"})
        if scope["type"] != "http":  # `lifespan` needs no answer: the program starts and stops everything
            return
        outcome = await self._answer(scope, receive)
        if outcome is not None:
            await _write(send, outcome)

    async def _answer(self, scope: Scope, receive: Receive) -> Outcome | None:
        """What to answer; None when the caller went away before saying everything."""
        given = _headers_of(scope)
        query_id = (_only(given, headers.QUERY_ID) or "")[:MAX_QUERY_ID_CHARACTERS] or None
        path = scope["raw_path"].decode("latin-1")
        if scope["method"] in ("GET", "HEAD"):
            document = self._descriptions.find(path, _only(given, headers.PUBLIC_ORIGIN))
            if document is not None:
                return Outcome(200, encode_json(document))
        caller = await self._admit(_only(given, headers.ASSERTION), query_id)
        if isinstance(caller, Refused):  # before the body is read: a stranger's costs nothing
            return refusal(caller, query_id)
        body = await _read_body(receive)
        if body is None:
            return None
        if len(body) > MAX_BODY_BYTES:
            return refusal(Refused(Reason.BODY_TOO_LARGE), query_id)
        call = Call(
            method=scope["method"],
            path=path,
            query=scope["query_string"].decode("latin-1"),
            body=body,
            idempotency_keys=tuple(given.get(headers.IDEMPOTENCY_KEY.lower(), ())),
            query_id=query_id,
        )
        outcome = await self._perform(call, caller)
        if outcome.fault is not None:
            await self._wait(outcome.wait_seconds)
            return await self._perform(call, caller, fault=outcome.fault)
        if outcome.hangs:
            await self._hang(receive)
            return None
        await self._wait(outcome.wait_seconds)
        return outcome

    async def _wait(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._stop.wait()

    async def _hang(self, receive: Receive) -> None:
        """Until the caller has had enough, or the sandbox stops."""
        patience = [asyncio.ensure_future(receive()), asyncio.ensure_future(self._stop.wait())]
        await asyncio.wait(patience, return_when=asyncio.FIRST_COMPLETED)
        for each in patience:
            each.cancel()

    async def _admit(self, token: str | None, query_id: str | None) -> Asserted | Refused:
        try:
            caller = await self._verifier.check(token)
        except (OSError, ValueError) as fault:
            _log.warning("key set cannot be fetched", extra={"fault": str(fault)})
            return Refused(Reason.STORAGE_UNAVAILABLE, "The gateway's keys cannot be fetched, try again shortly")
        if isinstance(caller, AssertionFault):
            _log.warning("call without a valid assertion", extra={"why": caller.why, "query_id": query_id})
            return Refused(Reason.MISSING_CREDENTIAL)
        return caller

    async def _perform(self, call: Call, caller: Asserted, *, fault: Fault | None = None) -> Outcome:
        try:
            outcome = await self._database.run(
                lambda connection: self._desk.perform(connection, call, caller, fault=fault)
            )
        except sqlite3.Error as problem:
            _log.error("storage failed", extra={"fault": str(problem), "query_id": call.query_id})
            return refusal(Refused(Reason.STORAGE_UNAVAILABLE), call.query_id)
        except Exception:
            # The last net: a mistake of ours must still answer in the wire's shape, and be seen.
            _log.exception("call failed", extra={"query_id": call.query_id})
            return refusal(Refused(Reason.INTERNAL_ERROR), call.query_id)
        for effects in outcome.effects:
            self._aftermath.follow(effects)
        return outcome


def _headers_of(scope: Scope) -> Headers:
    given: Headers = {}
    for name, value in scope["headers"]:
        given.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return given


def _only(given: Headers, name: str) -> str | None:
    """The header `name` when it is there exactly once: of two, none is believed."""
    values = given.get(name.lower(), [])
    return values[0] if len(values) == 1 else None


async def _read_body(receive: Receive) -> bytes | None:
    """The body, cut one byte or chunk beyond the limit; None when the caller went away."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES or not message.get("more_body", False):
            return b"".join(chunks)


async def _write(send: Send, outcome: Outcome) -> None:
    fields = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(outcome.body)).encode("ascii")),
        (b"cache-control", b"no-cache, no-store"),
    ]
    if outcome.status == _UNAVAILABLE:
        fields.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": outcome.status, "headers": fields})
    await send({"type": "http.response.body", "body": outcome.body})
