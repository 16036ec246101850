"""All flows in one place: what pages, the API and the command line are given. Wiring only; no rule lives here."""

from dataclasses import dataclass
from typing import Protocol

from mandat.authority.applications.own import Applications
from mandat.authority.applications.personal_keys import PersonalKeys
from mandat.authority.applications.registration import Registration
from mandat.authority.applications.secrets import ApplicationSecrets
from mandat.authority.catalogue import Catalogue
from mandat.authority.consent import Consent
from mandat.authority.delegations import Delegations
from mandat.authority.interfaces import (
    ApplicationStore,
    Clock,
    CredentialStore,
    Entropy,
    LoginAttempts,
    Passwords,
    PersonalKeyStore,
    RequestStore,
    SecretStore,
    SessionStore,
    UsageReader,
    UserStore,
)
from mandat.authority.login import Login
from mandat.authority.login_throttle import LoginPolicy
from mandat.authority.permission import PermissionDesk, RequestPolicy


class Stores(Protocol):
    """What a storage back end offers to the authority."""

    @property
    def users(self) -> UserStore: ...
    @property
    def sessions(self) -> SessionStore: ...
    @property
    def applications(self) -> ApplicationStore: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def requests(self) -> RequestStore: ...
    @property
    def credentials(self) -> CredentialStore: ...
    @property
    def personal_keys(self) -> PersonalKeyStore: ...
    @property
    def usage(self) -> UsageReader: ...
    @property
    def login_attempts(self) -> LoginAttempts: ...


@dataclass(frozen=True, slots=True)
class Authority:
    """The flows, the time they go by, and the randomness pages draw for the numbers of their forms."""

    login: Login
    registration: Registration
    permission: PermissionDesk
    consent: Consent
    personal_keys: PersonalKeys
    delegations: Delegations
    applications: Applications
    application_secrets: ApplicationSecrets
    catalogue: Catalogue
    clock: Clock
    entropy: Entropy

    async def close_account(self, account: str, *, actor: str, address: str) -> bool:
        """Takes back all the account's delegations, suspends its applications and closes its users.

        False when there is no open user of that account. What was ended before a failure stays ended; call again.
        """
        await self.delegations.revoke_all(account, actor=actor, address=address)
        for application in await self.applications.list_applications(account):
            await self.applications.suspend(account, application.id, actor=actor, address=address)
        return await self.login.close_account(account)

    async def prune(self) -> None:
        """Forgets what no longer counts: old sessions, failed logins, requests that expired long ago, ended secrets."""
        await self.login.prune()
        await self.application_secrets.prune()
        await self.permission.prune()


def make_authority(
    stores: Stores,
    *,
    passwords: Passwords,
    catalogue: Catalogue,
    clock: Clock,
    entropy: Entropy,
    login_policy: LoginPolicy | None = None,
    request_policy: RequestPolicy | None = None,
) -> Authority:
    """Puts the flows together over one storage."""
    applications = Applications(stores.applications, stores.credentials, clock=clock)
    login = Login(
        stores.users,
        stores.sessions,
        attempts=stores.login_attempts,
        passwords=passwords,
        clock=clock,
        entropy=entropy,
        policy=login_policy,
    )
    permission = PermissionDesk(
        stores.applications, stores.requests, clock=clock, entropy=entropy, policy=request_policy
    )
    consent = Consent(
        stores.applications, stores.requests, credentials=stores.credentials, catalogue=catalogue, clock=clock
    )
    personal_keys = PersonalKeys(
        stores.applications,
        stores.personal_keys,
        own=applications,
        credentials=stores.credentials,
        catalogue=catalogue,
        clock=clock,
        entropy=entropy,
    )
    delegations = Delegations(
        stores.applications, stores.credentials, usage=stores.usage, catalogue=catalogue, clock=clock
    )
    application_secrets = ApplicationSecrets(
        stores.applications, stores.secrets, usage=stores.usage, clock=clock, entropy=entropy
    )
    return Authority(
        login=login,
        registration=Registration(stores.applications, clock=clock, entropy=entropy),
        permission=permission,
        consent=consent,
        personal_keys=personal_keys,
        delegations=delegations,
        applications=applications,
        application_secrets=application_secrets,
        catalogue=catalogue,
        clock=clock,
        entropy=entropy,
    )
