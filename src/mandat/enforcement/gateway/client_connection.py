"""One client's connection: reads requests in order, has each decided, and lets only a permitted one through.

The order of things is design.md 4's and 8's: framing first, then the route, then the decision; a body is read when the
decision asks for it. Deadlines are looked at by `Door.sweep`, so that no request needs a timer of its own.
"""

import asyncio
import logging
import socket
import struct
from enum import Enum
from typing import Final, cast

from mandat.core.decision import CallHead, Deny, Permit
from mandat.enforcement.access_log import LogLine
from mandat.enforcement.gateway import answers
from mandat.enforcement.gateway.body import RequestBody
from mandat.enforcement.gateway.caller import plain_address
from mandat.enforcement.gateway.door import Door
from mandat.enforcement.gateway.exchange import Exchange
from mandat.enforcement.gateway.framing import (
    HEAD_END,
    FramingFault,
    RequestHead,
    RequestParser,
    is_hopeless,
)
from mandat.enforcement.gateway.headers import find_connection_fault
from mandat.enforcement.gateway.routes import Kind
from mandat.enforcement.point import Suspended
from mandat.protocol.refusals import WORDINGS, Reason
from mandat.protocol.target import TargetFault, parse_target

_log = logging.getLogger("mandat.enforcement.gateway")

_NEVER: Final = float("inf")
_LINGER_SECONDS: Final = 2.0
_LINGER_BYTES: Final = 4_194_304
"""What is still read, and thrown away, after a last answer, so that a reset does not take the answer back."""

_MAX_PIPELINED_BYTES: Final = 65_536
_RESET: Final = struct.pack("ii", 1, 0)


class _State(Enum):
    HEAD = "waiting for a request, or in the middle of its head"
    BODY = "reading a body that is wanted"
    BUSY = "deciding or forwarding; what arrives meanwhile is kept"
    SKIP = "answered; the rest of the body is thrown away"
    LINGER = "the last answer is given; everything else is thrown away"
    CLOSED = "gone"


class ClientConnection(asyncio.Protocol):
    """See the module. `deadline` is on the loop's clock, `peer` is the text of the other end's address."""

    __slots__ = (
        "_body",
        "_body_waiter",
        "_buffer",
        "_door",
        "_exchange",
        "_is_advancing",
        "_is_proxy",
        "_is_reading_paused",
        "_is_write_paused",
        "_lingered_bytes",
        "_parser",
        "_state",
        "_task",
        "_transport",
        "deadline",
        "peer",
    )

    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._parser = RequestParser()
        self._buffer = b""
        self._state = _State.HEAD
        self._exchange: Exchange | None = None
        self._body: RequestBody | None = None
        self._body_waiter: asyncio.Future[bytes | Reason] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_proxy = False
        self._is_advancing = False
        self._is_reading_paused = False
        self._is_write_paused = False
        self._lingered_bytes = 0
        self.peer = ""
        self.deadline = door.coarse_now + door.limits.head_seconds

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport, not its class.
        self._transport = cast(asyncio.Transport, transport)
        peername = transport.get_extra_info("peername")
        self.peer = (plain_address(peername[0]) if peername else None) or ""
        self._is_proxy = self._door.desk.is_trusted(self.peer)
        if self._door.is_stopping or len(self._door.connections) >= self._door.limits.max_connections:
            self._state = _State.CLOSED
            self._transport.abort()
            return
        self._door.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._state is _State.HEAD and not self._buffer:
            self.deadline = self._door.coarse_now + self._door.limits.head_seconds
        self._buffer = self._buffer + data if self._buffer else data
        self._advance()

    def eof_received(self) -> None:
        """A client that says it is done is gone: nobody waits for the answer (the transport closes by itself)."""
        self._abandon()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._door.connections.discard(self)
        self._abandon()
        self._state = _State.CLOSED

    def pause_writing(self) -> None:
        self._is_write_paused = True
        self.deadline = self._door.coarse_now + self._door.limits.drain_seconds
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        self._is_write_paused = False
        if self._state is _State.BUSY:
            self.deadline = _NEVER
        if self._exchange is not None:
            self._exchange.resume()
        self._advance()

    # What the door and the exchange call

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way that a stop should wait for."""
        if self._exchange is not None:
            return self._exchange.is_stream
        return self._state is _State.HEAD

    def on_deadline(self) -> None:
        """The deadline has passed."""
        self.deadline = _NEVER
        if self._is_write_paused or self._state in (_State.BUSY, _State.SKIP, _State.LINGER):
            self.reset()
        elif self._state is _State.BODY:
            self._break_off(FramingFault("the body took too long"))
        elif self._buffer:
            self._refuse_framing(FramingFault("the head took too long"))
        else:
            self.close()

    def write(self, data: bytes) -> None:
        """Send bytes to the client, if it is still there."""
        if self._transport is not None:
            self._transport.write(data)

    def close(self) -> None:
        """Close once everything is written."""
        self._abandon()
        self._state = _State.CLOSED
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Break the connection so that the client cannot take what it has for a whole answer."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        self._exchange = None
        self._abandon()
        self._state = _State.CLOSED

    def exchange_ended(self) -> None:
        """The answer was given: go on with the next request, or close."""
        exchange, self._exchange = self._exchange, None
        assert exchange is not None
        body = self._body
        if body is not None:
            body.release()
        if not exchange.keeps_alive or self._door.is_stopping:
            self._linger(is_input_left=body is not None and not body.is_complete)
        elif body is not None and not body.is_complete:
            self._state = _State.SKIP
            self.deadline = self._door.coarse_now + self._door.limits.body_seconds
        else:
            self._await_request()
        self._advance()

    # Reading

    def _advance(self) -> None:
        """Do all that can be done with the bytes at hand. Never entered twice: answers may come while it runs."""
        if self._is_advancing:
            return
        self._is_advancing = True
        try:
            while self._buffer and self._step():
                pass
        except Exception:
            _log.exception("a bug in the gateway; the connection is closed")
            self.reset()
        finally:
            self._is_advancing = False
        self._throttle()

    def _step(self) -> bool:
        """One step. False: wait for more bytes, or for something else to end."""
        state = self._state
        if state is _State.HEAD:
            return not self._is_write_paused and self._read_head()
        if state is _State.BODY or state is _State.SKIP:
            return self._read_body()
        if state is _State.LINGER:
            self._lingered_bytes += len(self._buffer)
            self._buffer = b""
            if self._lingered_bytes > _LINGER_BYTES:
                self.reset()
        return False

    def _throttle(self) -> None:
        """Stop reading while more has come than can be used; start again when it is used."""
        if self._transport is None or self._transport.is_closing():
            return
        is_full = len(self._buffer) > _MAX_PIPELINED_BYTES
        if is_full and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()
        elif self._is_reading_paused and not is_full:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def _read_head(self) -> bool:
        buffer = self._buffer
        limits = self._door.limits
        end = buffer.find(HEAD_END, 0, limits.head_bytes)
        if end < 0:
            if len(buffer) >= limits.head_bytes:
                self._refuse_framing(FramingFault("the head is too large"))
            elif buffer.startswith(b"\r\n"):
                # RFC 9112 2.2: old clients send an empty line after a body.
                self._buffer = buffer[2:]
                return True
            elif is_hopeless(buffer):
                self._refuse_framing(FramingFault("not an HTTP request"))
            return False
        end += len(HEAD_END)
        raw, self._buffer = (buffer, b"") if end == len(buffer) else (buffer[:end], buffer[end:])
        head = self._parser.read_head(raw, max_fields=limits.head_fields)
        if isinstance(head, FramingFault):
            self._refuse_framing(head)
        else:
            self._open_exchange(head)
        return True

    def _read_body(self) -> bool:
        body = self._body
        assert body is not None
        self._buffer = body.feed(self._buffer)
        if isinstance(body.fault, FramingFault):
            self._break_off(body.fault)
        elif self._state is _State.BODY and (body.fault is not None or body.is_complete):
            self._state = _State.BUSY
            self.deadline = _NEVER
            self._body_read(body.fault or body.content())
        elif self._state is _State.SKIP and body.is_complete:
            self._await_request()
        return bool(self._buffer)

    def _await_request(self) -> None:
        self._body = None
        self._state = _State.HEAD
        limits = self._door.limits
        self.deadline = self._door.coarse_now + (limits.head_seconds if self._buffer else limits.idle_seconds)

    # Deciding

    def _open_exchange(self, head: RequestHead) -> None:
        door = self._door
        self._state = _State.BUSY
        self.deadline = _NEVER
        exchange = self._exchange = Exchange(self, door, head, door.clock())
        self._body = None if head.content_length == 0 else RequestBody(self._parser, head.content_length, door.budget)
        why = find_connection_fault(head.connection_options) if head.connection_options else None
        caller = door.desk.identify(self.peer, head.host, head.headers, is_proxy=self._is_proxy)
        if isinstance(caller, FramingFault):
            why = caller.why
        else:
            exchange.caller = caller
        if why is not None:
            self._refuse(exchange, Reason.MALFORMED_REQUEST, details={"reason": why})
            return
        if head.method == b"OPTIONS":
            self._answer_options(exchange)
            return
        kind = door.routes.kind(head.method, exchange.path)
        if kind is Kind.JUDGED:
            self._judge(exchange)
        elif kind is Kind.TIME:
            self._answer_document(exchange, b"%d" % exchange.started)
        elif kind is Kind.JWKS:
            self._answer_document(exchange, door.settings.jwks)
        else:
            self._open_route(exchange, is_known=kind is Kind.OPEN)

    def _judge(self, exchange: Exchange) -> None:
        """Have a call decided: at once when everything is in memory, else in a task."""
        head = exchange.head
        call = CallHead(head.method, head.target, head.headers, exchange.caller.address, exchange.caller.base_urls)
        decision = self._door.point.judge(call, b"" if self._body is None else self._body_at_hand(self._body))
        if isinstance(decision, Suspended):
            self._task = asyncio.get_running_loop().create_task(self._finish_judging(exchange, decision))
        else:
            self._act(exchange, decision)

    async def _finish_judging(self, exchange: Exchange, suspended: Suspended) -> None:
        try:
            decision = await self._door.point.finish(suspended, self._collect_body)
            if self._exchange is exchange:
                self._act(exchange, decision)
        except Exception:
            _log.exception("a bug in the gateway; the connection is closed")
            self.reset()

    def _act(self, exchange: Exchange, decision: Permit | Deny) -> None:
        """Let a permitted call through to its upstream; refuse every other."""
        if not isinstance(decision, Permit):
            self._refuse(exchange, decision.reason, message=decision.message, details=decision.details)
            return
        upstream = self._door.routes.find_upstream(decision.target)
        if upstream is None:
            self._refuse(exchange, Reason.UNKNOWN_ROUTE)
        elif decision.target.encoded_slash and upstream.encoded_slash == "refuse":
            self._refuse(exchange, Reason.NON_CANONICAL_TARGET)
        else:
            exchange.forward(upstream, decision.target.raw, decision.body, decision)

    def _open_route(self, exchange: Exchange, *, is_known: bool) -> None:
        """A route without a decision: its target must be canonical all the same."""
        target = parse_target(exchange.head.target)
        if isinstance(target, TargetFault):
            self._refuse(exchange, Reason.NON_CANONICAL_TARGET, details={"reason": target.why})
        elif not is_known:
            self._refuse(exchange, Reason.UNKNOWN_ROUTE)
        elif self._body is None:
            exchange.forward(self._door.settings.authority, target.raw, b"", None)
        else:
            self._want_body(self._door.limits.max_body_bytes)

    def _answer_options(self, exchange: Exchange) -> None:
        target = parse_target(exchange.head.target)
        if isinstance(target, TargetFault):
            self._refuse(exchange, Reason.NON_CANONICAL_TARGET, details={"reason": target.why})
            return
        self._settle_connection(exchange)
        if exchange.is_api:
            whole = answers.preflight(query_id=exchange.query_id, keeps_alive=exchange.keeps_alive)
        else:
            methods = self._door.routes.open_methods(exchange.path)
            if not methods:
                self._refuse(exchange, Reason.UNKNOWN_ROUTE)
                return
            whole = answers.allowed_methods(methods, query_id=exchange.query_id, keeps_alive=exchange.keeps_alive)
        exchange.answer(200, whole)

    def _answer_document(self, exchange: Exchange, document: bytes) -> None:
        self._settle_connection(exchange)
        whole = answers.document(
            document,
            query_id=exchange.query_id,
            is_api=True,
            keeps_alive=exchange.keeps_alive,
            is_head=exchange.head.method == b"HEAD",
        )
        exchange.answer(200, whole)

    # Bodies

    def _body_at_hand(self, body: RequestBody) -> bytes | None:
        """The body when all of it came together with the head and may be kept; None when it must be waited for."""
        announced = body.announced_bytes
        limits = self._door.limits
        if announced is None or announced > len(self._buffer) or announced > limits.max_body_bytes:
            return None
        body.want(limits.max_body_bytes)
        if body.fault is not None:
            return None
        self._buffer = body.feed(self._buffer)
        return body.content()

    def _collect_body(self, max_bytes: int) -> asyncio.Future[bytes | Reason]:
        """The whole body, or why it cannot be had. Called when the decision asks for it."""
        waiter = self._body_waiter = asyncio.get_running_loop().create_future()
        self._want_body(max_bytes)
        return waiter

    def _want_body(self, max_bytes: int) -> None:
        body = self._body
        assert body is not None and self._exchange is not None
        if body.fault is None:
            body.want(max_bytes)
        if isinstance(body.fault, Reason):
            self._body_read(body.fault)
            return
        if self._exchange.head.expects_continue and not self._buffer:
            self.write(answers.CONTINUE)
        self._state = _State.BODY
        self.deadline = self._door.coarse_now + self._door.limits.body_seconds
        self._advance()

    def _body_read(self, result: bytes | Reason) -> None:
        """Hand the body to who waits for it: a decision, or an open route."""
        waiter, self._body_waiter = self._body_waiter, None
        exchange = self._exchange
        assert exchange is not None
        if waiter is not None:
            if not waiter.done():
                waiter.set_result(result)
        elif isinstance(result, Reason):
            self._refuse(exchange, result)
        else:
            exchange.forward(self._door.settings.authority, exchange.head.target, result, None)

    # Ending

    def _settle_connection(self, exchange: Exchange) -> None:
        """Before an answer of our own: a body that was not read is skipped when it is small, else nothing follows."""
        body = self._body
        if body is None or body.is_complete:
            return
        announced = body.announced_bytes
        is_small = announced is not None and announced <= self._door.limits.max_body_bytes
        if not is_small or exchange.head.expects_continue or body.fault is not None:
            exchange.keeps_alive = False

    def _refuse(
        self,
        exchange: Exchange,
        reason: Reason,
        *,
        message: str | None = None,
        details: dict[str, str] | None = None,
    ) -> None:
        self._settle_connection(exchange)
        exchange.refuse(reason, message, details)

    def _break_off(self, fault: FramingFault) -> None:
        """The bytes of a request mean nothing any more: answer it, and read nothing further."""
        exchange, self._exchange = self._exchange, None
        if self._state is _State.SKIP or exchange is None:
            self._linger(is_input_left=True)
            return
        self._cancel_waiting()
        self._exchange = exchange
        exchange.keeps_alive = False
        exchange.refuse(Reason.MALFORMED_REQUEST, None, {"reason": fault.why})

    def _refuse_framing(self, fault: FramingFault) -> None:
        """What came is no request: one answer, then the end (design.md 8)."""
        door = self._door
        now = door.clock()
        reason = Reason.MALFORMED_REQUEST
        query_id = door.new_query_id(now)
        whole = answers.refusal(
            reason, query_id=query_id, is_api=False, keeps_alive=False, details={"reason": fault.why}
        )
        self.write(whole)
        door.access_log.note(
            LogLine(
                time=now,
                query_id=query_id,
                address=self.peer,
                method="",
                path="",
                status=WORDINGS[reason].status,
                seconds=0.0,
                sent_bytes=len(whole),
                reason=reason.value,
            )
        )
        self._linger(is_input_left=True)

    def _linger(self, *, is_input_left: bool) -> None:
        """Close after the last answer. With input left, the client first gets time to read the answer."""
        self._body = None
        transport = self._transport
        if transport is None or not is_input_left:
            self.close()
            return
        self._state = _State.LINGER
        self._buffer = b""
        self.deadline = self._door.coarse_now + _LINGER_SECONDS
        if transport.can_write_eof():
            transport.write_eof()

    def _abandon(self) -> None:
        """Whoever waited for an answer is gone."""
        self._cancel_waiting()
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()
        body, self._body = self._body, None
        if body is not None:
            body.release()

    def _cancel_waiting(self) -> None:
        self._body_waiter = None
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
