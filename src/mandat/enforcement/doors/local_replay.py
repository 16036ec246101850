"""Replay admission inside one process, for doors that run without a supervisor.

The promise is per process: a write is admitted once by each process that uses this, not once per node. Where several
workers serve one API, ask the supervisor's keeper instead (`replay.client`). Source: design.md 4.
"""

from collections.abc import Callable

from mandat.enforcement.interfaces import WriteSeen
from mandat.enforcement.replay.memory import ReplayMemory


class LocalReplay:
    """Implements `interfaces.ReplayMemory` over a memory of its own."""

    def __init__(self, *, window_seconds: int, clock: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """
        Args:
            window_seconds: see `ReplayMemory`.
            clock: Unix seconds; read once, now.
            monotonic: seconds that never run backwards.
        """
        self._monotonic = monotonic
        self._memory = ReplayMemory(window_seconds=window_seconds, started=clock(), started_monotonic=monotonic())

    async def admit(self, write: WriteSeen) -> bool:
        """See `interfaces.ReplayMemory.admit`. Never unavailable."""
        return self._memory.admit(write, self._monotonic())
