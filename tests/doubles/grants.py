"""A grant source in memory: implements `enforcement.interfaces.GrantSource` and hands out what it was given.

Also the shortest way to sign a call as a client would.
"""

from dataclasses import replace
from hashlib import sha256

from mandat.core.credential import CredentialState
from mandat.core.grant import Grant, KnownApplication
from mandat.core.rules import compile_rules
from mandat.enforcement.interfaces import MISSING, Missing, SourceUnavailable
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.networks import Network
from mandat.protocol.signature import sign

APPLICATION_KEY = "7kbG7Bk7S9Nt7ZSV"
APPLICATION_SECRET = "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF"
CONSUMER_KEY = "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1"


class MemoryGrants:
    """Everything known, and switches for what can go wrong.

    `is_cold` answers every peek with MISSING, as after a start. `is_down` raises SourceUnavailable everywhere.
    """

    def __init__(self) -> None:
        self.applications: dict[str, KnownApplication] = {}
        self.grants: dict[bytes, Grant] = {}
        self.is_cold = False
        self.is_down = False
        self.peeks = 0
        self.finds = 0

    def add_application(
        self,
        key: str = APPLICATION_KEY,
        secret: str = APPLICATION_SECRET,
        *,
        application_id: int = 1,
        active: bool = True,
        strict: bool = False,
    ) -> KnownApplication:
        application = KnownApplication(application_id, key, active, strict, (secret.encode(),))
        self.applications[key] = application
        return application

    def add_grant(
        self,
        *rules: str,
        consumer_key: str = CONSUMER_KEY,
        credential_id: int = 11,
        application_id: int = 1,
        account: str = "aa1-mandat",
        state: CredentialState = CredentialState.VALIDATED,
        allowed_networks: tuple[Network, ...] | None = None,
    ) -> Grant:
        """Rules are texts such as "GET /me"."""
        compiled = compile_rules([AccessRule(*rule.split(" ", 1)) for rule in rules])
        key_hash = sha256(consumer_key.encode()).digest()
        grant = Grant(
            credential_id=credential_id,
            application_id=application_id,
            consumer_key_hash=key_hash,
            account=account,
            state=state,
            suspended=False,
            rules=compiled,
            allowed_networks=allowed_networks,
            created=0,
            expires=None,
        )
        self.grants[key_hash] = grant
        return grant

    def revoke(self, grant: Grant) -> None:
        self.grants[grant.consumer_key_hash] = replace(grant, state=CredentialState.REVOKED)

    def hold_freshness(self) -> bool:
        return False

    def release_freshness(self) -> None:
        raise AssertionError("nothing was held")

    def peek_application(self, application_key: str) -> KnownApplication | Missing | None:
        self._look()
        self.peeks += 1
        return MISSING if self.is_cold else self.applications.get(application_key)

    async def find_application(self, application_key: str) -> KnownApplication | None:
        self._look()
        self.finds += 1
        return self.applications.get(application_key)

    def peek_grant(self, consumer_key_hash: bytes) -> Grant | Missing | None:
        self._look()
        self.peeks += 1
        return MISSING if self.is_cold else self.grants.get(consumer_key_hash)

    async def find_grant(self, consumer_key_hash: bytes) -> Grant | None:
        self._look()
        self.finds += 1
        return self.grants.get(consumer_key_hash)

    def _look(self) -> None:
        if self.is_down:
            raise SourceUnavailable("the double is down")


def signed_headers(
    method: str,
    url: str,
    *,
    timestamp: int,
    body: bytes = b"",
    key: str = APPLICATION_KEY,
    secret: str = APPLICATION_SECRET,
    consumer_key: str = CONSUMER_KEY,
) -> dict[str, str]:
    """The four headers of a signed call to an absolute URL."""
    signature = sign(secret, consumer_key, method=method, url=url, body=body, timestamp=timestamp)
    return {
        "X-Ovh-Application": key,
        "X-Ovh-Consumer": consumer_key,
        "X-Ovh-Timestamp": str(timestamp),
        "X-Ovh-Signature": signature,
    }


class CountedUses:
    """Implements `UsageSink`: remembers every use."""

    def __init__(self) -> None:
        self.uses: list[tuple[int, str, str, int]] = []
        self.refusals: list[tuple[int, str, str, int]] = []

    def note(self, credential_id: int, rule: str, address: str, at: int, secret_id: int = 0) -> None:
        self.uses.append((credential_id, rule, address, at))

    def note_refusal(self, credential_id: int, reason: str, address: str, at: int) -> None:
        self.refusals.append((credential_id, reason, address, at))
