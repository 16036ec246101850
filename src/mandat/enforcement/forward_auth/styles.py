"""Decides which call a proxy asks about: four ways of saying it, each with exactly one value for each fact.

A fact that is missing, said twice or said under an alias is a fault of the question and the call is refused: "which
rule applies" must never hang on a field that a caller could add (oauth2-proxy CVE-2026-40575). Whether the body of the
call is known is decided here too, because a signature covers the body.
Source: the manuals of the four proxies; docs/guide/forward-auth.md.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from mandat.enforcement.gateway.framing import FramingFault, Headers
from mandat.enforcement.gateway.headers import canonical_name

BODY_FACT: Final = b"x-original-body"
"""What the proxy knows of the body: `length=N;coding=C`, both empty or `-` when the caller sent no such field."""

_is_bodiless = re.compile(rb"length=(?:-|0*);coding=-?").fullmatch

BODY_HIDDEN: Final = "this proxy cannot show the body, which the signature covers; such calls go through the gateway"
BODY_LOST: Final = "the proxy says that there is a body and does not show it; see its configuration"


@dataclass(frozen=True, slots=True)
class Style:
    """How one kind of proxy asks.

    `method`, `target`, `host` name the fields that tell the original call; None: the question's own. `passes_body` says
    that the body of the call comes as the body of the question. `tells_body` says that BODY_FACT is there.
    `knows_only_401_403` says that every other refusal would become an error 500 of the proxy. `joins_repeated` says
    that it joins repeated fields with commas.
    """

    name: str
    method: bytes | None = None
    target: bytes | None = None
    host: bytes | None = None
    passes_body: bool = False
    tells_body: bool = True
    knows_only_401_403: bool = False
    joins_repeated: bool = False


STYLES: Final = {
    style.name: style
    for style in (
        Style("nginx", b"x-original-method", b"x-original-uri", b"x-original-host", knows_only_401_403=True),
        Style("caddy", b"x-forwarded-method", b"x-forwarded-uri", b"x-forwarded-host"),
        Style(
            "traefik",
            b"x-forwarded-method",
            b"x-forwarded-uri",
            b"x-forwarded-host",
            passes_body=True,
            tells_body=False,
        ),
        Style("envoy", passes_body=True, joins_repeated=True),
    )
}
"""By the names that `forward_auth.style` takes in the configuration."""


class Original(NamedTuple):
    """The call that a proxy asks about. `has_body` is what the proxy said of it, where it says so."""

    method: bytes
    target: bytes
    host: bytes
    has_body: bool


def read_original(style: Style, method: bytes, target: bytes, host: bytes, headers: Headers) -> Original | FramingFault:
    """The call behind a question, or why it cannot be known.

    Args:
        style: how this proxy asks.
        method, target, host: the question's own.
        headers: the question's, names in lower case, values without blanks around them.
    """
    said: dict[bytes, list[bytes]] = {}
    wanted = {name for name in (style.method, style.target, style.host, BODY_FACT) if name is not None}
    for name, value in headers:
        plain = canonical_name(name)
        if plain in wanted:
            said.setdefault(plain, []).append(value)
    facts = []
    for field, own in ((style.method, method), (style.target, target), (style.host, host)):
        fact = own if field is None else _only(said, field)
        if fact is None:
            return FramingFault(f"the proxy must say {(field or b'').decode()} exactly once")
        facts.append(fact)
    has_body = False
    if style.tells_body:
        told = _only(said, BODY_FACT)
        if told is None:
            return FramingFault(f"the proxy must say {BODY_FACT.decode()} exactly once")
        has_body = _is_bodiless(told) is None
    return Original(facts[0], facts[1], facts[2], has_body)


def _only(said: dict[bytes, list[bytes]], name: bytes) -> bytes | None:
    values = said.get(name, [])
    return values[0] if len(values) == 1 and values[0] else None
