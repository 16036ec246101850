"""A gateway as an upstream sees it: a key, assertions signed with it, and the key set that is published."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mandat.core.credential import CredentialState
from mandat.core.grant import Grant, KnownApplication
from mandat.core.rules import compile_rules
from mandat.enforcement.assertion import AssertionSigner, jwks_document

ISSUER = "http://gateway.test"
AUDIENCE = "sandbox"
KEY_ID = "key-1"
APPLICATION_ID, CREDENTIAL_ID = 7, 9


class AssertingGateway:
    """Signs what it is told to. `unreachable` makes the key set fail to arrive; `fetches` counts requests for it.

    `seed` is one byte that makes the key. Gateways of different seeds use the same key id, so that only the signature
    tells them apart.
    """

    def __init__(self, clock: Callable[[], float], *, seed: int = 1) -> None:
        self._clock = clock
        self._private = bytes([seed]) * 32
        self.unreachable = False
        self.fetches = 0

    def assertion(
        self, account: str, *, audience: str = AUDIENCE, issuer: str = ISSUER, age_seconds: float = 0.0
    ) -> str:
        """An assertion for `account`, made `age_seconds` ago."""
        signer = AssertionSigner(self._private, KEY_ID, issuer)
        application = KnownApplication(APPLICATION_ID, "k" * 16, active=True, strict=False, secrets=())
        now = self._clock() - age_seconds
        return signer.assertion(application, _grant(account), audience=audience, now=now).decode()

    def key_set(self) -> Mapping[str, Any]:
        """The published key set."""
        public = Ed25519PrivateKey.from_private_bytes(self._private).public_key().public_bytes_raw()
        document: Mapping[str, Any] = json.loads(jwks_document({KEY_ID: public}))
        return document

    async def fetch_jwks(self) -> Mapping[str, Any]:
        """As an AssertionVerifier wants it."""
        self.fetches += 1
        if self.unreachable:
            raise OSError("no route to the gateway")
        return self.key_set()


def _grant(account: str) -> Grant:
    return Grant(
        credential_id=CREDENTIAL_ID,
        application_id=APPLICATION_ID,
        consumer_key_hash=b"\0" * 32,
        account=account,
        state=CredentialState.VALIDATED,
        suspended=False,
        rules=compile_rules(()),
        allowed_networks=None,
        created=0,
        expires=None,
    )
