"""For authors of upstreams: is this call really from the gateway, and for whom?

A call without a valid assertion must be refused, whatever its other headers say (design.md 2). `verify` is pure;
`AssertionVerifier.check` fetches the key set when it needs to. Source: RFC 7519, docs/reference/headers.md.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from mandat.enforcement.assertion import ALGORITHM

LEEWAY_SECONDS: Final = 5
"""How far the clocks of gateway and upstream may differ; they are one provider's."""

REFRESH_SECONDS: Final = 5.0
"""An unknown key id may cause one fetch in this time, not more: anybody can write key ids."""


@dataclass(frozen=True, slots=True)
class Asserted:
    """What a valid assertion says: the account that granted, the application and credential that act for it."""

    account: str
    application: int
    credential: int


@dataclass(frozen=True, slots=True)
class AssertionFault:
    """The assertion is not valid. `why` is for the upstream's log; `is_unknown_key` asks for a newer key set."""

    why: str
    is_unknown_key: bool = False


def verify(
    token: str | bytes, jwks: Mapping[str, Any], *, issuer: str, audience: str, now: float
) -> Asserted | AssertionFault:
    """Check one assertion against a key set. Never raises, whatever the token is.

    Args:
        token: the value of X-Mandat-Assertion.
        jwks: the decoded document from /.well-known/mandat/jwks.json.
        issuer: the gateway's issuer name.
        audience: this upstream's own audience; an assertion made out to another upstream is refused.
        now: Unix seconds.
    """
    try:
        keys = KeySet.import_key_set(jwks)  # type: ignore[arg-type]
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        return AssertionFault(f"the key set cannot be read: {type(error).__name__}", is_unknown_key=True)
    return _verify_with(keys, token, issuer=issuer, audience=audience, now=now)


def _verify_with(
    keys: KeySet, token: str | bytes, *, issuer: str, audience: str, now: float
) -> Asserted | AssertionFault:
    registry = jwt.JWTClaimsRegistry(
        now=int(now),
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": issuer},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        iat={"essential": True},
        exp={"essential": True},
    )
    try:
        claims = jwt.decode(token, keys, algorithms=[ALGORITHM]).claims
        registry.validate(claims)
    except InvalidKeyIdError:
        return AssertionFault("made with a key that is not in the key set", is_unknown_key=True)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        return AssertionFault(type(error).__name__)
    account, application, credential = claims["sub"], claims.get("application"), claims.get("credential")
    if not isinstance(account, str) or type(application) is not int or type(credential) is not int:
        return AssertionFault("a claim is missing or of another type")
    return Asserted(account, application, credential)


class AssertionVerifier:
    """Checks assertions against the gateway's key set, fetched when first needed and when a key id is new."""

    def __init__(
        self,
        fetch_jwks: Callable[[], Awaitable[Mapping[str, Any]]],
        *,
        issuer: str,
        audience: str,
        clock: Callable[[], float],
    ) -> None:
        """
        Args:
            fetch_jwks: gets and decodes the key set; any exception of it means that no call can be checked now.
            issuer, audience: see `verify`.
            clock: Unix seconds.
        """
        self._fetch = fetch_jwks
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._jwks: Mapping[str, Any] = {"keys": []}
        self._fetched_at: float | None = None

    async def check(self, token: str | bytes | None) -> Asserted | AssertionFault:
        """Check the assertion of one call. None: the call had none.

        Raises:
            Exception: whatever `fetch_jwks` raises. Answer 503, never let the call pass.
        """
        if not token:
            return AssertionFault("no assertion")
        if self._fetched_at is None:
            await self._refresh()
        found = self._verify(token)
        if isinstance(found, AssertionFault) and found.is_unknown_key and self._may_refresh():
            await self._refresh()
            found = self._verify(token)
        return found

    def _verify(self, token: str | bytes) -> Asserted | AssertionFault:
        return verify(token, self._jwks, issuer=self._issuer, audience=self._audience, now=self._clock())

    def _may_refresh(self) -> bool:
        return self._fetched_at is None or abs(self._clock() - self._fetched_at) >= REFRESH_SECONDS

    async def _refresh(self) -> None:
        self._jwks = await self._fetch()
        self._fetched_at = self._clock()
