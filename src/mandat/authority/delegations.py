"""The customer's delegations: list, look at, take back, narrow by address. For his page and for `/me/api/credential`.

Every method names the account and touches nothing of another one: what belongs to somebody else is a miss.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mandat.authority.catalogue import Catalogue
from mandat.authority.interfaces import ApplicationStore, Clock, CredentialStore, UsageReader
from mandat.authority.values import Application, AuditEntry, AuditEvent, Credential, LastUse
from mandat.authority.wording import Rights, rights_in_words
from mandat.core.credential import CredentialEvent, CredentialState, wire_state
from mandat.core.grant import Network
from mandat.look.words import gettext

ENDED_SHOWN = 20
"""How many ended delegations a connection lists beside the running ones; the API lists all."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """One credential as its customer sees it. `active` is False once it is refused, expired or revoked."""

    credential: Credential
    rights: Rights
    last_use: LastUse | None
    state_text: str
    active: bool


@dataclass(frozen=True, slots=True)
class Connection:
    """An application and what it may do here: running delegations first, then newest first.

    `application` is None when it was deleted; `owner_name` is then empty.
    """

    application: Application | None
    application_id: int
    owner_name: str
    delegations: tuple[Delegation, ...]

    @property
    def active(self) -> bool:
        """Does any delegation still work?"""
        return any(delegation.active for delegation in self.delegations)


class Delegations:
    """What an account has given, and how it takes it back."""

    def __init__(
        self,
        applications: ApplicationStore,
        credentials: CredentialStore,
        *,
        usage: UsageReader,
        catalogue: Catalogue,
        clock: Clock,
    ) -> None:
        self._applications = applications
        self._credentials = credentials
        self._usage = usage
        self._catalogue = catalogue
        self._clock = clock

    async def list_connected(self, account: str) -> list[Connection]:
        """Every application that has or had rights on the account: running ones first, then by id."""
        by_application: dict[int, list[Credential]] = {}
        for credential in await self._credentials.list_credentials(account=account):
            by_application.setdefault(credential.application_id, []).append(credential)
        shown = {id_: self._shown(credentials) for id_, credentials in by_application.items()}
        uses = await self._usage.last_uses([credential.id for each in shown.values() for credential in each])
        connections = []
        for application_id, credentials in shown.items():
            application = await self._applications.find_application(application_id)
            connections.append(
                Connection(
                    application=application,
                    application_id=application_id,
                    owner_name="" if application is None else application.owner,
                    delegations=tuple(self._delegation(each, uses.get(each.id)) for each in credentials),
                )
            )
        return sorted(connections, key=lambda connection: (not connection.active, connection.application_id))

    async def list_credentials(
        self, account: str, *, application_id: int | None = None, status: str | None = None
    ) -> list[Credential]:
        """The account's credentials, by id. `status` is one of the wire's four states."""
        credentials = await self._credentials.list_credentials(account=account, application_id=application_id)
        now = self._clock()
        return [
            credential
            for credential in credentials
            if status is None or wire_state(credential.state, expires=credential.expires, now=now) == status
        ]

    async def find(self, account: str, credential_id: int) -> Credential | None:
        """That credential, when it is the account's."""
        credential = await self._credentials.find_credential(credential_id)
        return credential if credential is not None and credential.account == account else None

    async def find_application(self, account: str, credential_id: int) -> Application | None:
        """The application of one of the account's credentials; None also when it was deleted."""
        credential = await self.find(account, credential_id)
        return None if credential is None else await self._applications.find_application(credential.application_id)

    async def find_last_use(self, credential: Credential) -> LastUse | None:
        """When it was last used, as far as the gateways have reported."""
        return (await self._usage.last_uses([credential.id])).get(credential.id)

    async def revoke(self, account: str, credential_id: int, *, actor: str, address: str) -> bool:
        """Takes one delegation back. False when the account has no such running delegation."""
        credential = await self.find(account, credential_id)
        return credential is not None and await self._end([credential], actor=actor, address=address) == 1

    async def revoke_application(self, account: str, application_id: int, *, actor: str, address: str) -> int:
        """Takes back everything the account gave to one application. Answers how many delegations ended."""
        credentials = await self._credentials.list_credentials(account=account, application_id=application_id)
        return await self._end(credentials, actor=actor, address=address)

    async def revoke_all(self, account: str, *, actor: str, address: str) -> int:
        """Takes back everything the account gave. Answers how many delegations ended."""
        return await self._end(await self._credentials.list_credentials(account=account), actor=actor, address=address)

    async def log_out_credential(self, account: str, credential_id: int, *, actor: str, address: str) -> bool:
        """The application gives its own delegation up. False when the account has no such running delegation."""
        credential = await self.find(account, credential_id)
        if credential is None:
            return False
        return await self._end([credential], actor=actor, address=address, event=CredentialEvent.LOG_OUT) == 1

    async def set_allowed_networks(
        self, account: str, credential_id: int, networks: Sequence[Network] | None, *, actor: str, address: str
    ) -> bool:
        """Says from where the delegation may be used; None: from anywhere. False when the account has no such one."""
        credential = await self.find(account, credential_id)
        if credential is None:
            return False
        shown = "any" if networks is None else " ".join(str(network) for network in networks)
        audit = self._audit(credential, AuditEvent.CREDENTIAL_NETWORKS_CHANGED, actor=actor, address=address)
        audit.details["allowed_networks"] = shown
        return await self._credentials.set_allowed_networks(credential_id, networks, at=int(self._clock()), audit=audit)

    async def _end(
        self,
        credentials: Sequence[Credential],
        *,
        actor: str,
        address: str,
        event: CredentialEvent = CredentialEvent.REVOKE,
    ) -> int:
        running = [credential for credential in credentials if credential.state is CredentialState.VALIDATED]
        if not running:
            return 0
        told = AuditEvent.CREDENTIAL_REVOKED if event is CredentialEvent.REVOKE else AuditEvent.CREDENTIAL_LOGGED_OUT
        changed = await self._credentials.change_credentials(
            [credential.id for credential in running],
            event,
            at=int(self._clock()),
            audit=[self._audit(credential, told, actor=actor, address=address) for credential in running],
        )
        return len(changed)

    def _audit(self, credential: Credential, event: AuditEvent, *, actor: str, address: str) -> AuditEntry:
        return AuditEntry(
            account=credential.account,
            at=int(self._clock()),
            event=event,
            actor=actor,
            address=address,
            subject=f"credential:{credential.id}",
            details={"application_id": str(credential.application_id)},
        )

    def _is_active(self, credential: Credential) -> bool:
        state = wire_state(credential.state, expires=credential.expires, now=self._clock())
        return state == CredentialState.VALIDATED.value

    def _shown(self, credentials: Sequence[Credential]) -> list[Credential]:
        newest_first = sorted(credentials, key=lambda credential: -credential.id)
        active = [credential for credential in newest_first if self._is_active(credential)]
        ended = [credential for credential in newest_first if not self._is_active(credential)]
        return active + ended[:ENDED_SHOWN]

    def _delegation(self, credential: Credential, last_use: LastUse | None) -> Delegation:
        active = self._is_active(credential)
        return Delegation(
            credential=credential,
            rights=rights_in_words(credential.rules, self._catalogue),
            last_use=last_use,
            state_text=_state_text(credential, active=active),
            active=active,
        )


def _state_text(credential: Credential, *, active: bool) -> str:
    if active:
        return gettext("Suspended") if credential.suspended else gettext("Active")
    if credential.state is CredentialState.REFUSED:
        return gettext("Refused")
    if credential.state is CredentialState.REVOKED:
        return gettext("Taken back")
    return gettext("Expired")
