"""Tells waiting pages that an installation changed. In memory: a page that missed it reads the database anyway.

Where several marketplaces share a database, another one may be at work: then nobody waits for news for long.
"""

import asyncio
import threading
from collections import defaultdict


class Announcer:
    """From worker threads to the event loop of the pages.

    Args:
        longest_seconds: that anybody waits; None for as long as asked for.
    """

    def __init__(self, *, longest_seconds: float | None = None) -> None:
        self._longest_seconds = longest_seconds
        self._lock = threading.Lock()
        self._waiting: defaultdict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)
        self.closed = False

    def changed(self, installation_id: str) -> None:
        """Wakes everybody who waits for this installation. From any thread."""
        with self._lock:
            self._wake(self._waiting.get(installation_id, set()))

    def close(self) -> None:
        """Wakes everybody for good: the program ends."""
        with self._lock:
            self.closed = True
            for waiting in self._waiting.values():
                self._wake(waiting)

    async def wait(self, seen: asyncio.Event, *, timeout_seconds: float) -> None:
        """Until `seen` is set, or the time is over."""
        longest_seconds = timeout_seconds if self._longest_seconds is None else self._longest_seconds
        try:
            await asyncio.wait_for(seen.wait(), min(timeout_seconds, longest_seconds))
        except TimeoutError:
            return

    def listen(self, installation_id: str) -> asyncio.Event:
        """An event that is set at each change from now on; `forget` it in the end."""
        event = asyncio.Event()
        with self._lock:
            self._waiting[installation_id].add((asyncio.get_running_loop(), event))
        return event

    def forget(self, installation_id: str, event: asyncio.Event) -> None:
        """Stops listening."""
        with self._lock:
            remaining = {each for each in self._waiting.get(installation_id, set()) if each[1] is not event}
            if remaining:
                self._waiting[installation_id] = remaining
            else:
                self._waiting.pop(installation_id, None)

    @staticmethod
    def _wake(waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]) -> None:
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
