"""Decides about the header fields of a call that another server has parsed: framing, and what an application may see.

Servers differ in what they let through, so what the gateway refuses as bytes is refused here as fields. What a server
did not pass on cannot be judged; docs/guide/middleware.md says which servers are known. Source: design.md 8,
threats.md 3.4; which names are managed is decided in `mandat.enforcement.gateway.headers`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from mandat.enforcement.gateway.framing import MAX_LENGTH_DIGITS, FramingFault, Headers, connection_options
from mandat.enforcement.gateway.headers import canonical_name, find_connection_fault, is_managed
from mandat.protocol.headers import APPLICATION, CONSUMER, SIGNATURE, TIMESTAMP

_FRAMING: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"trailer")
)
_OWN_TO_THE_SERVER: Final = frozenset((*_FRAMING, b"keep-alive", b"te"))
"""Names that the gateway writes anew; here the server has used them up, and frameworks read some. Exact names only."""

_WITHOUT_COMMA: Final = frozenset((APPLICATION, CONSUMER, TIMESTAMP, SIGNATURE, b"host"))
_LOGIN: Final = frozenset((b"cookie", b"cookie2", b"authorization"))
_WIRE_PREFIXES: Final = (b"x-ovh-", b"x-mandat-")
_KNOWN_MAX: Final = 2_048
"""Names whose fate is remembered. Anybody can send new names, so the tables stop growing there."""

_visible: dict[bytes, bool] = {}
_visible_unjudged: dict[bytes, bool] = {}


class Framing(msgspec.Struct, frozen=True, gc=False):
    """What a head says about its call. `body_bytes` is 0 when there is no body, None when only its end will tell."""

    host: bytes
    body_bytes: int | None


@dataclass(frozen=True, slots=True)
class UnusableServer(Exception):
    """The server around the application does not tell what must be judged. A fault of the set-up, never of a caller."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


def read_framing(headers: Headers, *, is_http_1: bool) -> Framing | FramingFault:
    """The framing of one call; a fault when two hops could read it differently.

    Args:
        headers: names in lower case, values without blanks around them.
        is_http_1: in later versions a body needs no announcement.
    """
    found = [pair for pair in headers if pair[0] in _FRAMING]
    said = dict(found)
    host = said.get(b"host")
    if not host:
        return FramingFault("no Host")
    unannounced = 0 if is_http_1 else None
    if len(found) == 1:
        return Framing(host, unannounced)
    if len(said) != len(found):
        options = [value for name, value in found if name == b"connection"]
        if len(found) - len(options) != len(said) - bool(options):
            return FramingFault("a field of the framing is repeated")
        said[b"connection"] = b",".join(options)
    return _read_said(said, host, unannounced)


def _read_said(said: dict[bytes, bytes], host: bytes, unannounced: int | None) -> Framing | FramingFault:
    if b"upgrade" in said or b"trailer" in said:
        return FramingFault("Upgrade and Trailer are not supported")
    if said.get(b"expect", b"100-continue").lower() != b"100-continue":
        return FramingFault("an Expect other than 100-continue")
    why = find_connection_fault(connection_options(said[b"connection"])) if b"connection" in said else None
    if why is not None:
        return FramingFault(why)
    length, coding = said.get(b"content-length"), said.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or coding.lower() != b"chunked":
            return FramingFault("a Transfer-Encoding other than exactly chunked")
        return Framing(host, None)
    if length is None:
        return Framing(host, unannounced)
    if not length.isdigit() or len(length) > MAX_LENGTH_DIGITS:
        return FramingFault("a Content-Length that is no number")
    return Framing(host, int(length))


def trimmed(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The fields without the blanks that some parsers leave around values, as a list of the door's own."""
    return [(name, value.strip(b" \t")) for name, value in headers]


def split_repeated(headers: Headers) -> Headers:
    """The fields where repeated ones stand one by one again, as far as that can be told.

    Some servers join them with commas, which none of these values may have; so it shows that they were repeated.
    """
    if not any(b"," in value and name in _WITHOUT_COMMA for name, value in headers):
        return headers
    return [
        (name, part.strip(b" \t"))
        for name, value in headers
        for part in (value.split(b",") if name in _WITHOUT_COMMA else (value,))
    ]


def visible_fields(headers: Headers, *, is_judged: bool) -> Headers:
    """What the application behind the door may see of the caller's fields.

    Nothing managed, in any spelling; and of a judged call no login of a browser either: who calls is what the decision
    said, and nothing else.
    """
    known = _visible if is_judged else _visible_unjudged
    kept = []
    for pair in headers:
        is_visible = known.get(pair[0])
        if is_visible is None:
            is_visible = _is_visible(pair[0], is_judged=is_judged)
            if len(known) < _KNOWN_MAX:
                known[pair[0]] = is_visible
        if is_visible:
            kept.append(pair)
    return kept


def _is_visible(name: bytes, *, is_judged: bool) -> bool:
    if name in _OWN_TO_THE_SERVER:
        return True
    if is_managed(name):
        # An open route may need the application's key, as `POST /auth/credential` does.
        return not is_judged and name == b"x-ovh-application"
    return not (is_judged and canonical_name(name) in _LOGIN)


def find_alias(headers: Headers) -> bytes | None:
    """A field that careless servers would take for one of the wire's or ours, though it is spelled otherwise."""
    for name, _ in headers:
        if (b"_" in name or b"." in name) and canonical_name(name).startswith(_WIRE_PREFIXES):
            return name
    return None
