"""The decision for doors inside or beside another server: who calls, and may this call pass?

Wraps the same `EnforcementPoint` as the gateway's; the order of checks is `mandat.core.decision`'s. How a call is taken
from the server and how an answer is given back is the work of `asgi`, `wsgi` and `forward_auth`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from mandat.core.decision import CallHead, Permit, Policy
from mandat.enforcement.doors.heads import Framing, read_framing
from mandat.enforcement.failures import AddressFailures
from mandat.enforcement.gateway.body import BufferBudget
from mandat.enforcement.gateway.caller import Caller, CallerDesk, plain_address
from mandat.enforcement.gateway.framing import FramingFault, Headers
from mandat.enforcement.interfaces import GrantSource, ReplayMemory, UsageSink
from mandat.enforcement.point import EnforcementPoint
from mandat.enforcement.query_ids import QueryIds
from mandat.enforcement.quotas.leases import CallQuotas
from mandat.enforcement.settings import AUTHORITY_PREFIXES, Limits
from mandat.protocol.networks import Network
from mandat.protocol.target import CanonicalTarget

TIME_ROUTES: Final = frozenset(
    (method, path) for method in (b"GET", b"HEAD") for path in (b"/1.0/auth/time", b"/v1/auth/time")
)
_BELOW_AUTHORITY: Final = tuple(f"{prefix}/" for prefix in AUTHORITY_PREFIXES)
_KNOWN_PEERS_MAX: Final = 4_096


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What an operator decides about a door.

    `public_urls` are the origins that clients may have signed. `trusted_proxies` may say X-Forwarded-For, -Proto and
    -Host; `trusts_unix_sockets` says the same of whoever connects without an address. `open_routes` are (method, path)
    pairs that pass unjudged; exact, never prefixes. `opaque_prefixes` are paths below the version under which `%2F` is
    part of a segment: only for applications that read it so. `zone` and `host_name` appear in query ids.
    """

    public_urls: tuple[str, ...]
    trusted_proxies: tuple[Network, ...] = ()
    trusts_unix_sockets: bool = False
    open_routes: frozenset[tuple[str, str]] = frozenset()
    opaque_prefixes: tuple[str, ...] = ()
    window_seconds: int = 180
    zone: str = "EU"
    host_name: str = "app-1"
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.public_urls:
            raise ValueError('public_urls is empty; list the addresses clients use, such as "https://api.example.org"')


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What the application behind a door learns about a permitted call.

    `account` granted it, `application` and `credential` (their numbers) act for it, from `address`. `query_id` is what
    the answer shows the caller and the log.
    """

    account: str
    application: int
    credential: int
    address: str
    query_id: str


class Guard:
    """One for each process and event loop. `point` decides, `budget` bounds the bodies held at one moment."""

    def __init__(
        self,
        settings: GuardSettings,
        *,
        source: GrantSource,
        replay: ReplayMemory,
        usage: UsageSink,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        entropy: Callable[[int], bytes],
        quotas: CallQuotas | None = None,
    ) -> None:
        """
        Args:
            settings: see `GuardSettings`.
            source, replay, usage: see `mandat.enforcement.interfaces`.
            clock: Unix seconds.
            monotonic: seconds that never run backwards.
            entropy: random bytes; they only seed the query ids, which are unique but no secret.
            quotas: how many calls may be made; None when that is not limited.
        """
        self.settings = settings
        self.limits = settings.limits
        self.clock = clock
        self.budget = BufferBudget(settings.limits.buffer_bytes)
        self.point = EnforcementPoint(
            source,
            replay,
            usage,
            policy=Policy(
                window_seconds=settings.window_seconds,
                max_body_bytes=settings.limits.max_body_bytes,
                opaque_prefixes=settings.opaque_prefixes,
            ),
            failures=AddressFailures(
                monotonic,
                burst=settings.limits.failures_burst,
                refill_per_second=settings.limits.failures_per_second,
            ),
            clock=clock,
            quotas=quotas,
        )
        routes = {(method.encode(), path.encode()) for method, path in settings.open_routes}
        self._open_routes = routes | {(b"HEAD", path) for method, path in routes if method == b"GET"}
        self._unjudged = self._open_routes | TIME_ROUTES
        self._desk = CallerDesk(settings.public_urls, settings.trusted_proxies)
        self._peers: dict[str | None, tuple[str, bool]] = {}
        self._callers: dict[tuple[str | None, bytes], Caller] = {}
        self.new_query_id = QueryIds(settings.zone, settings.host_name, entropy).make

    def is_open(self, method: bytes, path: bytes) -> bool:
        """Whether this request passes unjudged. `path` is the raw target up to the question mark."""
        return (method, path) in self._open_routes

    def is_unjudged(self, method: bytes, path: bytes) -> bool:
        """Whether this request is anything but a call to be judged: few are, and this is cheap to ask."""
        return method == b"OPTIONS" or (method, path) in self._unjudged

    def identify(
        self, peer: str | None, headers: Headers, *, is_http_1: bool = True
    ) -> tuple[Caller, Framing] | FramingFault:
        """Who calls and how the call is framed.

        Args:
            peer: address of the other end of the connection; None when it has none (a unix socket).
            headers: all fields, names in lower case.
            is_http_1: see `read_framing`.
        """
        if len(headers) > self.limits.head_fields:
            return FramingFault("too many header fields")
        framing = read_framing(headers, is_http_1=is_http_1)
        if isinstance(framing, FramingFault):
            return framing
        known = self._callers.get((peer, framing.host))
        if known is not None:
            return known, framing
        address, is_proxy = self._peers.get(peer) or self._learn_peer(peer)
        caller = self._desk.identify(address, framing.host, headers, is_proxy=is_proxy)
        if isinstance(caller, FramingFault):
            return caller
        if not is_proxy and len(self._callers) < _KNOWN_PEERS_MAX:
            # Nothing but peer and Host says who these are.
            self._callers[peer, framing.host] = caller
        return caller, framing

    def identify_forwarded(self, peer: str | None, host: bytes, headers: Headers) -> Caller | FramingFault:
        """Who called the proxy that asks about a call.

        Only X-Forwarded-For counts beside `host`, which chooses among the public URLs and never adds one.
        """
        address, is_proxy = self._peers.get(peer) or self._learn_peer(peer)
        said = [pair for pair in headers if pair[0] == b"x-forwarded-for"]
        return self._desk.identify(address, host, said, is_proxy=is_proxy)

    def is_trusted(self, peer: str | None) -> bool:
        """Whether this peer is one of the configured proxies."""
        return (self._peers.get(peer) or self._learn_peer(peer))[1]

    def _learn_peer(self, peer: str | None) -> tuple[str, bool]:
        address = "" if peer is None else plain_address(peer) or ""
        is_trusted = self._desk.is_trusted(address) if address else peer is None and self.settings.trusts_unix_sockets
        if len(self._peers) < _KNOWN_PEERS_MAX:
            self._peers[peer] = address, is_trusted
        return address, is_trusted


def call_head(method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], caller: Caller) -> CallHead:
    """The call as `EnforcementPoint.judge` takes it."""
    return CallHead(method, target, headers, caller.address, caller.base_urls)


def leads_to_authority(target: CanonicalTarget) -> bool:
    """Whether a permitted call is for the authority, which only a gateway reaches."""
    path = target.opaque
    return path.startswith(_BELOW_AUTHORITY) or path in AUTHORITY_PREFIXES


def identity_of(permit: Permit, caller: Caller, query_id: str) -> Identity:
    """What the application learns of a permitted call."""
    grant = permit.grant
    return Identity(grant.account, permit.application.id, grant.credential_id, caller.address, query_id)
