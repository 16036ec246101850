"""Password hashes: Argon2id in threads of its own, so that neither the event loop nor enforcement waits for one.

Default parameters: 19 MiB, two passes, one lane (OWASP "Password Storage Cheat Sheet", Argon2id).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from mandat.authority.interfaces import StorageUnavailable

Answer = TypeVar("Answer")

_SALT_BYTES = 16
"""RFC 9106, 3.1: 16 bytes are recommended for password hashing."""


class Argon2Passwords:
    """`Passwords`.

    Args:
        entropy: gives the salts.
        memory_kib: memory of one hash.
        passes: Argon2's time cost.
        lanes: Argon2's parallelism.
        at_once: hashes computed at the same time; the others wait.
        longest_queue: how many may wait. Beyond it callers hear StorageUnavailable at once (a flood of logins).
    """

    def __init__(
        self,
        entropy: Callable[[int], bytes],
        *,
        memory_kib: int = 19 * 1024,
        passes: int = 2,
        lanes: int = 1,
        at_once: int = 2,
        longest_queue: int = 200,
    ) -> None:
        self._entropy = entropy
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes, salt_len=_SALT_BYTES)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="passwords")
        self._longest_queue = at_once + longest_queue
        self._waiting = 0
        self._nobodys_hash: str | None = None

    async def hash(self, password: str) -> str:
        """The Argon2 string to store."""
        return await self._in_thread(self._hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """False for a mismatch. With None it spends the same time and answers False: unknown logins cost as much."""
        return await self._in_thread(self._verify, password_hash, password)

    def close(self) -> None:
        """Waits for the hashes under way."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _in_thread(self, work: Callable[..., Answer], *arguments: object) -> Answer:
        if self._waiting >= self._longest_queue:
            raise StorageUnavailable("too many passwords wait to be checked")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_bytes(password), salt=self._entropy(_SALT_BYTES))

    def _verify(self, password_hash: str | None, password: str) -> bool:
        known = password_hash is not None
        if password_hash is None:
            password_hash = self._hash_of_nobody()
        try:
            return self._hasher.verify(password_hash, _bytes(password)) and known
        except (Argon2Error, InvalidHashError):
            return False

    def _hash_of_nobody(self) -> str:
        if self._nobodys_hash is None:
            self._nobodys_hash = self._hash(self._entropy(_SALT_BYTES).hex())
        return self._nobodys_hash


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
