"""What enforcement reads: a grant and the application that may use it. Values only.

A `Grant` is the enforcement side of a credential. The authority signs `grant_bytes(...)` when it writes the row;
enforcement verifies that signature when it loads the row and never trusts the columns alone (design.md 6).
"""

from dataclasses import dataclass

from mandat.core.credential import CredentialState
from mandat.core.rules import RuleSet
from mandat.protocol.networks import Network

__all__ = ["Grant", "KnownApplication", "Network"]


@dataclass(frozen=True, slots=True)
class KnownApplication:
    """An application as enforcement knows it.

    `secrets` are the application secrets that may sign now, newest last, as ASCII bytes, already unsealed.
    `active` is False when the operator or the owner suspended it. `strict` takes away the replay grace (design.md 4).
    `secret_ids` names the secrets in reports of use, in the same order. `secret_ends` says until when each may sign
    (Unix seconds, None: without an end); empty when none has an end.
    """

    id: int
    key: str
    active: bool
    strict: bool
    secrets: tuple[bytes, ...]
    secret_ids: tuple[int, ...] = ()
    secret_ends: tuple[int | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """A credential as enforcement knows it. Times are Unix seconds; `expires` None means unlimited.

    `account` is empty while the credential is pending. `allowed_networks` None means any address.
    """

    credential_id: int
    application_id: int
    consumer_key_hash: bytes
    account: str
    state: CredentialState
    suspended: bool
    rules: RuleSet
    allowed_networks: tuple[Network, ...] | None
    created: int
    expires: int | None
