"""Decides which header fields cross the gateway, in both directions, and what the gateway puts in their place.

The order is fixed (Traefik CVE-2024-45410): first everything hop-by-hop and everything managed is dropped, then the
gateway's own fields are written. A managed name is dropped in every spelling: `_` and `.` are read as `-`, because
servers that export fields as environment variables cannot tell them apart (oauth2-proxy CVE-2025-64484).
Documented for upstream authors in docs/reference/headers.md. Source: design.md 8, RFC 9110 section 7.6.1.
"""

from enum import Enum
from typing import Final

from mandat.enforcement.gateway.framing import Headers, connection_options

_HOP_BY_HOP: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    )
)

_REFRAMED: Final = frozenset((b"host", b"content-length", b"expect"))
"""Written anew by the gateway, or ended here."""

_MANAGED_PREFIXES: Final = (b"x-mandat-", b"x-ovh-", b"x-forwarded-", b"x-original-", b"x-rewrite-", b"proxy-")
_MANAGED: Final = frozenset(
    (
        # who is calling, from where, under which name: only the gateway says so
        b"forwarded",
        b"x-forwarded",
        b"via",
        b"proxy",
        b"x-real-ip",
        b"x-client-ip",
        b"client-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
        b"fastly-client-ip",
        b"x-cluster-client-ip",
        b"x-originating-ip",
        b"x-remote-ip",
        b"x-remote-addr",
        b"x-remote-user",
        b"remote-user",
        b"x-host",
        b"x-http-host-override",
        # another method or another URL than the one that was judged
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-url-scheme",
        b"x-http-destinationurl",
        b"x-http-path-override",
        b"destination",
    )
)

_LOGIN: Final = frozenset((b"cookie", b"cookie2", b"authorization"))
"""Between a browser and the authority; no other upstream may see them."""

_OPEN_ROUTE: Final = frozenset((b"x-ovh-application",))
"""A managed name that open routes of the authority need: `POST /auth/credential` names its application with it."""

_ANSWER_DROPPED: Final = _HOP_BY_HOP | frozenset((b"content-length", b"x-ovh-queryid"))
_ANSWER_DROPPED_FROM_API: Final = frozenset(
    (
        # state in the browser for the public origin, which other pages share
        b"set-cookie",
        b"set-cookie2",
        b"clear-site-data",
        b"service-worker-allowed",
        b"strict-transport-security",
        b"alt-svc",
        b"nel",
        b"report-to",
        b"reporting-endpoints",
        # replaced by SANDBOX
        b"content-security-policy",
        b"content-security-policy-report-only",
        b"x-content-type-options",
    )
)

CORS_ANSWER: Final = (
    b"Access-Control-Allow-Origin: *\r\n"
    b"Access-Control-Expose-Headers: X-Ovh-QueryID, X-Pagination-Elements, X-Pagination-Cursor-Next, Retry-After, "
    b"RateLimit-Policy, RateLimit\r\n"
)
NO_CACHE: Final = b"Cache-Control: no-cache, no-store\r\n"
SANDBOX: Final = (
    b"X-Content-Type-Options: nosniff\r\n"
    b"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; sandbox\r\n"
)
"""An answer of an API opened in a browser must not run as the authority's pages (design.md 7)."""

_KNOWN_MAX: Final = 2_048
"""Names whose fate is remembered. Anybody can send new names, so the tables stop growing there."""


class _Fate(Enum):
    """What becomes of a field."""

    PASSES = "goes through"
    MANAGED = "is set by the gateway alone"
    LOGIN = "goes to the authority only"
    OPEN_ROUTE = "is managed, but needed on open routes of the authority"
    DROPPED = "is dropped from every answer"
    DROPPED_FROM_API = "is dropped from answers of other upstreams than the authority"
    CORS = "is the gateway's on API paths"
    CACHE = "is the gateway's where an answer belongs to one account"


# Bound once: looking up a member on its class costs 70 ns in Python 3.11.
_PASSES, _LOGIN_ONLY, _OPEN_ONLY = _Fate.PASSES, _Fate.LOGIN, _Fate.OPEN_ROUTE
_CACHE, _CORS, _API_DROPS = _Fate.CACHE, _Fate.CORS, _Fate.DROPPED_FROM_API

_request_fates: dict[bytes, _Fate] = {}
_answer_fates: dict[bytes, _Fate] = {}


def canonical_name(name: bytes) -> bytes:
    """A lower-case field name as a careless server would read it."""
    return name.replace(b"_", b"-").replace(b".", b"-")


def is_managed(name: bytes) -> bool:
    """Whether only the gateway may set this field on the way to an upstream. `name` is in lower case."""
    plain = canonical_name(name)
    return plain in _MANAGED or plain in _HOP_BY_HOP or plain in _REFRAMED or plain.startswith(_MANAGED_PREFIXES)


def find_connection_fault(options: frozenset[bytes]) -> str | None:
    """Why a Connection field is refused: it may not take away what the gateway itself decides about."""
    for option in options:
        if option not in _HOP_BY_HOP and is_managed(option):
            return "Connection names a field that it may not remove"
    return None


def request_fields(
    headers: Headers, *, connection_options: frozenset[bytes], is_trusted: bool, is_open_route: bool
) -> bytes:
    """The caller's fields that an upstream may see, each line with its end.

    Args:
        headers: the caller's, names in lower case.
        connection_options: what the caller's Connection named; dropped as well.
        is_trusted: the upstream is the authority: it gets Cookie and Authorization.
        is_open_route: nothing was judged, so the authority needs X-Ovh-Application.
    """
    lines = []
    for name, value in headers:
        fate = _request_fates.get(name) or _learn(_request_fates, name, _request_fate(name))
        if (
            fate is _PASSES
            or (fate is _LOGIN_ONLY and is_trusted)
            or (fate is _OPEN_ONLY and is_trusted and is_open_route)
        ) and name not in connection_options:
            lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines)


def answer_fields(headers: Headers, *, is_trusted: bool, is_api: bool, is_judged: bool) -> bytes:
    """The fields of an upstream's answer that the client may see, with the gateway's own, each line with its end.

    Framing and X-Ovh-QueryID are left to the caller.

    Args:
        headers: the upstream's, names in lower case.
        is_trusted: the upstream is the authority, which sets cookies and page headers itself.
        is_api: the path is below an API version: CORS is open, as OVHcloud's (wire.md 8).
        is_judged: the answer belongs to one account and no cache may keep it.
    """
    lines = []
    has_cache_control = False
    options = _answer_options(headers)
    for name, value in headers:
        fate = _answer_fates.get(name) or _learn(_answer_fates, name, _answer_fate(name))
        if fate is not _PASSES:
            if fate is _CACHE and not is_judged:
                has_cache_control = True
            elif not ((fate is _API_DROPS and is_trusted) or (fate is _CORS and not is_api)):
                continue
        if name not in options:
            lines.append(b"%b: %b\r\n" % (name, value))
    if is_api:
        lines.append(CORS_ANSWER)
        if not has_cache_control:
            lines.append(NO_CACHE)
    if not is_trusted:
        lines.append(SANDBOX)
    return b"".join(lines)


def _answer_options(headers: Headers) -> frozenset[bytes]:
    """What an upstream's Connection names beyond the keywords that almost all send."""
    options = _NO_OPTIONS
    for name, value in headers:
        if name == b"connection" and value not in (b"keep-alive", b"close"):
            options |= connection_options(value)
    return options


def _learn(fates: dict[bytes, _Fate], name: bytes, fate: _Fate) -> _Fate:
    if len(fates) < _KNOWN_MAX:
        fates[name] = fate
    return fate


def _request_fate(name: bytes) -> _Fate:
    if name in _OPEN_ROUTE:
        return _Fate.OPEN_ROUTE
    if is_managed(name):
        return _Fate.MANAGED
    return _Fate.LOGIN if canonical_name(name) in _LOGIN else _Fate.PASSES


def _answer_fate(name: bytes) -> _Fate:
    if name in _ANSWER_DROPPED or name.startswith(b"x-mandat-"):
        return _Fate.DROPPED
    if name in _ANSWER_DROPPED_FROM_API:
        return _Fate.DROPPED_FROM_API
    if name.startswith(b"access-control-"):
        return _Fate.CORS
    return _Fate.CACHE if name == b"cache-control" else _Fate.PASSES


_NO_OPTIONS: Final[frozenset[bytes]] = frozenset()
