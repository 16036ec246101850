"""What the authority's use cases need of the outside. Each interface has at most six methods and belongs here.

Laws that hold for every store:
- a method returns only after the change is durable, and everything one method changes is one transaction;
- `find_*` answers None for a miss, `get_*` raises; list methods answer in ascending order of id;
- a row whose signature or MAC does not verify raises `RecordTampered`, and other rows stay readable;
- anything the driver raises comes out as `StorageUnavailable`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

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
from mandat.core.credential import CredentialEvent, CredentialState
from mandat.core.grant import Network
from mandat.protocol.access_rule import AccessRule


class StorageUnavailable(Exception):
    """Storage did not answer or did not accept. Nothing was changed as far as can be known; the caller answers 503."""


class RecordTampered(Exception):
    """A stored row does not carry the authority's signature. The row must not be used."""


class Clock(Protocol):
    """The time, as Unix seconds with fraction."""

    def __call__(self) -> float: ...


class Entropy(Protocol):
    """`size` unpredictable bytes."""

    def __call__(self, size: int) -> bytes: ...


class Passwords(Protocol):
    """Argon2id, in a thread, two at a time (threats.md 3.6)."""

    async def hash(self, password: str) -> str:
        """The Argon2 string to store."""

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """False for a mismatch. None answers False after the same time, so that unknown logins cost as much."""


@dataclass(frozen=True, slots=True)
class LoginTaken:
    """The login exists already."""


@dataclass(frozen=True, slots=True)
class AccountTaken:
    """The account exists already, and joining it was not asked for."""


class UserStore(Protocol):
    """Accounts and the people who can log in to them."""

    async def add_user(
        self, *, login: str, account: str, role: Role, password_hash: str, at: int, address: str, joins: bool = False
    ) -> User | LoginTaken | AccountTaken:
        """Creates the account too when it does not exist yet. Logins are compared case-insensitively.

        An account that exists, closed ones included, is refused unless the user `joins` it.
        """

    async def find_user(self, login: str) -> User | None: ...

    async def find_user_by_id(self, user_id: int) -> User | None: ...

    async def set_password(self, user_id: int, password_hash: str, *, at: int) -> None: ...

    async def close_account(self, account: str, *, at: int) -> bool:
        """Closes every user of the account and ends their sessions. False when the account has no open user."""

    async def list_users(self) -> list[User]: ...


class SessionStore(Protocol):
    """Server-side sessions, revocable one by one and all at once."""

    async def add_session(self, session: Session) -> None: ...

    async def find_session(self, token_hash: bytes) -> Session | None: ...

    async def touch_session(self, token_hash: bytes, *, at: int) -> None: ...

    async def end_session(self, token_hash: bytes) -> None: ...

    async def end_sessions_of(self, user_id: int, *, except_token_hash: bytes | None = None) -> int:
        """How many were ended."""

    async def prune_sessions(self, *, idle_before: int, created_before: int) -> int: ...


class ApplicationStore(Protocol):
    """Registered applications. Secrets go in as text and are sealed by the store; they never come out here."""

    async def add_application(
        self, *, key: str, secret: str, name: str, description: str, owner: str, at: int, audit: AuditEntry
    ) -> Application: ...

    async def find_application(self, application_id: int) -> Application | None:
        """Deleted applications are not found."""

    async def find_application_by_key(self, key: str) -> Application | None: ...

    async def list_applications(self, *, owner: str | None) -> list[Application]:
        """All of one owner; of everybody with None."""

    async def set_application_status(
        self, application_id: int, status: ApplicationStatus, *, at: int, audit: AuditEntry
    ) -> bool:
        """False when it does not exist. Takes effect for the next call on this node."""

    async def delete_application(self, application_id: int, *, at: int, audit: AuditEntry) -> bool:
        """Revokes every validated credential of it in the same transaction. False when it does not exist."""


@dataclass(frozen=True, slots=True)
class TooManySecrets:
    """The application has as many secrets as it may have."""


class SecretStore(Protocol):
    """The secrets of an application: several may sign at once, so that they can be replaced without a failed call."""

    async def list_secrets(self, application_id: int) -> list[ApplicationSecret]:
        """Those stored, oldest first; one whose end has passed is among them until it is removed."""

    async def add_secret(
        self, application_id: int, secret: str, *, most: int, at: int, audit: AuditEntry
    ) -> ApplicationSecret | TooManySecrets | None:
        """A further secret; those whose end has passed do not count towards `most`.

        None when the application does not exist.
        """

    async def end_secret(
        self, application_id: int, secret_id: int, *, ends: int, at: int, audit: AuditEntry
    ) -> ApplicationSecret | None:
        """Lets it sign until `ends`; removes it when that is not after `at`.

        None, and nothing changes: there is no such secret, or no other one without an end would be left.
        """

    async def remove_ended_secrets(self, *, at: int) -> int:
        """Forgets those whose end has passed; answers how many."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """How many unanswered requests may wait at once: per (address, application), then per application."""

    per_address: int
    per_application: int


@dataclass(frozen=True, slots=True)
class TooManyRequests:
    """A limit is reached; `scope` is "address" or "application"."""

    scope: str


class RequestStore(Protocol):
    """Permission requests that wait for an answer."""

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
    ) -> PermissionRequest | TooManyRequests: ...

    async def find_request(self, token_hash: bytes) -> PermissionRequest | None:
        """An expired one is still found until it is pruned; an answered one is not."""

    async def forget_request(self, request_id: int) -> None:
        """Called after the answer is durable in `CredentialStore`; forgetting twice is harmless."""

    async def prune_requests(self, *, expired_before: int) -> int: ...


@dataclass(frozen=True, slots=True)
class AlreadyAnswered:
    """Somebody else was first. `credential` is what that answer made."""

    credential: Credential


@dataclass(frozen=True, slots=True)
class PersonalKeyAudit:
    """The two lines of history for `PersonalKeyStore`."""

    registered: AuditEntry
    confirmed: AuditEntry


class CredentialStore(Protocol):
    """Answered delegations. One winner: the consumer key hash is unique, state changes are conditional updates."""

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
        """Writes a VALIDATED or REFUSED credential, its audit row and its entry in `grant_changes`: one transaction.

        Raises StorageUnavailable also when the application was deleted meanwhile (`ApplicationGone`, a subclass).
        """

    async def find_credential(self, credential_id: int) -> Credential | None: ...

    async def find_answer(self, request_token_hash: bytes) -> Credential | None:
        """The credential that an answered request became."""

    async def list_credentials(
        self, *, account: str | None = None, application_id: int | None = None
    ) -> list[Credential]:
        """Filters are joined by AND. REFUSED ones are included."""

    async def change_credentials(
        self, credential_ids: Sequence[int], event: CredentialEvent, *, at: int, audit: Sequence[AuditEntry]
    ) -> list[int]:
        """Applies `event` to each that is in a state with that edge; answers the ids that changed. One transaction.

        `audit` has one entry per credential id, in the same order; only those that changed are written.
        """

    async def set_allowed_networks(
        self, credential_id: int, networks: Sequence[Network] | None, *, at: int, audit: AuditEntry
    ) -> bool: ...


class PersonalKeyStore(Protocol):
    """An application and a delegation to it that come into being together, or not at all."""

    async def add_personal_keys(
        self, application: NewApplication, credential: NewCredential, *, at: int, audit: PersonalKeyAudit
    ) -> tuple[Application, Credential]:
        """Writes both, their lines of history and their entries in the change log in one transaction."""


class ApplicationGone(StorageUnavailable):
    """The application was deleted while the answer was on its way."""


class UsageReader(Protocol):
    """What the gateways reported."""

    async def last_uses(self, credential_ids: Sequence[int]) -> dict[int, LastUse]:
        """Only those that were used have an entry."""

    async def last_secret_uses(self, secret_ids: Sequence[int]) -> dict[int, SecretUse]:
        """Only those that signed a permitted call have an entry."""


class AuditReader(Protocol):
    """The history of an account."""

    async def list_audit(self, account: str, *, limit: int) -> list[AuditEntry]:
        """Newest first."""


class LoginAttempts(Protocol):
    """Failed logins, per login and per address, for throttling; survives a restart."""

    async def failures_since(self, *, login: str, address: str, since: int) -> tuple[int, int]:
        """(failures of the login, failures from the address)."""

    async def note_failure(self, *, login: str, address: str, at: int) -> None: ...

    async def forget_failures(self, *, login: str) -> None:
        """After a successful login."""

    async def prune_failures(self, *, before: int) -> int: ...
