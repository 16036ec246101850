"""What goes into a decision and what comes out. Values only; the order of the checks is in `mandat.core.decision`.

What is made for every call is a msgspec structure: an eighth of what making a named tuple costs, and of no concern to
the garbage collector, since none of it can be part of a cycle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

import msgspec

from mandat.core.grant import Grant, KnownApplication
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonFault
from mandat.protocol.target import CanonicalTarget

RULE_FREE: Final = frozenset({("GET", "/auth/currentCredential"), ("GET", "/auth/details"), ("POST", "/auth/logout")})
"""Calls that any valid credential may make without a rule (wire.md 0.7, 13.10)."""


class CallHead(msgspec.Struct, frozen=True, gc=False):
    """A call as it came in, before anything about it is known to be true.

    Attributes:
        method: as received.
        target: the raw request target.
        headers: (name in lower case, value without surrounding blanks), in order, repeated ones repeated.
        address: the caller's address as text, found by the door (trusted proxies are its business).
        base_urls: what the client may have signed in front of the target, `scheme://host[:port]` each, the likely one
            first.
    """

    method: bytes
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    address: str
    base_urls: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decides about every call.

    Attributes:
        window_seconds: how far a timestamp may be from our clock, either way; 30 to 300.
        max_body_bytes: the largest signed body.
        opaque_prefixes: paths below the version (`/ip`) whose upstream reads `%2F` as part of a segment; elsewhere a
            target with an encoded slash is refused. A prefix covers itself and what follows it after a slash.
        rule_free: (method, path below the version) that need a valid credential but no rule.

    Raises:
        ValueError: `window_seconds` or `max_body_bytes` out of range.
    """

    window_seconds: int = 180
    max_body_bytes: int = 1_048_576
    opaque_prefixes: tuple[str, ...] = ()
    rule_free: frozenset[tuple[str, str]] = RULE_FREE

    def __post_init__(self) -> None:
        if not 30 <= self.window_seconds <= 300:
            raise ValueError("window_seconds must be 30 to 300")
        if self.max_body_bytes < 0:
            raise ValueError("max_body_bytes must not be negative")


class SignedCall(msgspec.Struct, frozen=True, gc=False):
    """The four values that make a call unrepeatable, as received; their formats were checked."""

    application_key: bytes
    consumer_key: bytes
    timestamp: bytes
    signature: bytes


class QuotaNotice(msgspec.Struct, frozen=True, gc=False):
    """What the caller is told about quotas: values of `RateLimit-Policy`, `RateLimit`, and of `Retry-After` if any."""

    policy: str
    limit: str
    retry_after_seconds: int | None = None


class Permit(msgspec.Struct, frozen=True, gc=False):
    """The call may pass: it is authentic, its credential is valid, and `rule` covers it.

    Not checked yet: replay (for writes) and quota, which need memory. `rule` is None for the calls that need none.
    Only `target.raw`, `method` and `body` may be forwarded: they are what was judged. `secret_id` names the
    application secret that signed; 0 when the source does not tell them apart. `quota` is set when quotas hold.
    """

    application: KnownApplication
    grant: Grant
    rule: AccessRule | None
    target: CanonicalTarget
    method: str
    body: bytes
    call: SignedCall
    secret_id: int = 0
    quota: QuotaNotice | None = None


class About(msgspec.Struct, frozen=True, gc=False):
    """Which application and credential a refused call named, by their numbers; 0 when it named none that exists.

    Named, not proved: before the signature is checked anybody may name them.
    """

    application: int = 0
    credential: int = 0


NOBODY: Final = About()


@dataclass(frozen=True, slots=True)
class Deny:
    """The call is refused. `details` is flat text to text for the caller; `message` replaces the reason's own.

    `quota` is set when a quota is the reason. `about` is for the operator's log and never told to the caller.
    """

    reason: Reason
    details: dict[str, str] = field(default_factory=dict)
    message: str | None = None
    quota: QuotaNotice | None = None
    about: About = field(default=NOBODY, compare=False)


Decision = Permit | Deny


class _Missing(Enum):
    MISSING = "missing"


MISSING: Final = _Missing.MISSING
"""Not in memory: ask storage. It says nothing about existence."""
Missing = Literal[_Missing.MISSING]


class AtHand(msgspec.Struct, frozen=True):
    """What can be said without waiting. The decision asks here first; only for what is MISSING it yields a need.

    Attributes:
        allows: as `NeedAddressBudget`, for an address.
        peek_application: as `NeedApplication`, for a key.
        peek_grant: as `NeedGrant`, for the SHA-256 of a consumer key.
    """

    allows: Callable[[str], bool | Missing]
    peek_application: Callable[[str], KnownApplication | Missing | None]
    peek_grant: Callable[[bytes], Grant | Missing | None]


def _miss(_: object) -> Missing:
    return MISSING


NOTHING_AT_HAND: Final = AtHand(_miss, _miss, _miss)
"""Every need is yielded."""


class NeedAddressBudget(msgspec.Struct, frozen=True, gc=False):
    """Has the caller's address failures left? Supply True to go on; anything else refuses."""


class NeedApplication(msgspec.Struct, frozen=True, gc=False):
    """Supply the KnownApplication with this key, or None."""

    key: str


class NeedGrant(msgspec.Struct, frozen=True, gc=False):
    """Supply the Grant whose consumer key has this SHA-256, or None."""

    consumer_key_hash: bytes


class NeedBody(msgspec.Struct, frozen=True, gc=False):
    """Supply the whole body (empty when there is none), or the Reason why not: BODY_TOO_LARGE, NO_BUFFER_LEFT."""

    max_bytes: int


class NeedJsonCheck(msgspec.Struct, frozen=True, gc=False):
    """Supply `strict_json.check_json(body) or True`, found in a thread: the body is too long to parse on the loop."""

    body: bytes


Need = NeedAddressBudget | NeedApplication | NeedGrant | NeedBody | NeedJsonCheck
Supply = bool | KnownApplication | Grant | bytes | Reason | JsonFault | None
