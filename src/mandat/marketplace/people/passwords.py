"""Passwords: Argon2id, a few at a time. Source: RFC 9106; the parameters are OWASP's (19 MiB, 2 passes)."""

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_PASSWORD_CHARACTERS = 8
MAX_PASSWORD_BYTES = 1024
"""Argon2 takes any length; this bounds what one request can cost."""

_AT_ONCE = 2
"""Each takes 19 MiB and about 40 ms; two cores have no use for more at once."""


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _hash_of_nobody() -> str:
    return _hasher().hash("nobody has this password")


class Passwords:
    """Hashes and checks. Blocks the calling thread."""

    def __init__(self) -> None:
        self._hasher = _hasher()
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = _hash_of_nobody()

    def hash(self, password: str) -> str:
        """The Argon2 string to keep."""
        with self._slots:
            return self._hasher.hash(password.encode("utf-8", "surrogatepass"))

    def is_right(self, password_hash: str | None, password: str) -> bool:
        """With None it costs the same and answers False: an unknown login is not to be told from a wrong password."""
        with self._slots:
            try:
                self._hasher.verify(password_hash or self._nobody, password.encode("utf-8", "surrogatepass"))
            except (VerificationError, InvalidHashError):
                return False
        return password_hash is not None
