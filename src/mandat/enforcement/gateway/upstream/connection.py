"""One kept connection to an upstream: sends one request, relays one answer, and knows whether it may be used again.

A byte that arrives outside an exchange closes the connection: a prototype without that handed one customer's answer to
another (design.md 8). Choosing connections is `pool`'s work, what a client sees of an answer is `exchange`'s.
"""

import asyncio
from typing import Protocol, cast

from mandat.enforcement.gateway.batch import Batch, Outlet
from mandat.enforcement.gateway.framing import HEAD_END, FramingFault
from mandat.enforcement.gateway.upstream.answer_framing import (
    AT_HEAD,
    BY_CLOSE,
    BY_LENGTH,
    AnswerHead,
    AnswerParser,
    KnownHeads,
)
from mandat.enforcement.gateway.upstream.call import LoopTime, UpstreamCall
from mandat.protocol.refusals import Reason


class Keeper(Protocol):
    """Whom a connection belongs to. `answer_head_bytes` bounds the heads of answers."""

    time: LoopTime
    batch: Batch
    known_heads: KnownHeads
    answer_head_bytes: int

    def release(self, connection: "UpstreamConnection") -> None:
        """The connection is free again; it may be given its next call at once."""

    def forget(self, connection: "UpstreamConnection") -> None:
        """The connection is closed."""

    def send_afresh(self, call: UpstreamCall) -> None:
        """Send a request, of which nothing was done, on another connection."""


class UpstreamConnection(asyncio.Protocol):
    """See the module.

    `call` is the one in progress, None when idle. `idle_since` is on the loop's clock. `is_paused` says that silence is
    the client's doing.
    """

    __slots__ = (
        "_answer",
        "_buffer",
        "_has_answered",
        "_is_clean",
        "_is_ended",
        "_is_reused",
        "_outlet",
        "_parser",
        "_pool",
        "_remaining",
        "_transport",
        "call",
        "idle_since",
        "is_paused",
    )

    def __init__(self, pool: Keeper) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._outlet = Outlet(pool.batch)
        self._buffer = b""
        self._parser: AnswerParser | None = None
        self._answer: AnswerHead | None = None
        self._remaining = 0
        self._is_clean = True
        self._is_ended = False
        self._is_reused = False
        self._has_answered = False
        self.is_paused = False
        self.call: UpstreamCall | None = None
        self.idle_since = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether a request can still be written."""
        return self._transport is not None and not self._transport.is_closing()

    def start(self, call: UpstreamCall) -> None:
        """Send a request. Only for a connection that `is_usable` and has no call."""
        assert self._transport is not None
        self.call = call
        call.connection = self
        self._answer = None
        self._has_answered = self._is_ended = False
        self._is_clean = True
        self._parser = None
        self._outlet.write(call.request)

    def fail(self, reason: Reason) -> None:
        """Give up the call in progress and the connection with it."""
        call = self.call
        self.drop()
        if call is not None:
            call.connection = None
            call.receiver.answer_failed(reason)

    def drop(self) -> None:
        """Close at once. A call in progress hears nothing of it."""
        self.call = None
        self._outlet.discard()
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """The client does not take any more for now: stop reading, so that the upstream stops sending."""
        if self._transport is not None and not self.is_paused:
            self.is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """The client takes more: the upstream's time begins again."""
        if self._transport is not None and self.is_paused:
            self.is_paused = False
            self._transport.resume_reading()
            if self.call is not None:
                self.call.deadline = self._pool.time.now + self.call.patience_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = self._outlet.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        call = self.call
        if call is None:
            self.drop()
            return
        if not self._outlet.is_empty:
            # Bytes that came before the request went out are nobody's answer.
            self._give_back(call)
            return
        self._has_answered = True
        call.deadline = self._pool.time.now + call.patience_seconds
        is_start = self._answer is None
        if is_start and self._relay_whole(data, call):
            return
        body = self._read_heads(data, call) if is_start else data
        piece = None if body is None else self._take(body)
        if piece is None:
            return
        # Taken before `_finish`, which may start the next call on this connection.
        answer, is_last = self._answer, self._is_ended
        assert answer is not None
        if is_last:
            self._finish(call)
        if is_start:
            call.receiver.answer_started(answer, piece, is_last)
        elif piece or is_last:
            call.receiver.answer_data(piece, is_last)

    def _relay_whole(self, data: bytes, call: UpstreamCall) -> bool:
        """Relay an answer that came in one piece under a head that is known, as nearly all do. False: not this one."""
        if self._buffer or call.is_head:
            return False
        end = data.find(HEAD_END) + len(HEAD_END)
        head = self._pool.known_heads.find(data[:end])
        if head is None or head.content_length != len(data) - end:
            return False
        self._answer = head
        self._finish(call)
        call.receiver.answer_started(head, data[end:], True)
        return True

    def eof_received(self) -> None:
        """The transport closes by itself; `connection_lost` decides what that means."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = self._outlet.transport = None
        call, self.call = self.call, None
        self._pool.forget(self)
        if call is None:
            return
        call.connection = None
        if not self._outlet.is_empty:
            self._give_back(call)
        elif exc is None and self._answer is not None and self._answer.ending is BY_CLOSE:
            call.receiver.answer_data(b"", True)
        elif self._is_reused and not self._has_answered and call.is_repeatable:
            self._pool.send_afresh(call)
        else:
            call.receiver.answer_failed(Reason.UPSTREAM_UNREACHABLE)

    def _give_back(self, call: UpstreamCall) -> None:
        """The connection turned out to be dead before a byte was sent: nothing can be done twice by another."""
        self.drop()
        call.connection = None
        if self._is_reused:
            self._pool.send_afresh(call)
        else:
            call.receiver.answer_failed(Reason.UPSTREAM_UNREACHABLE)

    def _read_heads(self, data: bytes, call: UpstreamCall) -> bytes | None:
        """What follows the final head; None while that has not come, or when the answer is refused."""
        if self._buffer:
            data = self._buffer + data
        while True:
            end = data.find(HEAD_END, 0, self._pool.answer_head_bytes) + len(HEAD_END)
            if end < len(HEAD_END):
                self._buffer = data
                if len(data) >= self._pool.answer_head_bytes:
                    self.fail(Reason.UPSTREAM_UNREACHABLE)
                return None
            head = self._read_head(data[:end], call.is_head)
            if head is None:
                self.fail(Reason.UPSTREAM_UNREACHABLE)
                return None
            data = data[end:]
            if head.status >= 200:
                break
        self._buffer = b""
        self._answer = head
        self._remaining = head.content_length or 0
        return data

    def _read_head(self, raw: bytes, is_answer_to_head: bool) -> AnswerHead | None:
        known = self._pool.known_heads
        head = None if is_answer_to_head else known.find(raw)
        if head is not None:
            return head
        if self._parser is None:
            self._parser = AnswerParser()
        read = self._parser.read_head(raw, is_answer_to_head=is_answer_to_head)
        if isinstance(read, FramingFault):
            return None
        if not is_answer_to_head:
            known.learn(raw, read)
        return read

    def _take(self, data: bytes) -> bytes | None:
        """The part of `data` that is body. Sets `_is_ended`, and `_is_clean` to False when something follows the end.

        None: the chunks are malformed, and the call has failed.
        """
        assert self._answer is not None
        ending = self._answer.ending
        if ending is BY_LENGTH:
            piece = data[: self._remaining]
            self._remaining -= len(piece)
            self._is_ended = not self._remaining
            self._is_clean = len(piece) == len(data)
            return piece
        if ending is AT_HEAD:
            self._is_ended, self._is_clean = True, not data
            return b""
        if ending is BY_CLOSE:
            return data
        parser = self._parser
        assert parser is not None
        if data and not parser.feed_body(data):
            self.fail(Reason.UPSTREAM_UNREACHABLE)
            return None
        self._is_ended, self._is_clean = parser.is_complete, not parser.is_beyond_end
        return parser.take_body()

    def _finish(self, call: UpstreamCall) -> None:
        """The answer is whole. Kept only if both sides are at the start of a message beyond doubt."""
        self.call = None
        call.connection = None
        assert self._answer is not None and self._transport is not None
        is_kept = self._is_clean and self._answer.keeps_alive and not self._transport.get_write_buffer_size()
        self._is_reused = True
        if self.is_paused:
            self.resume()
        if is_kept:
            self._pool.release(self)
        else:
            self.drop()
