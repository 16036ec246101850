"""The keys that each side holds, in memory. How they are written down: `storage.keys.documents`.

Two sets, so that a node which only enforces never holds what can mint a right (design.md 6).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Entropy = Callable[[int], bytes]
"""`entropy(size)` gives `size` unpredictable bytes."""

KEY_BYTES = 32
"""Ed25519 seeds, HMAC-SHA-256 and AES-256 keys are all this long."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """An AES-256-GCM key for application secrets. `id` stands in every row sealed with it."""

    id: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class EarlierSecret:
    """A secret of form tokens that was replaced. Tokens made with it are accepted until `until` (Unix seconds)."""

    secret: bytes = field(repr=False)
    until: int


@dataclass(frozen=True, slots=True)
class AuthorityKeys:
    """What the authority process holds. Keys are raw bytes; `sealing_keys` has the one to seal with last.

    While keys rotate (ADR 0008, 0011): `next_...` is about to replace the key of that name, and what `earlier_...` made
    is still accepted. What was replaced before stays in `retired_...`, for backups and the seals of history.
    """

    signing_key: bytes = field(repr=False)
    mac_key: bytes = field(repr=False)
    form_token_secret: bytes = field(repr=False)
    sealing_keys: tuple[SealingKey, ...]
    next_signing_key: bytes | None = field(default=None, repr=False)
    earlier_public_keys: tuple[bytes, ...] = ()
    retired_public_keys: tuple[bytes, ...] = ()
    retired_sealing_keys: tuple[SealingKey, ...] = ()
    next_mac_key: bytes | None = field(default=None, repr=False)
    earlier_mac_keys: tuple[bytes, ...] = field(default=(), repr=False)
    retired_mac_keys: tuple[bytes, ...] = field(default=(), repr=False)
    next_form_token_secret: bytes | None = field(default=None, repr=False)
    earlier_form_token_secrets: tuple[EarlierSecret, ...] = ()

    @property
    def public_key(self) -> bytes:
        """The Ed25519 key that verifies what `signing_key` signs (32 bytes)."""
        return public_key_of(self.signing_key)

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The keys whose signatures are accepted on rows, the current one first."""
        return (self.public_key, *self.earlier_public_keys)

    @property
    def all_public_keys(self) -> tuple[bytes, ...]:
        """Those, and the ones of former times: they signed seals of history that stay as they are."""
        return (*self.public_keys, *self.retired_public_keys)

    @property
    def mac_keys(self) -> tuple[bytes, ...]:
        """The keys whose MACs are accepted on rows, the one that makes them first."""
        following = () if self.next_mac_key is None else (self.next_mac_key,)
        return (self.mac_key, *self.earlier_mac_keys, *following)

    def form_token_secrets(self, at: float) -> list[bytes]:
        """The secrets whose form tokens are accepted at `at` (Unix seconds), the one that makes them last."""
        following = [] if self.next_form_token_secret is None else [self.next_form_token_secret]
        earlier = [each.secret for each in self.earlier_form_token_secrets if at < each.until]
        return [*following, *earlier, self.form_token_secret]


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """What every gateway holds. `assertion_key` is a raw Ed25519 private key; nothing here can sign a grant.

    While the authority's signing key rotates, `earlier_public_keys` verify the rows that it has not signed again yet.
    """

    authority_public_key: bytes
    sealing_keys: tuple[SealingKey, ...]
    assertion_key: bytes = field(repr=False)
    assertion_key_id: str
    earlier_public_keys: tuple[bytes, ...] = ()

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The keys whose signatures are accepted on rows, the current one first."""
        return (self.authority_public_key, *self.earlier_public_keys)

    @property
    def assertion_public_key(self) -> bytes:
        """What upstreams verify assertions with (32 bytes)."""
        return public_key_of(self.assertion_key)


def public_key_of(signing_key: bytes) -> bytes:
    """The Ed25519 key that verifies what `signing_key` signs (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(signing_key).public_key().public_bytes_raw()


def draw_key(entropy: Entropy) -> bytes:
    """A new key of the length all of ours have."""
    return entropy(KEY_BYTES)


def draw_sealing_key(entropy: Entropy) -> SealingKey:
    """A new key for application secrets."""
    return SealingKey(id=entropy(4).hex(), key=draw_key(entropy))
