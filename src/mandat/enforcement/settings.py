"""What an operator decides about the gateway, as frozen values that refuse nonsense when they are made.

Reading a configuration file, and naming the nearest known key for a wrong one, is `mandat.server`'s work.
Source: design.md 4, 5 and 8; every field is described for operators in docs/reference/gateway.md.
"""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from mandat.enforcement.failures import BURST, REFILL_PER_SECOND
from mandat.protocol.networks import Network

API_VERSIONS = ("/1.0", "/v1", "/v2")
"""The path prefixes that carry the API. Everything below them is judged unless it is an open route."""

AUTHORITY_PREFIXES = ("/auth", "/me/api")
"""Below the version prefix, what the authority answers itself (wire.md 1 and 2)."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server behind the gateway.

    `prefix` is the path below the version prefix that it answers ("/domain"), matched by whole segments; "" for all.
    `address` is "http://host[:port]" or "unix:/path"; a path or query in it is refused, because the gateway forwards
    exactly the target it judged. `encoded_slash` says whether a target with `%2F` may reach it. `timeout_seconds`
    bounds the wait for the head of its answer and each silence inside the body. `audience` is what its assertions are
    made out to. `trusted` is True for the authority alone: it gets cookies and sets its own page headers.
    """

    name: str
    prefix: str
    address: str
    encoded_slash: Literal["refuse", "opaque"] = "refuse"
    timeout_seconds: float = 30.0
    audience: str = ""
    trusted: bool = False

    def __post_init__(self) -> None:
        parse_address(self.address)
        if self.prefix and (not self.prefix.startswith("/") or self.prefix.endswith("/")):
            raise ValueError(f"upstream {self.name}: prefix must begin with / and not end with it: {self.prefix!r}")
        if self.timeout_seconds <= 0:
            raise ValueError(f"upstream {self.name}: timeout_seconds must be more than 0")


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A unix stream socket."""

    path: str


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a port."""

    host: str
    port: int


def parse_address(text: str) -> UnixAddress | TcpAddress:
    """Where an upstream listens.

    Raises:
        ValueError: neither "unix:/path" nor "http://host[:port]" without path, query and userinfo.
    """
    if text.startswith("unix:/"):
        return UnixAddress(text.removeprefix("unix:"))
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.username:
        raise ValueError(f'an upstream address is "http://host:port" or "unix:/path", not {text!r}')
    return TcpAddress(parts.hostname, parts.port or 80)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one gateway worker. Sizes in bytes, times in seconds.

    head_bytes, head_fields, head_seconds: design.md 8. A head must be complete `head_seconds` after its first byte (for
    the first request of a connection: after the connection was made).
    body_seconds: a wanted body must be complete in this time, or its part of the budget is freed.
    idle_seconds: how long a kept connection may be silent. Longer than common client pools keep one.
    max_body_bytes: larger than any body in OVHcloud's API. buffer_bytes: all bodies of a worker at one moment.
    upstream_idle_seconds: below uvicorn's five seconds, so that the gateway is the one that closes.
    drain_seconds: how long a client may refuse to take any more of an answer.
    failures_burst, failures_per_second: failed authentications one address may cause at once, and how fast that grows
    back; see `mandat.enforcement.failures`.
    """

    head_bytes: int = 16_384
    head_fields: int = 64
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    drain_seconds: float = 60.0
    stop_seconds: float = 5.0
    max_body_bytes: int = 1_048_576
    buffer_bytes: int = 67_108_864
    max_connections: int = 16_384
    upstream_connections: int = 256
    upstream_idle_seconds: float = 4.0
    connect_seconds: float = 5.0
    answer_head_bytes: int = 65_536
    failures_burst: int = BURST
    failures_per_second: float = REFILL_PER_SECOND


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """Everything a gateway worker is told.

    `public_urls` are the origins that clients may have signed, such as "https://api.example.org" (wire.md 13.7).
    `open_routes` are (method, path) pairs without a decision, all answered by the authority; exact, never prefixes.
    `trusted_proxies` may say X-Forwarded-For, -Proto and -Host. `issuer` names this gateway in assertions.
    `jwks` is the document of `mandat.enforcement.assertion.jwks_document`, already encoded.
    `zone` and `host_name` only appear in query ids (wire.md 8).
    """

    public_urls: tuple[str, ...]
    authority: Upstream
    upstreams: tuple[Upstream, ...] = ()
    open_routes: frozenset[tuple[str, str]] = frozenset()
    trusted_proxies: tuple[Network, ...] = ()
    issuer: str = "mandat"
    jwks: bytes = b'{"keys":[]}'
    zone: str = "EU"
    host_name: str = "gw-1"
    window_seconds: int = 180
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for url in self.public_urls:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query or parts.username:
                raise ValueError(f'a public URL is "http(s)://host[:port]" without a path, not {url!r}')
        if not self.authority.trusted:
            raise ValueError("the authority must be a trusted upstream")
        if not 30 <= self.window_seconds <= 300:
            raise ValueError("window_seconds must be between 30 and 300")
