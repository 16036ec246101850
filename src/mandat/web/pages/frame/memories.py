"""Three small, bounded memories of the page process. None of them is needed for a right to hold or to end.

They live in memory because the authority is one process, and because what they hold must not be stored: a secret that
is about to be shown, an address to go on to.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from mandat.authority.applications.personal_keys import IssuedKeys
from mandat.authority.applications.registration import IssuedApplication
from mandat.authority.fault import Fault
from mandat.authority.values import Application, Credential

MAX_ENTRIES = 10_000
"""Bounds each memory to a few megabytes; the oldest entries give way."""


@dataclass(slots=True)
class Registered:
    """What became of one registration form. `secret` is None once it was shown.

    `credential` and `consumer_key` are there when the form made these too; the key is None once it was shown.
    """

    account: str
    application: Application
    secret: str | None
    credential: Credential | None = None
    consumer_key: str | None = None


class OnceShown:
    """Registrations by the number of the form that made them: sent twice it registers once; secrets show once."""

    KEPT_SECONDS = 12 * 3600
    """As long as a session can live: until then the same form may be sent again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._forms: OrderedDict[str, tuple[float, asyncio.Future[Registered | Fault | None]]] = OrderedDict()

    def claim(self, form: str) -> "asyncio.Future[Registered | Fault | None] | None":
        """None for the first to come with `form`, who must call `settle`; for others what the first one achieves."""
        self._forget_old()
        known = self._forms.get(form)
        if known is not None:
            return known[1]
        self._forms[form] = (self._clock(), asyncio.get_running_loop().create_future())
        return None

    def settle(self, form: str, outcome: IssuedApplication | IssuedKeys | Fault | None) -> None:
        """Says what became of a claimed form; None: storage failed. Without an application the form may come again."""
        entry = self._forms.get(form)
        if entry is None:
            return
        if isinstance(outcome, IssuedApplication | IssuedKeys):
            registered = Registered(outcome.application.owner, outcome.application, outcome.secret)
            if isinstance(outcome, IssuedKeys):
                registered.credential, registered.consumer_key = outcome.credential, outcome.consumer_key
            entry[1].set_result(registered)
        else:
            del self._forms[form]
            entry[1].set_result(outcome)

    def take(self, form: str, account: str) -> Registered | None:
        """What the form registered, for its owner; the secret only the first time. None: not known (any more)."""
        self._forget_old()
        entry = self._forms.get(form)
        if entry is None or not entry[1].done():
            return None
        registered = entry[1].result()
        if not isinstance(registered, Registered) or registered.account != account:
            return None
        shown = replace(registered)
        registered.secret = registered.consumer_key = None
        return shown

    def _forget_old(self) -> None:
        _trim(self._forms, before=self._clock() - self.KEPT_SECONDS)


class Onward:
    """Where the browser was sent after Confirm, so that the page can offer the way again to the same account.

    Chromium stops a redirect after a form when it leaves the origins named by `form-action`, for instance when the
    application's address forwards to a third origin (ADR 0004): the answer counts, but the customer stays behind.
    """

    KEPT_SECONDS = 3600

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._follows: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()

    def remember(self, handle: str, account: str, follow: str) -> None:
        """`account` confirmed the request behind `handle` and is sent to `follow`."""
        self._follows[handle, account] = (self._clock(), follow)
        self._follows.move_to_end((handle, account))
        _trim(self._follows, before=self._clock() - self.KEPT_SECONDS)

    def find(self, handle: str, account: str) -> str | None:
        """Where that account was sent, or None."""
        _trim(self._follows, before=self._clock() - self.KEPT_SECONDS)
        known = self._follows.get((handle, account))
        return None if known is None else known[1]


class Misses:
    """How often an address came with a token that does not exist (threats.md 3.1: 200 in 10 minutes, then 429)."""

    LIMIT = 200
    WINDOW_SECONDS = 600

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def note(self, address: str) -> None:
        """One more miss from there."""
        _trim(self._windows, before=self._clock() - self.WINDOW_SECONDS)
        since, count = self._windows.get(address, (self._clock(), 0))
        self._windows[address] = (since, count + 1)

    def seconds_to_wait(self, address: str) -> int:
        """0 while the address may go on, otherwise the seconds until it may."""
        _trim(self._windows, before=self._clock() - self.WINDOW_SECONDS)
        since, count = self._windows.get(address, (0.0, 0))
        return 0 if count < self.LIMIT else max(1, int(since + self.WINDOW_SECONDS - self._clock()) + 1)


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def _trim(entries: OrderedDict[_Key, tuple[float, _Value]], *, before: float) -> None:
    """Drops what is older than `before`, and the oldest beyond MAX_ENTRIES. Entries are in order of their time."""
    while entries:
        oldest = next(iter(entries))
        if entries[oldest][0] >= before and len(entries) <= MAX_ENTRIES:
            return
        del entries[oldest]
