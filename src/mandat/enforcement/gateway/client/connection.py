"""One client's connection: cuts the bytes into requests, in order, and writes the answers back.

One exchange at a time; what a client sends meanwhile waits. After anything that is no clear request there is one answer
and then the end. What becomes of a request is decided in `dispatch`. Deadlines are looked at by `Door.sweep`, so that
no request needs a timer of its own. Source: design.md 8, RFC 9112.
"""

import asyncio
import logging
from typing import Final

from mandat.enforcement.gateway import answers
from mandat.enforcement.gateway.body import RequestBody
from mandat.enforcement.gateway.client.channel import ClientChannel
from mandat.enforcement.gateway.client.dispatch import dispatch
from mandat.enforcement.gateway.client.exchange import Exchange, begin_exchange
from mandat.enforcement.gateway.client.record import ExchangeRecord, refuse_no_request
from mandat.enforcement.gateway.client.states import BODY, BUSY, CLOSED, HEAD, LINGER, SKIP
from mandat.enforcement.gateway.door import Door
from mandat.enforcement.gateway.framing import HEAD_END, FramingFault, RequestParser, is_hopeless
from mandat.protocol.refusals import Reason

_log = logging.getLogger("mandat.enforcement.gateway")

_NEVER: Final = float("inf")
_LINGER_SECONDS: Final = 2.0


class ClientConnection(ClientChannel):
    """See the module."""

    __slots__ = ("_body", "_body_waiter", "_exchange", "_is_advancing", "_is_listed", "_parser", "_state")

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self._parser = RequestParser(door.limits.head_fields)
        self._state = HEAD
        self._exchange: Exchange | None = None
        self._body: RequestBody | None = None
        self._body_waiter: asyncio.Future[bytes | Reason] | None = None
        self._is_advancing = False
        self._is_listed = False

    # What the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._open(transport)
        if len(self._door.connections) >= self._door.limits.max_connections:
            self._state = CLOSED
            self._finish()
            return
        self._door.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        elif self._state is HEAD:
            self.deadline = self._door.time.now + self._door.limits.head_seconds
        self._buffer = data
        if not self._is_listed:
            self._is_listed = True
            self._door.batch.add_reader(self)

    def eof_received(self) -> None:
        """A client that says it is done is gone: nobody waits for the answer (the transport closes by itself)."""
        self._advance()
        self._abandon()
        self._outlet.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = self._outlet.transport = None
        self._door.connections.discard(self)
        self._abandon()
        self._state = CLOSED

    def pause_writing(self) -> None:
        self._is_write_paused = True
        self.deadline = self._door.time.now + self._door.limits.drain_seconds
        if self._exchange is not None:
            self._exchange.pause()

    def resume_writing(self) -> None:
        self._is_write_paused = False
        if self._state is BUSY:
            self.deadline = _NEVER
        if self._exchange is not None:
            self._exchange.resume()
        self._advance()

    # What the door and its batch call

    def advance(self) -> None:
        """Use what was received."""
        self._is_listed = False
        self._advance()

    @property
    def is_idle(self) -> bool:
        """Whether no exchange is under way."""
        return self._exchange is None and not self._is_listed

    @property
    def is_stream(self) -> bool:
        """Whether an event stream is under way, which ends only when somebody ends it."""
        return self._exchange is not None and self._exchange.is_stream

    def on_deadline(self) -> None:
        """The deadline has passed."""
        self.deadline = _NEVER
        if self._is_write_paused or self._state in (BUSY, SKIP, LINGER):
            self.reset()
        elif self._state is BODY:
            self._break_off(FramingFault("the body took too long"))
        elif self._buffer:
            self._refuse_framing(FramingFault("the head took too long"))
        else:
            self.close()

    def close(self) -> None:
        """Close once everything is written."""
        self._abandon()
        self._state = CLOSED
        self._finish()

    # What the exchange calls

    def reset(self) -> None:
        """Break the connection so that the client cannot take what it has for a whole answer."""
        self._break()
        self._abandon()
        self._state = CLOSED

    def body_at_hand(self) -> bytes | None:
        """The body of the request when all of it is there and may be kept; None when it must be read, or refused."""
        body = self._body
        if body is None:
            return b""
        announced, max_bytes = body.announced_bytes, self._door.limits.max_body_bytes
        if announced is None or announced > len(self._buffer) or not body.want(max_bytes):
            return None
        self._buffer = body.feed(self._buffer)
        return body.content() if body.is_complete else None

    def read_body(self, max_bytes: int) -> asyncio.Future[bytes | Reason]:
        """The whole body, or why it cannot be had. Asked for at most once, and not when it was at hand."""
        waiter: asyncio.Future[bytes | Reason] = asyncio.get_running_loop().create_future()
        body, exchange = self._body, self._exchange
        assert body is not None and exchange is not None
        body.want(max_bytes)
        if isinstance(body.fault, Reason):
            waiter.set_result(body.fault)
            return waiter
        if exchange.head.expects_continue and not self._buffer:
            self.write(answers.CONTINUE)
        self._body_waiter = waiter
        self._state = BODY
        self.deadline = self._door.time.now + self._door.limits.body_seconds
        self._advance()
        return waiter

    def settle_input(self, exchange: ExchangeRecord) -> None:
        """Before an answer of the gateway's own: the rest of a small body is skipped; a large one ends it all."""
        body = self._body
        if body is None or body.is_complete:
            return
        if exchange.head.expects_continue or not body.is_skippable(self._door.limits.max_body_bytes):
            exchange.keeps_alive = False

    def exchange_ended(self, exchange: ExchangeRecord) -> None:
        """The answer was given: go on with the next request, or close."""
        self._exchange = None
        body = self._body
        if body is not None:
            body.release()
        is_input_left = body is not None and not body.is_complete
        if not exchange.keeps_alive:
            self._linger(is_input_left=is_input_left)
        elif is_input_left:
            self._state = SKIP
            self.deadline = self._door.time.now + self._door.limits.body_seconds
        else:
            self._await_request()
        if self._buffer or self._is_reading_paused:
            self._advance()

    # Reading

    def _advance(self) -> None:
        """Do all that can be done with the bytes at hand. Not entered twice: answers may come while it runs."""
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
        if self._is_reading_paused or self._buffer:
            self._throttle()

    def _step(self) -> bool:
        """One step. False: wait for more bytes, or for something else to end."""
        state = self._state
        if state is HEAD:
            return not self._is_write_paused and self._read_head()
        if state is BODY or state is SKIP:
            return self._read_body()
        if state is LINGER and not self._throw_away():
            self.reset()
        return False

    def _read_head(self) -> bool:
        buffer, door = self._buffer, self._door
        if buffer.startswith(b"\r\n"):
            # RFC 9112 2.2: old clients send an empty line after a body.
            self._buffer = buffer = buffer[2:]
        end = buffer.find(HEAD_END, 0, door.limits.head_bytes) + len(HEAD_END)
        if end < len(HEAD_END):
            if buffer:
                self._check_half_a_head(buffer)
            return False
        self._buffer = buffer[end:]
        head = self._parser.read_head(buffer[:end])
        if isinstance(head, FramingFault):
            self._refuse_framing(head)
            return True
        self._state = BUSY
        self.deadline = _NEVER
        if head.content_length != 0:
            self._body = RequestBody(self._parser, head.content_length, door.budget)
        self._exchange = exchange = begin_exchange(self, door, head, door.clock())
        dispatch(door, exchange)
        return True

    def _check_half_a_head(self, buffer: bytes) -> None:
        if len(buffer) >= self._door.limits.head_bytes:
            self._refuse_framing(FramingFault("the head is too large"))
        elif is_hopeless(buffer):
            self._refuse_framing(FramingFault("not an HTTP request"))

    def _read_body(self) -> bool:
        body = self._body
        assert body is not None
        self._buffer = body.feed(self._buffer)
        if isinstance(body.fault, FramingFault):
            self._break_off(body.fault)
        elif self._state is SKIP:
            if body.is_complete:
                self._await_request()
        elif body.fault is not None or body.is_complete:
            self._state = BUSY
            self.deadline = _NEVER
            waiter, self._body_waiter = self._body_waiter, None
            if waiter is not None and not waiter.done():
                waiter.set_result(body.content() if body.fault is None else body.fault)
        return True

    def _await_request(self) -> None:
        self._body = None
        self._state = HEAD
        limits = self._door.limits
        self.deadline = self._door.time.now + (limits.head_seconds if self._buffer else limits.idle_seconds)

    # Ending

    def _break_off(self, fault: FramingFault) -> None:
        """The bytes of a body mean nothing any more: nothing further is read, and an open exchange is answered."""
        exchange = self._exchange
        if exchange is None:
            self._linger(is_input_left=True)
            return
        self._body_waiter = None
        self._state = BUSY
        exchange.keeps_alive = False
        exchange.refuse_body(fault.why)

    def _refuse_framing(self, fault: FramingFault) -> None:
        """What came is no request: one answer, then the end (design.md 8)."""
        self.write(refuse_no_request(self._door, self.peer, fault))
        self._linger(is_input_left=True)

    def _linger(self, *, is_input_left: bool) -> None:
        """Close after the last answer. With input left, the client first gets time to read the answer."""
        self._body = None
        if self._transport is None or not is_input_left:
            self.close()
            return
        self._state = LINGER
        self._buffer = b""
        self.deadline = self._door.time.now + _LINGER_SECONDS
        self._finish_writing()

    def _abandon(self) -> None:
        """Whoever waited for an answer is gone."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()
        self._body_waiter = None
        body, self._body = self._body, None
        if body is not None:
            body.release()
