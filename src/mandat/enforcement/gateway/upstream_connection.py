"""One kept connection to an upstream: sends one request, relays one answer, and knows whether it may be used again.

A byte that arrives outside an exchange closes the connection: a prototype without that handed one customer's answer to
another (design.md 8). Choosing connections is `upstream_pool`'s work, what a client sees of an answer is `exchange`'s.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from mandat.enforcement.gateway.answer_framing import AnswerHead, AnswerParser, Ending
from mandat.enforcement.gateway.framing import HEAD_END, FramingFault
from mandat.protocol.refusals import Reason

if TYPE_CHECKING:
    from mandat.enforcement.gateway.upstream_pool import UpstreamPool


class AnswerReceiver(Protocol):
    """Who waits for an answer. `answer_failed` may come at any time before `answer_ended`; nothing comes after either."""

    def answer_started(self, head: AnswerHead) -> None:
        """The head of the final answer."""

    def answer_data(self, data: bytes) -> None:
        """Some of its body."""

    def answer_ended(self) -> None:
        """The whole answer was relayed."""

    def answer_failed(self, reason: Reason) -> None:
        """There will be no (more of the) answer: UPSTREAM_UNREACHABLE or UPSTREAM_TIMED_OUT."""


class UpstreamCall:
    """One request to an upstream and who waits for its answer.

    `is_repeatable` says that the method is safe, so that the request may be sent again if a kept connection turns out to
    be dead. `deadline` is when the silence of the upstream counts as a time-out, on the loop's clock.
    """

    __slots__ = ("connection", "deadline", "is_cancelled", "is_head", "is_repeatable", "receiver", "request")

    def __init__(self, request: bytes, receiver: AnswerReceiver, *, is_head: bool, is_repeatable: bool) -> None:
        self.request = request
        self.receiver = receiver
        self.is_head = is_head
        self.is_repeatable = is_repeatable
        self.connection: UpstreamConnection | None = None
        self.deadline = 0.0
        self.is_cancelled = False


class UpstreamConnection(asyncio.Protocol):
    """See the module. `idle_since` is on the loop's clock and only meaningful in the pool's idle list."""

    __slots__ = (
        "_answer",
        "_buffer",
        "_has_answered",
        "_is_paused",
        "_is_reused",
        "_parser",
        "_pool",
        "_remaining",
        "_transport",
        "call",
        "idle_since",
    )

    def __init__(self, pool: "UpstreamPool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._parser: AnswerParser | None = None
        self._answer: AnswerHead | None = None
        self._remaining = 0
        self._is_reused = False
        self._has_answered = False
        self._is_paused = False
        self.call: UpstreamCall | None = None
        self.idle_since = 0.0

    @property
    def is_usable(self) -> bool:
        """Whether a request can still be written."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport, not its class.
        self._transport = cast(asyncio.Transport, transport)

    def start(self, call: UpstreamCall) -> None:
        """Send a request. Only for a connection that `is_usable` and has no call."""
        assert self._transport is not None
        self.call = call
        call.connection = self
        self._parser = AnswerParser()
        self._answer = None
        self._has_answered = False
        self._transport.write(call.request)

    def data_received(self, data: bytes) -> None:
        call = self.call
        if call is None:
            self.drop()
            return
        self._has_answered = True
        call.deadline = self._pool.next_deadline()
        if self._answer is None:
            rest = self._read_heads(self._buffer + data if self._buffer else data, call)
            if rest is None:
                return
            data = rest
        self._read_body(data, call)

    def eof_received(self) -> None:
        """The transport closes by itself; `connection_lost` decides what that means."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        call, self.call = self.call, None
        self._pool.forget(self)
        if call is None:
            return
        call.connection = None
        if exc is None and self._answer is not None and self._answer.ending is Ending.BY_CLOSE:
            call.receiver.answer_ended()
        elif self._is_reused and not self._has_answered and call.is_repeatable:
            self._pool.send_afresh(call)
        else:
            call.receiver.answer_failed(Reason.UPSTREAM_UNREACHABLE)

    def fail(self, reason: Reason) -> None:
        """Give up the call in progress and the connection with it."""
        call, self.call = self.call, None
        self.drop()
        if call is not None:
            call.connection = None
            call.receiver.answer_failed(reason)

    def drop(self) -> None:
        """Close at once. A call in progress hears nothing of it."""
        self.call = None
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """The client does not take any more for now: stop reading, so that the upstream stops sending."""
        if self._transport is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """The client takes more."""
        if self._transport is not None and self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    @property
    def is_paused(self) -> bool:
        """Whether silence is the client's doing."""
        return self._is_paused

    def _read_heads(self, data: bytes, call: UpstreamCall) -> bytes | None:
        """What follows the final head; None while that has not come, or when the answer is refused."""
        assert self._parser is not None
        while True:
            end = data.find(HEAD_END)
            if end < 0:
                self._buffer = data
                if len(data) > self._pool.answer_head_bytes:
                    self.fail(Reason.UPSTREAM_UNREACHABLE)
                return None
            end += len(HEAD_END)
            head = self._parser.read_head(data[:end] if end < len(data) else data, is_answer_to_head=call.is_head)
            if isinstance(head, FramingFault):
                self.fail(Reason.UPSTREAM_UNREACHABLE)
                return None
            data = data[end:]
            if head.status >= 200:
                break
        self._buffer = b""
        self._answer = head
        self._remaining = head.content_length or 0
        call.receiver.answer_started(head)
        return data

    def _read_body(self, data: bytes, call: UpstreamCall) -> None:
        assert self._answer is not None and self._parser is not None
        ending = self._answer.ending
        if ending is Ending.AT_HEAD:
            self._finish(call, is_clean=not data)
        elif ending is Ending.BY_LENGTH:
            if len(data) > self._remaining:
                piece, is_clean = data[: self._remaining], False
            else:
                piece, is_clean = data, True
            self._remaining -= len(piece)
            if piece:
                call.receiver.answer_data(piece)
            if not self._remaining:
                self._finish(call, is_clean=is_clean)
        elif ending is Ending.BY_CLOSE:
            if data:
                call.receiver.answer_data(data)
        else:
            self._read_chunks(data, call)

    def _read_chunks(self, data: bytes, call: UpstreamCall) -> None:
        parser = self._parser
        assert parser is not None
        is_sound = parser.feed_body(data)
        if parser.body_parts:
            body, parser.body_parts = b"".join(parser.body_parts), []
            call.receiver.answer_data(body)
        if self.call is not call:
            return
        if not is_sound:
            self.fail(Reason.UPSTREAM_UNREACHABLE)
        elif parser.is_complete:
            self._finish(call, is_clean=not parser.is_beyond_end)

    def _finish(self, call: UpstreamCall, *, is_clean: bool) -> None:
        """The answer is whole. Kept only if both sides are at the start of a message beyond doubt."""
        if self.call is not call:
            return
        self.call = None
        call.connection = None
        assert self._answer is not None and self._transport is not None
        is_kept = is_clean and self._answer.keeps_alive and not self._transport.get_write_buffer_size()
        self._is_reused = True
        self._parser = self._answer = None
        self.resume()
        if is_kept:
            self._pool.release(self)
        else:
            self.drop()
        call.receiver.answer_ended()
