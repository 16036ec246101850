"""Decides whether the bytes of a head are one HTTP message that every hop reads alike, and parses them.

httptools parses; it is lenient, so each head is checked as raw bytes first and its framing fields once more afterwards
(design.md 8, threats.md 3.4). Judging the target and the fields' meaning is left to `mandat.core.decision`.
Source: RFC 9112 sections 2, 3, 5 and 6.
"""

from dataclasses import dataclass
from typing import Final

import httptools

HEAD_END: Final = b"\r\n\r\n"
_TEXT: Final = bytes(range(0x20, 0x7F)) + bytes(range(0x80, 0x100)) + b"\t\r\n"
_VERSIONS: Final = (b" HTTP/1.1", b" HTTP/1.0")
_DIGITS_MAX: Final = 15
"""Digits of a Content-Length: a petabyte, and far from any integer limit."""

_FRAMING_FIELDS: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"trailer")
)

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, values without surrounding blanks, in the order they came."""


@dataclass(frozen=True, slots=True)
class FramingFault:
    """These bytes are not one clear HTTP message. `why` is safe to show to the peer."""

    why: str


@dataclass(slots=True)
class RequestHead:
    """The head of one request. `content_length` None means chunked; 0 also stands for "no body announced"."""

    method: bytes
    target: bytes
    headers: Headers
    is_http_11: bool
    host: bytes
    content_length: int | None
    connection_options: frozenset[bytes]
    expects_continue: bool

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another request on this connection. HTTP/1.0 clients may not."""
        return self.is_http_11 and b"close" not in self.connection_options


_NO_OPTIONS: Final[frozenset[bytes]] = frozenset()


def find_raw_fault(head: bytes, *, max_fields: int) -> str | None:
    """Why a head (a status or request line, fields, and the empty line) is refused before any parser sees it."""
    if head.translate(None, _TEXT):
        return "control characters in the head"
    lines = head.count(b"\r\n")
    if head.count(b"\n") != lines or head.count(b"\r") != lines:
        return "a line that does not end in CR LF"
    if b"\r\n " in head or b"\r\n\t" in head:
        return "a folded header field"
    if lines - 2 > max_fields:
        return "too many header fields"
    return None


def is_hopeless(start: bytes) -> bool:
    """Whether the first bytes of a head, still without its end, can no longer become an acceptable one."""
    return not 0x41 <= start[0] <= 0x5A or start.count(b"\n") != start.count(b"\r\n")


class RequestParser:
    """The requests of one client connection, in order. Feed one whole head, then the bytes of its body.

    `body_parts` collects the body, without the chunk framing. `is_complete` is True once the message ended.
    """

    __slots__ = ("_headers", "_in_body", "_parser", "_target", "body_parts", "has_trailer", "is_complete")

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._headers: Headers = []
        self._target = b""
        self._in_body = False
        self.body_parts: list[bytes] = []
        self.has_trailer = False
        self.is_complete = False

    def read_head(self, head: bytes, *, max_fields: int) -> RequestHead | FramingFault:
        """The head as a value. `head` ends with the empty line and holds nothing after it."""
        line_end = head.find(b"\r\n")
        version = head[line_end - 9 : line_end]
        if version not in _VERSIONS or head.count(b" ", 0, line_end) != 2:
            return FramingFault("not an HTTP/1.1 or HTTP/1.0 request line")
        if (why := find_raw_fault(head, max_fields=max_fields)) is not None:
            return FramingFault(why)
        self._headers = []
        self._in_body = self.has_trailer = self.is_complete = False
        self.body_parts = []
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            return FramingFault("Upgrade and CONNECT are not supported")
        except httptools.HttpParserError:
            return FramingFault("a malformed request head")
        if not self._in_body:
            return FramingFault("a malformed request head")
        method = head[: head.find(b" ")]
        return _request_head(method, self._target, self._headers, is_http_11=version == _VERSIONS[0])

    def feed_body(self, data: bytes) -> FramingFault | None:
        """More of the body. `data` must not reach beyond the end of the message, see `split_chunked`."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return FramingFault("a malformed chunked body")
        if self.has_trailer:
            return FramingFault("trailer fields are not supported")
        return None

    def on_url(self, url: bytes) -> None:
        self._target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_body:
            self.has_trailer = True
        else:
            self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        self.body_parts.append(body)

    def on_message_complete(self) -> None:
        self.is_complete = True


def split_chunked(data: bytes, tail: bytes) -> list[bytes]:
    """Cut bytes of a chunked body so that the message, wherever it ends, ends with a piece.

    A chunked message always ends with CR LF CR LF, so every such place is a cut; httptools cannot be stopped in the
    middle of what it is fed, and bytes after the message belong to the next request. `tail` is the last three bytes fed.
    """
    joined = tail + data
    pieces = []
    begin = len(tail)
    while (found := joined.find(HEAD_END, max(0, begin - 3))) >= 0:
        end = found + 4
        pieces.append(joined[begin:end])
        begin = end
    if begin < len(joined):
        pieces.append(joined[begin:])
    return pieces


def _request_head(method: bytes, target: bytes, headers: Headers, *, is_http_11: bool) -> RequestHead | FramingFault:
    host: bytes | None = None
    content_length: int | None = 0
    is_sized = False
    options = _NO_OPTIONS
    expects_continue = False
    for name, value in headers:
        if name not in _FRAMING_FIELDS:
            continue
        if name == b"host":
            if host is not None:
                return FramingFault("more than one Host")
            host = value
        elif name == b"connection":
            options |= _tokens(value)
        elif name == b"content-length":
            if is_sized or not value.isdigit() or len(value) > _DIGITS_MAX:
                return FramingFault("not exactly one Content-Length in digits")
            is_sized, content_length = True, int(value)
        elif name == b"transfer-encoding":
            if is_sized or not is_http_11 or value.lower() != b"chunked":
                return FramingFault("a Transfer-Encoding other than exactly chunked")
            is_sized, content_length = True, None
        elif name == b"expect":
            if value.lower() != b"100-continue":
                return FramingFault("an Expect other than 100-continue")
            expects_continue = is_http_11
        else:
            return FramingFault("Upgrade and Trailer are not supported")
    if not host:
        return FramingFault("no Host")
    return RequestHead(method, target, headers, is_http_11, host, content_length, options, expects_continue)


def _tokens(value: bytes) -> frozenset[bytes]:
    return frozenset(token for part in value.lower().split(b",") if (token := part.strip(b" \t")))
