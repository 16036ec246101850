"""Hands lines to a sender in batches, in a thread; holds a bounded number meanwhile, and counts and says what is lost.

What a line becomes is the sender's matter.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog

from mandat.enforcement.access_log import LogLine

MOST_WAITING: Final = 8_192
"""Lines that wait for the collector, about 10 MB. Further ones are lost."""

BATCH_LINES: Final = 512
SAY_SECONDS: Final = 60.0
"""How often at most a loss that goes on is said again."""

log = structlog.get_logger("tracing")


class Delivery:
    """Counts in `sent` and `lost`, one for each line."""

    def __init__(
        self,
        send: Callable[[Sequence[LogLine]], str | None],
        monotonic: Callable[[], float],
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """
        Args:
            send: takes a batch and may block; None when it is delivered, else why not.
            monotonic: seconds that never run backwards.
            most_waiting: lines that may wait.
        """
        self._send = send
        self._monotonic = monotonic
        self._most_waiting = most_waiting
        self._waiting: deque[LogLine] = deque()
        self._wakes = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tracing")
        self._said_at = float("-inf")
        self._said = 0
        self._why = ""
        self._refusal: str | None = None
        self._is_finishing = False
        self.sent = 0
        self.lost = 0

    def add(self, lines: Iterable[LogLine]) -> None:
        """More lines. Never blocks; what there is no room for is lost."""
        overflow = 0
        for line in lines:
            if len(self._waiting) < self._most_waiting:
                self._waiting.append(line)
            else:
                overflow += 1
        if overflow:
            self._lose(overflow, self._refusal or "the collector is slower than the calls")
        self._wakes.set()

    async def run(self) -> None:
        """Delivers until `finish` was called and nothing waits any more."""
        while self._waiting or not self._is_finishing:
            if self._waiting:
                await self._deliver()
            else:
                self._wakes.clear()
                await self._wakes.wait()
        self._thread.shutdown(wait=False)
        self._say_losses()

    def finish(self) -> None:
        """No line will come any more."""
        self._is_finishing = True
        self._wakes.set()

    async def _deliver(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(BATCH_LINES, len(self._waiting)))]
        why = await asyncio.get_running_loop().run_in_executor(self._thread, self._send, batch)
        if why is not None:
            if self._refusal is None:
                # What the collector says is news, even after a loss for want of room.
                self._said_at = float("-inf")
            self._refusal = why
            self._lose(len(batch), why)
            return
        self.sent += len(batch)
        if self._refusal is not None:
            self._refusal, self._said_at, self._said = None, float("-inf"), self.lost
            log.info("the collector takes spans again", lost_so_far=self.lost)

    def _lose(self, count: int, why: str) -> None:
        self.lost += count
        self._why = why
        if self._monotonic() - self._said_at >= SAY_SECONDS:
            self._say_losses()

    def _say_losses(self) -> None:
        if self.lost != self._said:
            log.warning("spans are lost", lost_so_far=self.lost, why=self._why)
            self._said_at, self._said = self._monotonic(), self.lost
