"""Decides whether the bytes of a head are one HTTP message that every hop reads alike, and parses them.

httptools parses, and refuses by itself what its strict mode knows: bare CR and LF, folded fields, control characters,
blanks around names, chunks that do not end where they say. It is lenient about versions, blanks in the request line,
Host, transfer codings, trailers and sizes (design.md 8); those are checked here. tests/enforcement/test_framing.py
holds both kinds. Judging the target and what fields mean is left to `mandat.core.decision`.
Source: RFC 9112 sections 2, 3, 5 and 6; for the trace, W3C Trace Context.
"""

import re
from dataclasses import dataclass
from typing import Final

import httptools
import msgspec

HEAD_END: Final = b"\r\n\r\n"
_VERSIONS: Final = (b" HTTP/1.1", b" HTTP/1.0")
MAX_LENGTH_DIGITS: Final = 15
"""Digits of a Content-Length: a petabyte, and far from any integer limit."""

_FRAMING_FIELDS: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"trailer")
)
_TRACE: Final = b"traceparent"
_SELDOM: Final = _FRAMING_FIELDS - {b"host"} | {_TRACE}
_is_trace: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, values without surrounding blanks, in the order they came."""


@dataclass(frozen=True, slots=True)
class FramingFault:
    """These bytes are not one clear HTTP message. `why` is safe to show to the peer."""

    why: str


class RequestHead(msgspec.Struct):
    """The head of one request. `content_length` None means chunked; 0 also stands for "no body announced".

    `keeps_alive` says whether the client may send another request on this connection. HTTP/1.0 clients may not.
    `trace` is what `find_trace` gives.
    """

    method: bytes
    target: bytes
    headers: Headers
    is_http_11: bool
    host: bytes
    content_length: int | None
    connection_options: frozenset[bytes]
    expects_continue: bool
    keeps_alive: bool
    trace: str = ""


_NO_OPTIONS: Final[frozenset[bytes]] = frozenset()


def is_hopeless(start: bytes) -> bool:
    """Whether the first bytes of a head, still without its end, can no longer become an acceptable one."""
    if start == b"\r":
        return False
    return not 0x41 <= start[0] <= 0x5A or start.count(b"\n") != start.count(b"\r\n")


class RequestParser:
    """The requests of one client connection, in order. Feed one whole head, then the bytes of its body.

    `is_complete` is True once the end of the message was found.
    """

    __slots__ = ("_body_parts", "_headers", "_is_head_done", "_max_fields", "_parser", "_target", "is_complete")

    def __init__(self, max_fields: int) -> None:
        """A head with more fields than `max_fields` is refused."""
        self._parser = httptools.HttpRequestParser(self)
        self._max_fields = max_fields
        self._headers: Headers = []
        self._target = b""
        self._is_head_done = False
        self._body_parts: list[bytes] = []
        self.is_complete = False

    def read_head(self, head: bytes) -> RequestHead | FramingFault:
        """The head as a value. `head` ends with the empty line and holds nothing after it."""
        line_end = head.find(b"\r\n")
        version = head[line_end - 9 : line_end]
        if version not in _VERSIONS or head.count(b" ", 0, line_end) != 2:
            return FramingFault("a malformed request line, or another version than 1.0 and 1.1")
        self._is_head_done = self.is_complete = False
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            return FramingFault("Upgrade and CONNECT are not supported")
        except httptools.HttpParserError:
            return FramingFault("a malformed request head")
        if not self._is_head_done:
            return FramingFault("a malformed request head")
        headers, self._headers = self._headers, []
        if len(headers) > self._max_fields:
            return FramingFault("too many header fields")
        method = head[: head.find(b" ")]
        return _request_head(method, self._target, headers, version == _VERSIONS[0])

    def feed_body(self, data: bytes) -> FramingFault | None:
        """More of the body. `data` must not reach beyond the end of the message, see `split_chunked`."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return FramingFault("a malformed chunked body")
        if self._headers:
            # httptools reports trailer fields as headers after the head.
            return FramingFault("trailer fields are not supported")
        return None

    def take_body(self) -> list[bytes]:
        """What was found of the body since the last time, without the framing of chunks."""
        parts, self._body_parts = self._body_parts, []
        return parts

    def on_url(self, url: bytes) -> None:
        self._target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        self._is_head_done = True

    def on_body(self, body: bytes) -> None:
        self._body_parts.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = True


def split_chunked(data: bytes, tail: bytes) -> list[bytes]:
    """Cut bytes of a chunked body so that the message, wherever it ends, ends with a piece.

    A chunked message always ends with CR LF CR LF, so every such place is a cut: httptools cannot be stopped in the
    middle of what it is fed, and bytes after the message belong to the next request. `tail` is the last three bytes
    that were fed before.
    """
    joined = tail + data
    pieces = []
    begin = len(tail)
    while (found := joined.find(HEAD_END, max(0, begin - 3))) >= 0:
        end = found + len(HEAD_END)
        pieces.append(joined[begin:end])
        begin = end
    if begin < len(joined):
        pieces.append(joined[begin:])
    return pieces


def _request_head(method: bytes, target: bytes, headers: Headers, is_http_11: bool) -> RequestHead | FramingFault:
    fields = dict(headers)
    if len(fields) == len(headers) and _SELDOM.isdisjoint(fields) and (host := fields.get(b"host")):
        # Most calls: nothing is repeated, and nothing says anything about framing or belongs to a trace.
        return RequestHead(method, target, headers, is_http_11, host, 0, _NO_OPTIONS, False, is_http_11)
    said: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _FRAMING_FIELDS:
            if name not in said:
                said[name] = value
            elif name == b"connection":
                said[name] += b"," + value
            else:
                return FramingFault("a field of the framing is repeated")
    host = said.get(b"host")
    if not host:
        return FramingFault("no Host")
    length = _content_length(said, is_http_11=is_http_11)
    if isinstance(length, FramingFault):
        return length
    if b"upgrade" in said or b"trailer" in said:
        return FramingFault("Upgrade and Trailer are not supported")
    expect = said.get(b"expect", b"100-continue")
    if expect.lower() != b"100-continue":
        return FramingFault("an Expect other than 100-continue")
    options = connection_options(said[b"connection"]) if b"connection" in said else _NO_OPTIONS
    expects_continue, keeps_alive = is_http_11 and b"expect" in said, is_http_11 and b"close" not in options
    trace = find_trace(headers) if _TRACE in fields else ""
    return RequestHead(method, target, headers, is_http_11, host, length, options, expects_continue, keeps_alive, trace)


def find_trace(headers: Headers) -> str:
    """The `traceparent` that the caller sent, 55 characters; empty when there is none, or none that can be meant."""
    said = [value for name, value in headers if name == _TRACE]
    return said[0].decode("ascii") if len(said) == 1 and _is_trace(said[0]) else ""


def _content_length(said: dict[bytes, bytes], *, is_http_11: bool) -> int | FramingFault | None:
    """The announced length, None when chunked."""
    length, coding = said.get(b"content-length"), said.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or not is_http_11 or coding.lower() != b"chunked":
            return FramingFault("a Transfer-Encoding other than exactly chunked")
        return None
    if length is None:
        return 0
    if not length.isdigit() or len(length) > MAX_LENGTH_DIGITS:
        return FramingFault("a Content-Length that is no number")
    return int(length)


def connection_options(value: bytes) -> frozenset[bytes]:
    """The field names and keywords in the value of a Connection field."""
    return frozenset(token for part in value.lower().split(b",") if (token := part.strip(b" \t")))
