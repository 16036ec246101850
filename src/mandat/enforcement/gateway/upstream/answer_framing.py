"""Decides where an upstream's answer begins and ends, and whether that is beyond doubt.

An exchange ends only with a final answer (status >= 200). Answers to HEAD, 204 and 304 end at the head. What cannot be
framed in exactly one way is a fault of the upstream (502), never passed on. Source: RFC 9112 section 6, design.md 8.
"""

from enum import Enum
from typing import Final

import httptools
import msgspec

from mandat.enforcement.gateway.framing import MAX_LENGTH_DIGITS, FramingFault, Headers

_MAX_FIELDS: Final = 128
_LONGEST_KNOWN_BYTES: Final = 2_048
_MOST_KNOWN: Final = 128
_BODILESS: Final = (204, 304)


class Ending(Enum):
    """How the end of an answer's body is known."""

    AT_HEAD = "there is no body"
    BY_LENGTH = "Content-Length"
    BY_LAST_CHUNK = "chunked"
    BY_CLOSE = "the connection is closed"


# Bound once: looking up a member on its class costs 70 ns in Python 3.11.
AT_HEAD, BY_LENGTH, BY_LAST_CHUNK, BY_CLOSE = Ending


class AnswerHead(msgspec.Struct):
    """The head of a final answer, or of an interim one (status < 200), which the caller drops.

    `content_length` is what the upstream announced, also where there is no body (HEAD); None when it did not.
    `relayed` keeps what clients were told for it, by what they may see: equal heads share one value, see `KnownHeads`.
    """

    status: int
    headers: Headers
    ending: Ending
    content_length: int | None
    keeps_alive: bool
    relayed: dict[tuple[bool, bool, bool], bytes] = {}


class KnownHeads:
    """Heads that an upstream sent lately, byte for byte: most APIs send the same one many times in a second.

    Only those whose end needs no parser (`BY_LENGTH`), so that a known head leaves nothing to do. Bounded.
    """

    __slots__ = ("_heads",)

    def __init__(self) -> None:
        self._heads: dict[bytes, AnswerHead] = {}

    def find(self, raw: bytes) -> AnswerHead | None:
        """The answer to any method but HEAD that begins with exactly these bytes."""
        return self._heads.get(raw)

    def learn(self, raw: bytes, head: AnswerHead) -> None:
        """Remember a head that was found well framed."""
        if head.ending is BY_LENGTH and len(raw) <= _LONGEST_KNOWN_BYTES:
            if len(self._heads) >= _MOST_KNOWN:
                self._heads.clear()
            self._heads[raw] = head


class AnswerParser:
    """The answer to one request. Feed whole heads until one is final, then its body."""

    __slots__ = ("_body_parts", "_headers", "_is_head_done", "_parser", "is_beyond_end", "is_complete")

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: Headers = []
        self._is_head_done = False
        self._body_parts: list[bytes] = []
        self.is_complete = False
        self.is_beyond_end = False

    def read_head(self, head: bytes, *, is_answer_to_head: bool) -> AnswerHead | FramingFault:
        """The head as a value. `head` ends with the empty line and holds nothing after it."""
        is_http_11 = head.startswith(b"HTTP/1.1 ")
        if not (is_http_11 or head.startswith(b"HTTP/1.0 ")) or not head[9:12].isdigit():
            return FramingFault("not an HTTP/1.1 or HTTP/1.0 status line")
        self._headers = []
        self._is_head_done = self.is_complete = False
        try:
            self._parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return FramingFault("a malformed answer head")
        status = int(head[9:12])
        if not self._is_head_done or status < 100 or status == 101 or len(self._headers) > _MAX_FIELDS:
            return FramingFault("a malformed answer head")
        return _answer_head(status, self._headers, is_http_11, is_answer_to_head)

    def feed_body(self, data: bytes) -> bool:
        """More of a body. False: it is malformed. Bytes after the end set `is_beyond_end` and are not part of it."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.is_beyond_end = True
            return self.is_complete
        return True

    def take_body(self) -> bytes:
        """What was found of the body since the last time."""
        if len(self._body_parts) == 1:
            return self._body_parts.pop()
        body = b"".join(self._body_parts)
        self._body_parts.clear()
        return body

    def on_message_begin(self) -> None:
        # Also called for the final head after interim ones; `read_head` has reset `is_complete` by then.
        self.is_beyond_end = self.is_complete

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_head_done:
            self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        self._is_head_done = True

    def on_body(self, body: bytes) -> None:
        if not self.is_beyond_end:
            self._body_parts.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = True


def _answer_head(status: int, headers: Headers, is_http_11: bool, is_answer_to_head: bool) -> AnswerHead | FramingFault:
    content_length: int | None = None
    is_chunked = False
    keeps_alive = is_http_11
    for name, value in headers:
        if name == b"content-length":
            if content_length is not None or is_chunked or not value.isdigit() or len(value) > MAX_LENGTH_DIGITS:
                return FramingFault("not exactly one Content-Length in digits")
            content_length = int(value)
        elif name == b"transfer-encoding":
            if content_length is not None or is_chunked or not is_http_11 or value.lower() != b"chunked":
                return FramingFault("a Transfer-Encoding other than exactly chunked")
            is_chunked = True
        elif name == b"connection" and b"close" in value.lower():
            keeps_alive = False
    if is_answer_to_head or status in _BODILESS or status < 200:
        ending = AT_HEAD
    elif is_chunked:
        ending = BY_LAST_CHUNK
    elif content_length is not None:
        ending = BY_LENGTH
    else:
        ending, keeps_alive = BY_CLOSE, False
    return AnswerHead(status, headers, ending, content_length, keeps_alive)
