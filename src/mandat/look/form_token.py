"""Tokens that bind a form to what it was shown for: a session, an action, the hash of what the reader saw."""

import json
from collections.abc import Sequence
from hashlib import sha256

from itsdangerous import Signer

MIN_SECRET_BYTES = 32
"""As long as the digest; a shorter secret would be the weakest part."""


class FormTokens:
    """Makes and checks form tokens. Nothing is stored: a token is a MAC over its parts.

    Args:
        secret: at least MIN_SECRET_BYTES bytes, or a list of such, newest last: new tokens are made with the last,
            old ones are still accepted (rotation).

    Raises:
        ValueError: a secret is too short, or there is none.
    """

    def __init__(self, secret: bytes | Sequence[bytes]) -> None:
        secrets = [secret] if isinstance(secret, bytes) else list(secret)
        if not secrets or any(len(each) < MIN_SECRET_BYTES for each in secrets):
            raise ValueError(f"a form token secret needs at least {MIN_SECRET_BYTES} bytes")
        self._signer = Signer(secrets, salt=b"mandat.look.form-token", digest_method=sha256, key_derivation="hmac")

    def make(self, *parts: str) -> str:
        """A token for exactly these parts, in this order: 43 characters, safe in HTML and in an address."""
        return self._signer.get_signature(_encode(parts)).decode("ascii")

    def check(self, token: str, *parts: str) -> bool:
        """True when `token` was made for exactly these parts. Any text may be asked about."""
        return token.isascii() and self._signer.verify_signature(_encode(parts), token)


def _encode(parts: Sequence[str]) -> bytes:
    """One text for one list of parts: JSON, so that ("ab", "c") and ("a", "bc") differ."""
    return json.dumps(list(parts), ensure_ascii=True).encode("ascii")
