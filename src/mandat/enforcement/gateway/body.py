"""Reads the body of one request: keeps it when it is wanted, within the limits, and finds its end in any case.

The bytes that bodies take are counted against one budget for the whole worker (G10 of threats.md). Whether a body is
wanted is decided by the caller: the decision asks for it only after everything cheaper (design.md 4, step 7).
"""

from mandat.enforcement.gateway.framing import FramingFault, RequestParser, split_chunked
from mandat.protocol.refusals import Reason


class BufferBudget:
    """How many bytes of bodies a worker may hold at one moment."""

    def __init__(self, total_bytes: int) -> None:
        self._left_bytes = total_bytes

    def take(self, size_bytes: int) -> bool:
        """Reserve bytes. False: there are not enough left, and nothing was reserved."""
        if size_bytes > self._left_bytes:
            return False
        self._left_bytes -= size_bytes
        return True

    def give_back(self, size_bytes: int) -> None:
        """Bytes that are no longer held."""
        self._left_bytes += size_bytes


class RequestBody:
    """The body of one request. Feed it what follows the head until `is_complete` or `fault`.

    `fault` is why it cannot be had: a Reason (too large, no room), or a FramingFault, after which nothing on the
    connection means anything any more.
    """

    __slots__ = ("_budget", "_is_wanted", "_max_bytes", "_parser", "_parts", "_remaining", "_tail", "_taken", "fault")

    def __init__(self, parser: RequestParser, content_length: int | None, budget: BufferBudget) -> None:
        self._parser = parser
        self._remaining = content_length
        self._budget = budget
        self._parts: list[bytes] = []
        self._tail = b""
        self._taken = 0
        self._is_wanted = False
        self._max_bytes = 0
        self.fault: FramingFault | Reason | None = None

    @property
    def is_complete(self) -> bool:
        """Whether the end of the request was found."""
        return self._parser.is_complete

    @property
    def announced_bytes(self) -> int | None:
        """What is still to come; None when only the chunks will tell."""
        return self._remaining

    def is_skippable(self, max_bytes: int) -> bool:
        """Whether what is still to come is little, and its end certain, so that it may be read and thrown away."""
        return self._remaining is not None and self._remaining <= max_bytes and self.fault is None

    def want(self, max_bytes: int) -> bool:
        """Keep the body from here on; before the first `feed`. False: it cannot be had, and `fault` says why."""
        if not self._is_wanted:
            self._is_wanted = True
            self._max_bytes = max_bytes
            if self._remaining is not None:
                self._reserve(self._remaining)
        return self.fault is None

    def feed(self, data: bytes) -> bytes:
        """Read on. Returns the bytes that lie beyond the end of the request."""
        if self._remaining is not None:
            piece, rest = data[: self._remaining], data[self._remaining :]
            self._remaining -= len(piece)
            self._feed_piece(piece)
            return rest
        pieces = split_chunked(data, self._tail)
        for index, piece in enumerate(pieces):
            self._tail = (self._tail + piece)[-3:]
            self._feed_piece(piece)
            if self.is_complete or self.fault is not None:
                return b"".join(pieces[index + 1 :])
        return b""

    def content(self) -> bytes:
        """The whole body, once `is_complete`."""
        return b"".join(self._parts)

    def release(self) -> None:
        """The body is no longer held by anybody."""
        self._parts = []
        self._budget.give_back(self._taken)
        self._taken = 0

    def _feed_piece(self, piece: bytes) -> None:
        fault = self._parser.feed_body(piece)
        if fault is not None:
            self.fault = fault
        parts = self._parser.take_body()
        if self._is_wanted and self.fault is None:
            if self._remaining is None:
                self._reserve(sum(map(len, parts)))
            self._parts += parts

    def _reserve(self, size_bytes: int) -> None:
        if self._taken + size_bytes > self._max_bytes:
            self.fault = Reason.BODY_TOO_LARGE
        elif not self._budget.take(size_bytes):
            self.fault = Reason.NO_BUFFER_LEFT
        else:
            self._taken += size_bytes
