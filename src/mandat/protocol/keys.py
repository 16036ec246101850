"""The keys of the wire: how they look, how they are made, under which hash they are stored.

All keys (application key and secret, consumer key, credential token) are opaque runs of letters and digits. Which key
is known, and to whom it belongs, is decided elsewhere. Source: wire.md 6, design.md 4 step 3 and 6.
"""

from collections.abc import Callable
from hashlib import sha256
from string import ascii_letters, digits

APPLICATION_KEY_LENGTH = 16
APPLICATION_SECRET_LENGTH = 32
CONSUMER_KEY_LENGTH = 32
CREDENTIAL_TOKEN_LENGTH = 64

_ALPHABET = ascii_letters + digits
# Bytes from here on are thrown away, so that each of the 62 characters is equally likely (248 = 4 * 62).
_FIRST_UNFAIR_BYTE = 248


def is_key(value: bytes) -> bool:
    """Whether `value` looks like a key: `[A-Za-z0-9]{8,64}`.

    `bytes.isalnum` knows ASCII only, which is what is wanted.
    """
    return 8 <= len(value) <= 64 and value.isalnum()


def make_key(entropy: Callable[[int], bytes], length: int) -> str:
    """A new key of `length` characters, 5.95 bits each.

    Args:
        entropy: gives as many unpredictable bytes as asked for.
        length: number of characters, see the `*_LENGTH` constants.
    """
    characters: list[str] = []
    while len(characters) < length:
        fair = (byte for byte in entropy(length) if byte < _FIRST_UNFAIR_BYTE)
        characters.extend(_ALPHABET[byte % len(_ALPHABET)] for byte in fair)
    return "".join(characters[:length])


def key_hash(key: str) -> bytes:
    """SHA-256 (32 bytes) of a consumer key or credential token: the only form in which they are stored.

    No salt and no stretching: a made key has at least 190 unpredictable bits, there is nothing to guess.
    """
    return sha256(key.encode()).digest()
