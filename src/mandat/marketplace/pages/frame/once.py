"""A form that is sent twice is one order: who presses twice, or goes back and presses again, is led to the same place.

In memory, because an address of the validation page must not be kept on disk; forgetting costs a second order.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from mandat.marketplace.installs.desk import NotAsked, SentOff

KEPT_SECONDS = 600.0
_MAX_FORMS = 5_000


class OncePerForm:
    """Orders by the form they came from."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._done: OrderedDict[str, tuple[float, SentOff]] = OrderedDict()

    def order(self, form: str, work: Callable[[], SentOff | NotAsked]) -> SentOff | NotAsked:
        """What `work` answers, or answered when the same form came before; an order that failed may come again."""
        with self._lock:
            own = self._locks.setdefault(form, threading.Lock())
        try:
            with own:
                return self._find(form) or self._remember(form, work())
        finally:
            with self._lock:
                self._locks.pop(form, None)

    def _find(self, form: str) -> SentOff | None:
        with self._lock:
            while self._done and next(iter(self._done.values()))[0] < self._clock() - KEPT_SECONDS:
                self._done.popitem(last=False)
            known = self._done.get(form)
        return known[1] if known else None

    def _remember(self, form: str, outcome: SentOff | NotAsked) -> SentOff | NotAsked:
        if isinstance(outcome, SentOff):
            with self._lock:
                self._done[form] = (self._clock(), outcome)
                if len(self._done) > _MAX_FORMS:
                    self._done.popitem(last=False)
        return outcome
