"""Lets the threads of a synchronous server ask a guard that lives on an event loop.

The loop has a thread of its own. A request thread asks, reads the body itself if the decision wants it, and gets the
decision. After a fork the child starts a thread of its own. Used by `mandat.enforcement.wsgi`.
"""

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from queue import SimpleQueue

from mandat.core.decision import CallHead, Decision
from mandat.enforcement.doors.guard import Guard
from mandat.enforcement.point import Suspended
from mandat.protocol.refusals import Reason


class LoopThread:
    """A guard and the thread it lives on; both are made when first needed."""

    def __init__(self, make_guard: Callable[[], Guard | Awaitable[Guard]]) -> None:
        self._make_guard = make_guard
        self._lock = threading.Lock()
        self._pid = 0
        self._guard: Guard | None = None
        self._loop = asyncio.new_event_loop()

    def guard(self) -> Guard:
        """The guard of this process. Only its parts that keep no state may be used outside `judge`.

        Raises:
            Exception: whatever making it raised; the next call tries again.
        """
        guard = self._guard
        if guard is None or self._pid != os.getpid():
            with self._lock:
                if self._guard is None or self._pid != os.getpid():
                    self._start()
                guard = self._guard
        assert guard is not None
        return guard

    def _start(self) -> None:
        made: Future[Guard] = Future()
        self._loop = loop = asyncio.new_event_loop()
        threading.Thread(target=self._live, args=(loop, made), name="mandat-decisions", daemon=True).start()
        self._guard = made.result()
        self._pid = os.getpid()

    def _live(self, loop: asyncio.AbstractEventLoop, made: "Future[Guard]") -> None:
        asyncio.set_event_loop(loop)

        async def make() -> None:
            try:
                guard = self._make_guard()
                made.set_result(guard if isinstance(guard, Guard) else await guard)
            except BaseException as error:
                made.set_exception(error)

        loop.run_until_complete(make())
        if made.exception() is None:
            loop.run_forever()
        loop.close()

    def judge(self, head: CallHead, announced_bytes: int | None) -> "Asked":
        """Begin to judge a call. `announced_bytes`: 0 for no body, None when only its end will tell."""
        asked = Asked(self._loop, self.guard(), announced_bytes)
        self._loop.call_soon_threadsafe(asked.begin, head)
        return asked


class Asked:
    """One call being judged. The request thread takes what comes with `wanted_bytes`, `give` and `decision`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, guard: Guard, announced_bytes: int | None) -> None:
        self._loop = loop
        self._guard = guard
        self._announced = announced_bytes
        self._inbox: SimpleQueue[int | Decision | BaseException] = SimpleQueue()
        self._outcome: Decision | None = None
        self._body: asyncio.Future[bytes | Reason] | None = None
        self._taken = 0
        self._task: asyncio.Task[None] | None = None

    # In the request's thread

    def wanted_bytes(self) -> int | None:
        """Waits. A number: the body is wanted, of at most so many bytes. None: there is a decision."""
        said = self._inbox.get()
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, int):
            return said
        self._outcome = said
        return None

    def give(self, body: bytes | Reason) -> None:
        """The body, or why it cannot be had."""
        waiting = self._body
        assert waiting is not None
        self._loop.call_soon_threadsafe(waiting.set_result, body)

    def decision(self) -> Decision:
        """The decision, after `wanted_bytes` said that there is one."""
        assert self._outcome is not None
        return self._outcome

    def release(self) -> None:
        """The body is no longer held by anybody."""
        if self._taken:
            taken, self._taken = self._taken, 0
            self._loop.call_soon_threadsafe(self._guard.budget.give_back, taken)

    # On the loop

    def begin(self, head: CallHead) -> None:
        """Judge with what is in memory; go on in a task when that is not enough."""
        try:
            decision = self._guard.point.judge(head, b"" if self._announced == 0 else None)
        except Exception as error:
            self._inbox.put(error)
            return
        if isinstance(decision, Suspended):
            self._task = self._loop.create_task(self._finish(decision))
        else:
            self._inbox.put(decision)

    async def _finish(self, suspended: Suspended) -> None:
        try:
            self._inbox.put(await self._guard.point.finish(suspended, self._read_body))
        except BaseException as error:
            self._inbox.put(error)
            raise

    async def _read_body(self, max_bytes: int) -> bytes | Reason:
        """Reserves room, then has the request's thread read. Without an announcement, room for the largest body."""
        size = max_bytes if self._announced is None else self._announced
        if size > max_bytes:
            return Reason.BODY_TOO_LARGE
        if not self._guard.budget.take(size):
            return Reason.NO_BUFFER_LEFT
        self._taken = size
        self._body = self._loop.create_future()
        self._inbox.put(max_bytes)
        return await self._body
