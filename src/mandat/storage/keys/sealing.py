"""How rows are protected: signed, authenticated, sealed. What goes into a signature is said by `core.grant_bytes`.

- The authority *signs* grants and applications (Ed25519); enforcement verifies with the public key and cannot sign.
- The authority *authenticates* what only it reads (HMAC-SHA-256 over a canonical encoding).
- Application secrets are *sealed* (AES-256-GCM); the application's id and the key's id are associated data, so that a
  sealed secret moved to another row does not open.

A whole row put back to an earlier state is not noticed here (design.md 6); `storage.operations.verify` finds it.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mandat.storage.keys.keyrings import SealingKey

_NONCE_BYTES = 12
"""The nonce length of AES-GCM (NIST SP 800-38D, 8.2.2: random nonces, far below 2**32 seals for each key)."""

Field = str | bytes | int | bool | None


def canonical(label: str, *fields: Field) -> bytes:
    """`fields` as bytes, such that different fields never give equal bytes: each has its type and its length in front.

    `label` names the kind of record, so that a MAC made for one kind never passes for another.
    """
    return b"".join(map(_encoded, (label, *fields)))


def _encoded(value: Field) -> bytes:
    match value:
        case None:
            return b"n;"
        case bool():
            return b"t;" if value else b"f;"
        case int():
            return b"i%d;" % value
        case bytes():
            return b"b%d:%s;" % (len(value), value)
        case str():
            text = value.encode("utf-8", "surrogatepass")
            return b"s%d:%s;" % (len(text), text)
        case _:
            raise TypeError(f"no canonical form for {type(value).__name__}")


class RowMac:
    """Makes and checks the authority's MACs (32 bytes).

    Several keys are accepted while MACs are made anew with the first of them.

    Args:
        mac_keys: the one that makes MACs first.
        look_again: called when no key fits; it calls `use` if there are newer keys. Never for a row that fits.
    """

    def __init__(self, *mac_keys: bytes, look_again: Callable[[], object] = lambda: None) -> None:
        self._keys = mac_keys
        self._look_again = look_again

    def use(self, *mac_keys: bytes) -> None:
        """Makes MACs with the first of these from now on, and accepts those of all."""
        self._keys = mac_keys

    def make(self, label: str, *fields: Field) -> bytes:
        """The MAC of a record of kind `label`."""
        return hmac.digest(self._keys[0], canonical(label, *fields), "sha256")

    def check(self, mac: bytes | None, label: str, *fields: Field) -> bool:
        """True when `mac` was made over exactly these fields. Constant time; False for anything that is not bytes."""
        if not isinstance(mac, bytes):
            return False
        message, keys = canonical(label, *fields), self._keys
        if _fits(mac, message, keys):
            return True
        self._look_again()
        return self._keys is not keys and _fits(mac, message, self._keys)

    def is_current(self, mac: bytes, label: str, *fields: Field) -> bool:
        """True when the key that makes MACs now made this one."""
        return _fits(mac, canonical(label, *fields), self._keys[:1])


def _fits(mac: bytes, message: bytes, keys: Sequence[bytes]) -> bool:
    return any(hmac.compare_digest(mac, hmac.digest(key, message, "sha256")) for key in keys)


class RowSigner:
    """Signs as the authority. Ed25519, 64 bytes, about 70 us."""

    def __init__(self, signing_key: bytes) -> None:
        self.use(signing_key)

    def use(self, signing_key: bytes) -> None:
        """Signs with this key from now on."""
        self._key = Ed25519PrivateKey.from_private_bytes(signing_key)

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`."""
        return self._key.sign(message)


class RowVerifier:
    """Checks what the authority signed. About 130 us, hence once for each row that is loaded.

    Several keys are accepted while signatures are made anew with the first of them.
    """

    def __init__(self, *public_keys: bytes) -> None:
        self.use(*public_keys)

    def use(self, *public_keys: bytes) -> None:
        """Accepts the signatures of these keys from now on."""
        self._keys = [Ed25519PublicKey.from_public_bytes(key) for key in public_keys]

    def check(self, signature: object, message: bytes) -> bool:
        """True when the authority signed exactly `message`."""
        if not isinstance(signature, bytes):
            return False
        for key in self._keys:
            try:
                key.verify(signature, message)
            except InvalidSignature:
                continue
            return True
        return False


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """An application secret as stored: `sealed` is nonce, ciphertext and tag."""

    key_id: str
    sealed: bytes


class Unsealer:
    """Opens sealed application secrets."""

    def __init__(self, keys: Sequence[SealingKey]) -> None:
        self._ciphers = {key.id: AESGCM(key.key) for key in keys}

    def unseal(self, secret: SealedSecret, *, application_id: int) -> bytes | None:
        """The secret. None when it was sealed for another application or with an unknown key, or was altered."""
        cipher = self._ciphers.get(secret.key_id)
        if cipher is None:
            return None
        nonce, ciphertext = secret.sealed[:_NONCE_BYTES], secret.sealed[_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, ciphertext, _bound_to(application_id, secret.key_id))
        except (InvalidTag, ValueError):
            return None


class Sealer:
    """Seals application secrets with the newest key."""

    def __init__(self, keys: Sequence[SealingKey], entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self.use(keys)

    def use(self, keys: Sequence[SealingKey]) -> None:
        """Seals with the newest of these from now on."""
        self._newest = keys[-1]
        self._cipher = AESGCM(self._newest.key)

    def seal(self, secret: str, *, application_id: int) -> SealedSecret:
        """Seals `secret` for one application."""
        nonce = self._entropy(_NONCE_BYTES)
        bound = _bound_to(application_id, self._newest.id)
        return SealedSecret(self._newest.id, nonce + self._cipher.encrypt(nonce, secret.encode(), bound))


def _bound_to(application_id: int, key_id: str) -> bytes:
    return canonical("application secret", application_id, key_id)
