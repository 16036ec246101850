"""The authority's stores in memory, with the laws of `authority.interfaces`: one winner, audit with the change.

Each method first lets other tasks run, as a database would, so that races between flows happen here too. Set `broken`
to make every method raise StorageUnavailable.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mandat.authority.interfaces import (
    AccountTaken,
    AlreadyAnswered,
    ApplicationGone,
    LoginTaken,
    PersonalKeyAudit,
    RequestLimits,
    StorageUnavailable,
    TooManyRequests,
    TooManySecrets,
)
from mandat.authority.values import (
    Application,
    ApplicationSecret,
    ApplicationStatus,
    AuditEntry,
    Credential,
    LastUse,
    NewApplication,
    NewCredential,
    PermissionRequest,
    Role,
    SecretUse,
    Session,
    User,
)
from mandat.core.credential import CredentialEvent, CredentialState, next_state
from mandat.core.grant import Network
from mandat.protocol.access_rule import AccessRule


@dataclass
class Health:
    """Shared by all stores of one memory. `failing` names methods that raise; `broken` means all of them."""

    broken: bool = False
    failing: set[str] = field(default_factory=set)

    async def pass_through(self, method: str) -> None:
        """One turn of the loop, then the fault if there is one."""
        await asyncio.sleep(0)
        if self.broken or method in self.failing:
            raise StorageUnavailable(method)


class MemoryUsers:
    """`UserStore`."""

    def __init__(self, health: Health, sessions: "MemorySessions") -> None:
        self._health = health
        self._sessions = sessions
        self.rows: dict[int, User] = {}

    async def add_user(
        self, *, login: str, account: str, role: Role, password_hash: str, at: int, address: str, joins: bool = False
    ) -> User | LoginTaken | AccountTaken:
        await self._health.pass_through("add_user")
        if not joins and any(user.account == account for user in self.rows.values()):
            return AccountTaken()
        if any(user.login.lower() == login.lower() for user in self.rows.values()):
            return LoginTaken()
        user = User(len(self.rows) + 1, login, account, role, password_hash, at, closed=False)
        self.rows[user.id] = user
        return user

    async def find_user(self, login: str) -> User | None:
        await self._health.pass_through("find_user")
        return next((user for user in self.rows.values() if user.login.lower() == login.lower()), None)

    async def find_user_by_id(self, user_id: int) -> User | None:
        await self._health.pass_through("find_user_by_id")
        return self.rows.get(user_id)

    async def set_password(self, user_id: int, password_hash: str, *, at: int) -> None:
        await self._health.pass_through("set_password")
        self.rows[user_id] = replace(self.rows[user_id], password_hash=password_hash)

    async def close_account(self, account: str, *, at: int) -> bool:
        await self._health.pass_through("close_account")
        open_users = [user for user in self.rows.values() if user.account == account and not user.closed]
        for user in open_users:
            self.rows[user.id] = replace(user, closed=True)
            self._sessions.drop_user(user.id)
        return bool(open_users)

    async def list_users(self) -> list[User]:
        await self._health.pass_through("list_users")
        return list(self.rows.values())


class MemorySessions:
    """`SessionStore`."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self.rows: dict[bytes, Session] = {}

    async def add_session(self, session: Session) -> None:
        await self._health.pass_through("add_session")
        self.rows[session.token_hash] = session

    async def find_session(self, token_hash: bytes) -> Session | None:
        await self._health.pass_through("find_session")
        return self.rows.get(token_hash)

    async def touch_session(self, token_hash: bytes, *, at: int) -> None:
        await self._health.pass_through("touch_session")
        if token_hash in self.rows:
            self.rows[token_hash] = replace(self.rows[token_hash], last_seen=at)

    async def end_session(self, token_hash: bytes) -> None:
        await self._health.pass_through("end_session")
        self.rows.pop(token_hash, None)

    async def end_sessions_of(self, user_id: int, *, except_token_hash: bytes | None = None) -> int:
        await self._health.pass_through("end_sessions_of")
        return self.drop_user(user_id, except_token_hash=except_token_hash)

    async def prune_sessions(self, *, idle_before: int, created_before: int) -> int:
        await self._health.pass_through("prune_sessions")
        old = [row for row in self.rows.values() if row.last_seen < idle_before or row.created < created_before]
        for row in old:
            del self.rows[row.token_hash]
        return len(old)

    def drop_user(self, user_id: int, *, except_token_hash: bytes | None = None) -> int:
        """At once, as part of another change."""
        ended = [row for row in self.rows.values() if row.user_id == user_id and row.token_hash != except_token_hash]
        for row in ended:
            del self.rows[row.token_hash]
        return len(ended)


class MemoryApplications:
    """`ApplicationStore`. `secrets` shows what would have been sealed."""

    def __init__(self, health: Health, audit: list[AuditEntry], credentials: "MemoryCredentials") -> None:
        self._health = health
        self._audit = audit
        self._credentials = credentials
        self.rows: dict[int, Application] = {}
        self.secrets: dict[int, str] = {}
        self.secret_rows: dict[int, ApplicationSecret] = {}
        self._last_id = 0

    async def add_application(
        self, *, key: str, secret: str, name: str, description: str, owner: str, at: int, audit: AuditEntry
    ) -> Application:
        await self._health.pass_through("add_application")
        return self.insert(NewApplication(key, secret, name, description, owner), at=at, audit=audit)

    def insert(self, new: NewApplication, *, at: int, audit: AuditEntry) -> Application:
        """At once, as part of a change."""
        self._last_id += 1
        made = Application(
            self._last_id,
            new.key,
            new.name,
            new.description,
            new.owner,
            ApplicationStatus.ACTIVE,
            strict=False,
            created=at,
        )
        self.rows[made.id], self.secrets[made.id] = made, new.secret
        self.keep_secret(made.id, at=at)
        self._audit.append(audit)
        return made

    async def find_application(self, application_id: int) -> Application | None:
        await self._health.pass_through("find_application")
        return self.rows.get(application_id)

    async def find_application_by_key(self, key: str) -> Application | None:
        await self._health.pass_through("find_application_by_key")
        return next((row for row in self.rows.values() if row.key == key), None)

    async def list_applications(self, *, owner: str | None) -> list[Application]:
        await self._health.pass_through("list_applications")
        return [row for row in self.rows.values() if owner in {None, row.owner}]

    async def set_application_status(
        self, application_id: int, status: ApplicationStatus, *, at: int, audit: AuditEntry
    ) -> bool:
        await self._health.pass_through("set_application_status")
        if application_id not in self.rows:
            return False
        self.rows[application_id] = replace(self.rows[application_id], status=status)
        self._audit.append(audit)
        return True

    async def delete_application(self, application_id: int, *, at: int, audit: AuditEntry) -> bool:
        await self._health.pass_through("delete_application")
        if self.rows.pop(application_id, None) is None:
            return False
        self._credentials.revoke_application(application_id)
        self._audit.append(audit)
        return True

    def keep_secret(self, application_id: int, *, at: int) -> ApplicationSecret:
        """At once, as part of another change."""
        made = ApplicationSecret(max(self.secret_rows, default=0) + 1, application_id, at, ends=None)
        self.secret_rows[made.id] = made
        return made


class MemorySecrets:
    """`SecretStore`."""

    def __init__(self, health: Health, audit: list[AuditEntry], applications: MemoryApplications) -> None:
        self._health = health
        self._audit = audit
        self._applications = applications

    async def list_secrets(self, application_id: int) -> list[ApplicationSecret]:
        await self._health.pass_through("list_secrets")
        if application_id not in self._applications.rows:
            return []
        return [row for row in self._applications.secret_rows.values() if row.application_id == application_id]

    async def add_secret(
        self, application_id: int, secret: str, *, most: int, at: int, audit: AuditEntry
    ) -> ApplicationSecret | TooManySecrets | None:
        usable = [row for row in await self.list_secrets(application_id) if row.ends is None or row.ends > at]
        if application_id not in self._applications.rows:
            return None
        if len(usable) >= most:
            return TooManySecrets()
        self._audit.append(audit)
        return self._applications.keep_secret(application_id, at=at)

    async def end_secret(
        self, application_id: int, secret_id: int, *, ends: int, at: int, audit: AuditEntry
    ) -> ApplicationSecret | None:
        stored = {row.id: row for row in await self.list_secrets(application_id)}
        lasting = [row for row in stored.values() if row.ends is None and row.id != secret_id]
        if secret_id not in stored or not lasting:
            return None
        ended = replace(stored[secret_id], ends=ends)
        self._applications.secret_rows[secret_id] = ended
        if ends <= at:
            del self._applications.secret_rows[secret_id]
        self._audit.append(audit)
        return ended

    async def remove_ended_secrets(self, *, at: int) -> int:
        await self._health.pass_through("remove_ended_secrets")
        rows = self._applications.secret_rows
        ended = [row.id for row in rows.values() if row.ends is not None and row.ends <= at]
        for secret_id in ended:
            del rows[secret_id]
        return len(ended)


class MemoryRequests:
    """`RequestStore`."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self.rows: dict[int, PermissionRequest] = {}
        self._last_id = 0

    async def add_request(
        self,
        *,
        application_id: int,
        consumer_key_hash: bytes,
        token_hash: bytes,
        rules: Sequence[AccessRule],
        redirection: str | None,
        allowed_networks: Sequence[Network] | None,
        address: str,
        at: int,
        expires: int,
        limits: RequestLimits,
    ) -> PermissionRequest | TooManyRequests:
        await self._health.pass_through("add_request")
        waiting = [row for row in self.rows.values() if row.application_id == application_id and row.expires > at]
        if sum(row.address == address for row in waiting) >= limits.per_address:
            return TooManyRequests("address")
        if len(waiting) >= limits.per_application:
            return TooManyRequests("application")
        self._last_id += 1
        made = PermissionRequest(
            id=self._last_id,
            application_id=application_id,
            consumer_key_hash=consumer_key_hash,
            token_hash=token_hash,
            rules=tuple(rules),
            redirection=redirection,
            allowed_networks=None if allowed_networks is None else tuple(allowed_networks),
            address=address,
            created=at,
            expires=expires,
        )
        self.rows[made.id] = made
        return made

    async def find_request(self, token_hash: bytes) -> PermissionRequest | None:
        await self._health.pass_through("find_request")
        return next((row for row in self.rows.values() if row.token_hash == token_hash), None)

    async def forget_request(self, request_id: int) -> None:
        await self._health.pass_through("forget_request")
        self.rows.pop(request_id, None)

    async def prune_requests(self, *, expired_before: int) -> int:
        await self._health.pass_through("prune_requests")
        old = [row.id for row in self.rows.values() if row.expires < expired_before]
        for request_id in old:
            del self.rows[request_id]
        return len(old)


class MemoryCredentials:
    """`CredentialStore`. `gone_applications` are refused as if they had been deleted meanwhile."""

    def __init__(self, health: Health, audit: list[AuditEntry]) -> None:
        self._health = health
        self._audit = audit
        self.rows: dict[int, Credential] = {}
        self.gone_applications: set[int] = set()

    async def answer_request(
        self,
        request: PermissionRequest,
        *,
        account: str,
        user_id: int,
        state: CredentialState,
        at: int,
        expires: int | None,
        audit: AuditEntry,
    ) -> Credential | AlreadyAnswered:
        await self._health.pass_through("answer_request")
        if request.application_id in self.gone_applications:
            raise ApplicationGone(str(request.application_id))
        earlier = self._answer_to(request.token_hash)
        if earlier is not None:
            return AlreadyAnswered(earlier)
        made = Credential(
            id=len(self.rows) + 1,
            application_id=request.application_id,
            account=account,
            user_id=user_id,
            consumer_key_hash=request.consumer_key_hash,
            request_token_hash=request.token_hash,
            state=state,
            suspended=False,
            rules=request.rules,
            allowed_networks=request.allowed_networks,
            created=at,
            expires=expires,
        )
        self.rows[made.id] = made
        self._audit.append(audit)
        return made

    def insert(self, new: NewCredential, application_id: int, *, at: int, audit: AuditEntry) -> Credential:
        """At once, as part of a change."""
        made = Credential(
            id=len(self.rows) + 1,
            application_id=application_id,
            account=new.account,
            user_id=new.user_id,
            consumer_key_hash=new.consumer_key_hash,
            request_token_hash=new.request_token_hash,
            state=CredentialState.VALIDATED,
            suspended=False,
            rules=new.rules,
            allowed_networks=new.allowed_networks,
            created=at,
            expires=new.expires,
        )
        self.rows[made.id] = made
        self._audit.append(audit)
        return made

    async def find_credential(self, credential_id: int) -> Credential | None:
        await self._health.pass_through("find_credential")
        return self.rows.get(credential_id)

    async def find_answer(self, request_token_hash: bytes) -> Credential | None:
        await self._health.pass_through("find_answer")
        return self._answer_to(request_token_hash)

    async def list_credentials(
        self, *, account: str | None = None, application_id: int | None = None
    ) -> list[Credential]:
        await self._health.pass_through("list_credentials")
        return [
            row
            for row in self.rows.values()
            if account in {None, row.account} and application_id in {None, row.application_id}
        ]

    async def change_credentials(
        self, credential_ids: Sequence[int], event: CredentialEvent, *, at: int, audit: Sequence[AuditEntry]
    ) -> list[int]:
        await self._health.pass_through("change_credentials")
        changed = []
        for credential_id, entry in zip(credential_ids, audit, strict=True):
            row = self.rows.get(credential_id)
            state = next_state(row.state, event) if row is not None else None
            if row is not None and state is not None:
                self.rows[credential_id] = replace(row, state=state)
                self._audit.append(entry)
                changed.append(credential_id)
        return changed

    async def set_allowed_networks(
        self, credential_id: int, networks: Sequence[Network] | None, *, at: int, audit: AuditEntry
    ) -> bool:
        await self._health.pass_through("set_allowed_networks")
        if credential_id not in self.rows:
            return False
        allowed = None if networks is None else tuple(networks)
        self.rows[credential_id] = replace(self.rows[credential_id], allowed_networks=allowed)
        self._audit.append(audit)
        return True

    def revoke_application(self, application_id: int) -> None:
        """At once, as part of a deletion."""
        for row in list(self.rows.values()):
            if row.application_id == application_id and row.state is CredentialState.VALIDATED:
                self.rows[row.id] = replace(row, state=CredentialState.REVOKED)

    def _answer_to(self, request_token_hash: bytes) -> Credential | None:
        return next((row for row in self.rows.values() if row.request_token_hash == request_token_hash), None)


class MemoryPersonalKeys:
    """`PersonalKeyStore`: both records at once, over the two stores."""

    def __init__(self, health: Health, applications: MemoryApplications, credentials: MemoryCredentials) -> None:
        self._health = health
        self._applications = applications
        self._credentials = credentials

    async def add_personal_keys(
        self, application: NewApplication, credential: NewCredential, *, at: int, audit: PersonalKeyAudit
    ) -> tuple[Application, Credential]:
        await self._health.pass_through("add_personal_keys")
        made = self._applications.insert(application, at=at, audit=audit.registered)
        return made, self._credentials.insert(credential, made.id, at=at, audit=audit.confirmed)


class MemoryUsage:
    """`UsageReader`; put into `rows` what the gateways would have reported."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self.rows: dict[int, LastUse] = {}
        self.secret_rows: dict[int, SecretUse] = {}

    async def last_uses(self, credential_ids: Sequence[int]) -> dict[int, LastUse]:
        await self._health.pass_through("last_uses")
        return {id_: self.rows[id_] for id_ in credential_ids if id_ in self.rows}

    async def last_secret_uses(self, secret_ids: Sequence[int]) -> dict[int, SecretUse]:
        await self._health.pass_through("last_secret_uses")
        return {id_: self.secret_rows[id_] for id_ in secret_ids if id_ in self.secret_rows}


class MemoryLoginAttempts:
    """`LoginAttempts`."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self.rows: list[tuple[str, str, int]] = []

    async def failures_since(self, *, login: str, address: str, since: int) -> tuple[int, int]:
        await self._health.pass_through("failures_since")
        recent = [row for row in self.rows if row[2] >= since]
        return sum(row[0] == login.lower() for row in recent), sum(row[1] == address for row in recent)

    async def note_failure(self, *, login: str, address: str, at: int) -> None:
        await self._health.pass_through("note_failure")
        self.rows.append((login.lower(), address, at))

    async def forget_failures(self, *, login: str) -> None:
        await self._health.pass_through("forget_failures")
        self.rows = [row for row in self.rows if row[0] != login.lower()]

    async def prune_failures(self, *, before: int) -> int:
        await self._health.pass_through("prune_failures")
        kept = [row for row in self.rows if row[2] >= before]
        pruned = len(self.rows) - len(kept)
        self.rows = kept
        return pruned


class MemoryStores:
    """All stores of one authority. `audit` is everything that was written, oldest first."""

    def __init__(self) -> None:
        self.health = Health()
        self.audit: list[AuditEntry] = []
        self.sessions = MemorySessions(self.health)
        self.users = MemoryUsers(self.health, self.sessions)
        self.credentials = MemoryCredentials(self.health, self.audit)
        self.applications = MemoryApplications(self.health, self.audit, self.credentials)
        self.secrets = MemorySecrets(self.health, self.audit, self.applications)
        self.requests = MemoryRequests(self.health)
        self.personal_keys = MemoryPersonalKeys(self.health, self.applications, self.credentials)
        self.usage = MemoryUsage(self.health)
        self.login_attempts = MemoryLoginAttempts(self.health)
