"""Tokens that bind a form to what it was shown for: a session, an action, the hash of what the reader saw."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256

from itsdangerous import Signer

MIN_SECRET_BYTES = 32
"""As long as the digest; a shorter secret would be the weakest part."""


FormSecrets = Callable[[], Sequence[bytes]]
"""Gives the secrets of the moment, the one that makes tokens last."""


class FormTokens:
    """Makes and checks form tokens. Nothing is stored: a token is a MAC over its parts.

    Args:
        secret: at least MIN_SECRET_BYTES bytes, or a list of such: tokens are made with the last, those of the others
            are accepted (rotation). Or what gives that list, asked each time.

    Raises:
        ValueError: a secret is too short, or there is none.
    """

    def __init__(self, secret: bytes | Sequence[bytes] | FormSecrets) -> None:
        self._secrets = secret if callable(secret) else partial(_listed, secret)
        self._signer = _signer(self._secrets())

    def make(self, *parts: str) -> str:
        """A token for exactly these parts, in this order: 43 characters, safe in HTML and in an address."""
        return self._current().get_signature(_encode(parts)).decode("ascii")

    def check(self, token: str, *parts: str) -> bool:
        """True when `token` was made for exactly these parts. Any text may be asked about."""
        return token.isascii() and self._current().verify_signature(_encode(parts), token)

    def _current(self) -> Signer:
        secrets = self._secrets()
        if list(secrets) != self._signer.secret_keys:
            self._signer = _signer(secrets)
        return self._signer


def _listed(secret: bytes | Sequence[bytes]) -> Sequence[bytes]:
    return [secret] if isinstance(secret, bytes) else secret


def _signer(secrets: Sequence[bytes]) -> Signer:
    if not secrets or any(len(each) < MIN_SECRET_BYTES for each in secrets):
        raise ValueError(f"a form token secret needs at least {MIN_SECRET_BYTES} bytes")
    return Signer(list(secrets), salt=b"mandat.look.form-token", digest_method=sha256, key_derivation="hmac")


def _encode(parts: Sequence[str]) -> bytes:
    """One text for one list of parts: JSON, so that ("ab", "c") and ("a", "bc") differ."""
    return json.dumps(list(parts), ensure_ascii=True).encode("ascii")
