"""The records the authority works with. Frozen values; all times are Unix seconds, all hashes SHA-256 (32 bytes)."""

from dataclasses import dataclass
from enum import StrEnum

from mandat.core.credential import CredentialState
from mandat.core.grant import Network
from mandat.protocol.access_rule import AccessRule


class Role(StrEnum):
    """What a user may do on the pages. Every user is a customer of his own account; the others come on top."""

    CUSTOMER = "customer"
    DEVELOPER = "developer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can log in. `account` is the provider's account id; an account may have several users.

    `password_hash` is an Argon2 string. `closed` users cannot log in.
    """

    id: int
    login: str
    account: str
    role: Role
    password_hash: str
    created: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A logged-in browser. Only the hash of its token is stored."""

    token_hash: bytes
    user_id: int
    created: int
    last_seen: int
    address: str


class ApplicationStatus(StrEnum):
    """As on the wire (wire.md 2). Only `active` and `trusted` applications may be used."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    BLOCKED = "blocked"
    TRUSTED = "trusted"


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application. `owner` is the account of the developer. The secret is not here, it stays sealed."""

    id: int
    key: str
    name: str
    description: str
    owner: str
    status: ApplicationStatus
    strict: bool
    created: int


@dataclass(frozen=True, slots=True)
class ApplicationSecret:
    """One secret an application may sign with; the secret itself stays sealed. `ends` None: without an end."""

    id: int
    application_id: int
    created: int
    ends: int | None


@dataclass(frozen=True, slots=True)
class NewApplication:
    """An application about to be registered. `secret` is sealed by the store."""

    key: str
    secret: str
    name: str
    description: str
    owner: str


@dataclass(frozen=True, slots=True)
class PermissionRequest:
    """A question that waits for a customer's answer. Keys are stored as hashes only.

    `redirection` is what the application sent, to the letter, or None. `allowed_networks` None means any address.
    `address` is where the request came from.
    """

    id: int
    application_id: int
    consumer_key_hash: bytes
    token_hash: bytes
    rules: tuple[AccessRule, ...]
    redirection: str | None
    allowed_networks: tuple[Network, ...] | None
    address: str
    created: int
    expires: int


@dataclass(frozen=True, slots=True)
class Credential:
    """The record of a delegation that was answered. `expires` None means unlimited."""

    id: int
    application_id: int
    account: str
    user_id: int
    consumer_key_hash: bytes
    request_token_hash: bytes
    state: CredentialState
    suspended: bool
    rules: tuple[AccessRule, ...]
    allowed_networks: tuple[Network, ...] | None
    created: int
    expires: int | None


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A delegation that its customer grants without having been asked. `expires` None means unlimited."""

    account: str
    user_id: int
    consumer_key_hash: bytes
    request_token_hash: bytes
    rules: tuple[AccessRule, ...]
    allowed_networks: tuple[Network, ...] | None
    expires: int | None


@dataclass(frozen=True, slots=True)
class LastUse:
    """When and from where a credential was last used, and how often in all."""

    at: int
    address: str
    calls: int


@dataclass(frozen=True, slots=True)
class SecretUse:
    """When an application secret signed last, and how often in all."""

    at: int
    calls: int


class AuditEvent(StrEnum):
    """What an account's history tells (docs/reference/audit.md). The values are stored and never change."""

    APPLICATION_REGISTERED = "application.registered"
    APPLICATION_SUSPENDED = "application.suspended"
    APPLICATION_RESUMED = "application.resumed"
    APPLICATION_DELETED = "application.deleted"
    APPLICATION_SECRET_ADDED = "application.secret_added"  # noqa: S105 - a word, not a password
    APPLICATION_SECRET_ENDED = "application.secret_ended"  # noqa: S105
    CREDENTIAL_CONFIRMED = "credential.confirmed"
    CREDENTIAL_REFUSED = "credential.refused"
    CREDENTIAL_REVOKED = "credential.revoked"
    CREDENTIAL_LOGGED_OUT = "credential.logged_out"
    CREDENTIAL_NETWORKS_CHANGED = "credential.networks_changed"
    CREDENTIAL_FORGOTTEN = "credential.forgotten"
    PERSONAL_DATA_ERASED = "account.personal_data_erased"
    INSTALLATION_RESTORED = "installation.restored"
    KEYS_ROTATED = "keys.rotated"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of an account's history. `details` is flat text to text and never holds a secret.

    `event` is an `AuditEvent` when written here; text when read back, so that old rows stay readable.
    `actor` says who did it: "user:LOGIN", "application:KEY", "operator", "system".
    """

    account: str
    at: int
    event: str
    actor: str
    address: str
    subject: str
    details: dict[str, str]


def is_usable(application: Application) -> bool:
    """May this application ask for rights and be granted them? Suspended ones may not."""
    return application.status in {ApplicationStatus.ACTIVE, ApplicationStatus.TRUSTED}
