"""Counting tries in a window of time. In memory: a restart forgives, which costs an attacker more than it helps him."""

import math
import threading
from collections import OrderedDict
from collections.abc import Callable

_MAX_KEYS = 10_000


class Throttle:
    """At most `limit` tries for each key in `window_seconds`."""

    def __init__(self, limit: int, window_seconds: float, *, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._window_seconds = window_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str) -> int:
        """Counts a try. 0 when it may go on, else the whole seconds until the window ends."""
        now = self._clock()
        with self._lock:
            since, count = self._windows.pop(key, (now, 0))
            if now - since >= self._window_seconds:
                since, count = now, 0
            self._windows[key] = (since, count + 1)
            while len(self._windows) > _MAX_KEYS:
                self._windows.popitem(last=False)
        return 0 if count < self._limit else max(1, math.ceil(since + self._window_seconds - now))

    def forgive(self, key: str) -> None:
        """Forgets the tries of a key: the right password came."""
        with self._lock:
            self._windows.pop(key, None)
