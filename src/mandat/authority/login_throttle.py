"""How often somebody may guess, and how many passwords are checked at once.

The figures in `LoginPolicy` are ours and can be configured. Source: threats.md 3.6.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mandat.authority.fault import Fault
from mandat.authority.interfaces import Clock, LoginAttempts
from mandat.protocol.refusals import Reason


@dataclass(frozen=True, slots=True)
class LoginPolicy:
    """How long sessions live and how often logging in may fail.

    Failures are counted over `window_seconds`, per login and per address; sign-ups count for the address too, because
    each costs a password hash. `waiting` bounds how many passwords are being checked or waiting for it at once.
    """

    idle_seconds: int = 1800
    absolute_seconds: int = 43200
    window_seconds: int = 300
    failures_per_login: int = 10
    failures_per_address: int = 100
    waiting: int = 32


class LoginThrottle:
    """Lets tries in, or says how long to wait. Every try counts as a failure until `forget`."""

    def __init__(self, attempts: LoginAttempts, policy: LoginPolicy, *, clock: Clock) -> None:
        self._attempts = attempts
        self._policy = policy
        self._clock = clock
        self._admission = asyncio.Lock()
        self._waiting = 0

    async def admit(self, login: str, address: str) -> Fault | None:
        """Counts this try as a failure until it has succeeded: a burst must not pass before the first one failed.

        Args:
            login: in lower case; "" when there is none to count for.
            address: the caller's.
        """
        async with self._admission:
            now = int(self._clock())
            if await self._is_exhausted(login, address, since=now - self._policy.window_seconds):
                seconds = await self._seconds_to_wait(login, address, now)
                message = f"Too many tries; wait {seconds} second{'s' if seconds != 1 else ''} and try again"
                return Fault(Reason.TOO_MANY_FAILURES, message, retry_after_seconds=seconds)
            await self._attempts.note_failure(login=login, address=address, at=now)
        return None

    async def _is_exhausted(self, login: str, address: str, *, since: int) -> bool:
        of_login, of_address = await self._attempts.failures_since(login=login, address=address, since=since)
        # Without a login only the address counts: the empty key is shared by everybody.
        too_many_for_login = login != "" and of_login >= self._policy.failures_per_login
        return too_many_for_login or of_address >= self._policy.failures_per_address

    async def _seconds_to_wait(self, login: str, address: str, now: int) -> int:
        """The smallest wait after which enough failures have left the window (they only get fewer: bisection)."""
        window = self._policy.window_seconds
        low, high = 1, window + 1
        while low < high:
            middle = (low + high) // 2
            if await self._is_exhausted(login, address, since=now + middle - window):
                low = middle + 1
            else:
                high = middle
        return low

    async def forget(self, login: str) -> None:
        """The try succeeded: the failures of `login` (in lower case) no longer count."""
        await self._attempts.forget_failures(login=login)

    async def prune(self) -> None:
        """Forgets failures that no longer count."""
        await self._attempts.prune_failures(before=int(self._clock()) - self._policy.window_seconds)

    @contextmanager
    def place(self) -> Iterator[Fault | None]:
        """Gives a place among those whose passwords are being checked; a fault when all are taken."""
        free = self._waiting < self._policy.waiting
        self._waiting += free
        try:
            yield None if free else _busy()
        finally:
            self._waiting -= free


def _busy() -> Fault:
    message = "Too many passwords are being checked right now; try again in a few seconds"
    return Fault(Reason.TOO_MANY_FAILURES, message, retry_after_seconds=5)
