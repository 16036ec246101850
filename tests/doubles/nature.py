"""A clock that is set, entropy that counts, and passwords that cost nothing: for tests of the authority."""

import hashlib


class SetClock:
    """Unix seconds that move only when told."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds


class CountingEntropy:
    """Different bytes each time, the same in every run."""

    def __init__(self) -> None:
        self._drawn = 0

    def __call__(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(str(self._drawn).encode()).digest(size)


class PlainPasswords:
    """`Passwords` without the cost. `verified` lists the stored hashes that were asked about, None for a dummy."""

    def __init__(self) -> None:
        self.verified: list[str | None] = []

    async def hash(self, password: str) -> str:
        return "plain:" + password

    async def verify(self, password_hash: str | None, password: str) -> bool:
        self.verified.append(password_hash)
        return password_hash == "plain:" + password
