"""Sealing what must not be read from a stolen database: the application secret and consumer keys.

AES-256-GCM with one key in a file beside the database, readable by its owner only. What a value belongs to is bound to
it as associated data, so that a sealed key moved to another row does not open. Source: NIST SP 800-38D; threats.md 2.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
_NONCE_BYTES = 12


class VaultBroken(Exception):
    """A sealed value does not open: wrong key file, or the row was changed by somebody else."""


class Vault:
    """Seals and opens.

    Args:
        key: KEY_BYTES bytes.
        entropy: gives unpredictable bytes.

    Raises:
        ValueError: a key of another length.
    """

    def __init__(self, key: bytes, *, entropy: Callable[[int], bytes]) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a vault key has {KEY_BYTES} bytes")
        self._key = key
        self._cipher = AESGCM(key)
        self._entropy = entropy

    def seal(self, text: str, *belongs_to: str | int) -> bytes:
        """Nonce and ciphertext."""
        nonce = self._entropy(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), _associated(belongs_to))

    def open(self, sealed: bytes, *belongs_to: str | int) -> str:
        """The text again.

        Raises:
            VaultBroken: see the class.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _associated(belongs_to)).decode()
        except (InvalidTag, ValueError):
            raise VaultBroken("a sealed value does not open with this key file") from None

    def derive(self, purpose: str) -> bytes:
        """32 bytes for another purpose, from which the key cannot be found. Source: RFC 5869."""
        return HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(self._key)


def _associated(belongs_to: tuple[str | int, ...]) -> bytes:
    return json.dumps(belongs_to).encode()


def read_key_file(path: Path) -> bytes | None:
    """The key, or None when there is no such file. Raises OSError when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def create_key_file(path: Path, entropy: Callable[[int], bytes]) -> bytes:
    """Makes the file, readable by its owner only, and durable before anything is sealed with it."""
    key = entropy(KEY_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    return key
