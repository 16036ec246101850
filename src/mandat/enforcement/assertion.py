"""What the gateway tells an upstream about a permitted call, so that the upstream need not trust its network.

A JWT with algorithm "Ed25519" (RFC 9864), made out to one upstream. Verifying it is `assertion_verifier`'s work; why a
call is permitted is decided elsewhere. Signing costs about 50 us, so an assertion is used again for CACHED_SECONDS.
Source: design.md 2, RFC 7519, RFC 8037; claims are listed for upstream authors in docs/reference/headers.md.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OKPKey

from mandat.core.grant import Grant, KnownApplication

ALGORITHM: Final = "Ed25519"
LIFE_SECONDS: Final = 90
CACHED_SECONDS: Final = 30
"""So an upstream sees at least a minute of life left, whatever its clock says within that."""

MAX_CACHED: Final = 20_000


class AssertionSigner:
    """Makes assertions with a node's Ed25519 key, and keeps those of credentials in use. Bounded."""

    def __init__(self, private_key_bytes: bytes, key_id: str, issuer: str, *, max_cached: int = MAX_CACHED) -> None:
        """
        Args:
            private_key_bytes: the raw 32 bytes of the private key.
            key_id: what `kid` says; the key set lists the public key under it.
            issuer: what `iss` says.
            max_cached: assertions kept in memory.

        Raises:
            ValueError: the key is not 32 bytes.
        """
        private = Ed25519PrivateKey.from_private_bytes(private_key_bytes)
        self._key = OKPKey.import_key(
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": _base64url(private.public_key().public_bytes_raw()),
                "d": _base64url(private_key_bytes),
            }
        )
        self._header = {"alg": ALGORITHM, "kid": key_id, "typ": "JWT"}
        self._issuer = issuer
        self._max_cached = max_cached
        self._cached: dict[tuple[int, str], tuple[float, bytes]] = {}

    def assertion(self, application: KnownApplication, grant: Grant, *, audience: str, now: float) -> bytes:
        """The assertion for one permitted call, as the header's value. Arguments: see `signed`."""
        return self.signed(application, grant, audience=audience, now=now)[1]

    def signed(self, application: KnownApplication, grant: Grant, *, audience: str, now: float) -> tuple[float, bytes]:
        """When the assertion for one permitted call was signed, and the assertion.

        Args:
            application: who calls.
            grant: under which grant; its account becomes `sub`.
            audience: whom it is made out to, see `Upstream.audience`.
            now: Unix seconds.
        """
        key = (grant.credential_id, audience)
        cached = self._cached.get(key)
        if cached is not None and 0 <= now - cached[0] < CACHED_SECONDS:
            return cached
        claims: dict[str, object] = {
            "iss": self._issuer,
            "aud": audience,
            "sub": grant.account,
            "application": application.id,
            "credential": grant.credential_id,
            "iat": int(now),
            "exp": int(now) + LIFE_SECONDS,
        }
        token = jwt.encode(self._header, claims, self._key, algorithms=[ALGORITHM]).encode("ascii")
        if len(self._cached) >= self._max_cached:
            self._forget(now)
        signed = self._cached[key] = (now, token)
        return signed

    def _forget(self, now: float) -> None:
        """Make room: drop what is stale; when nothing is, everything. One signature each is what that costs."""
        self._cached = {key: kept for key, kept in self._cached.items() if 0 <= now - kept[0] < CACHED_SECONDS}
        if len(self._cached) >= self._max_cached:
            self._cached.clear()


def jwks_document(public_keys: Mapping[str, bytes]) -> bytes:
    """The key set that upstreams fetch, encoded as JSON (RFC 7517).

    Args:
        public_keys: key id -> raw 32 bytes of an Ed25519 public key. Keep a retired key listed for LIFE_SECONDS.
    """
    keys = [
        {"kty": "OKP", "crv": "Ed25519", "x": _base64url(public), "kid": key_id, "alg": ALGORITHM, "use": "sig"}
        for key_id, public in public_keys.items()
    ]
    return msgspec.json.encode({"keys": keys})


def _base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
