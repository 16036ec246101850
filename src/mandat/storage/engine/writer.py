"""One thread that makes all changes of one kind, many of them in one durable commit.

Jobs that wait while a commit is under way are taken together: the write lock, each job in a savepoint of its own, one
COMMIT, and only then the answers. A job that fails takes back its own changes and no others. When the commit fails,
every job of it fails and the connection is thrown away: after a failed fsync nobody knows what the next one would say.

Rejected: one transaction for each request on async SQLAlchemy (about 520 a second, design.md 6).
"""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from mandat.authority.interfaces import StorageUnavailable

Answer = TypeVar("Answer")

LARGEST_BATCH = 256
"""Jobs in one commit. The gain is flat from about 50 on; the bound keeps the first job's wait short."""
LONGEST_QUEUE = 10_000
"""Jobs that may wait. Beyond it the caller hears 503 at once instead of after a long wait."""


@dataclass(slots=True)
class _Waiting:
    action: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


@dataclass(slots=True)
class _Outcome:
    waiting: _Waiting
    answer: Any = None
    failure: BaseException | None = None


class _BatchLost(Exception):
    """The transaction cannot go on; nothing of it will be committed."""


class Writer(ABC):
    """Runs jobs on one writing connection. What is particular to a database is said by its subclasses.

    Args:
        name: what is written to, for messages.
        engine: makes the connection, and takes the write lock when a transaction begins.
        after_begin: called when a transaction has the write lock, before its first job.
        before_commit: called with the connection when all jobs of a commit have run; its changes are committed too.
        after_commit: called when a commit is durable, before anybody is answered. Must not raise.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        *,
        after_begin: Callable[[], None] | None = None,
        before_commit: Callable[[Connection], None] | None = None,
        after_commit: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._engine = engine
        self._after_begin = after_begin
        self._before_commit = before_commit
        self._after_commit = after_commit
        self._connection: Connection | None = None
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=f"writer-{name}", daemon=True)
        self._thread.start()

    def is_alive(self, connection: Connection) -> bool:
        """False when the idle connection is known to be of no use any more, so that a new one is made."""
        return not connection.invalidated

    @abstractmethod
    def ends_transaction(self, fault: BaseException) -> bool:
        """True when the database may have undone the whole transaction at this failure of one job."""

    @abstractmethod
    def is_lock_wait(self, fault: BaseException) -> bool:
        """True when the transaction could not begin because somebody else held the write lock for too long."""

    async def run(self, job: Callable[[Connection], Answer]) -> Answer:
        """Runs `job` in the next commit and answers once it is durable.

        Raises:
            StorageUnavailable: the change was not accepted, or the queue is full.
            Exception: whatever `job` raised; its own changes are undone.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(job, loop.create_future(), loop)
        with self._gate:
            if self._closed:
                raise StorageUnavailable(f"{self._name} is closed")
            if self._queue.qsize() >= LONGEST_QUEUE:
                raise StorageUnavailable(f"too many changes wait for {self._name}")
            self._queue.put(waiting)
        answer: Answer = await waiting.future
        return answer

    def close(self) -> None:
        """Runs what waits, then ends the thread. Blocks until then; closing twice is harmless."""
        with self._gate:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        open_for_more = True
        while open_for_more:
            batch, open_for_more = self._next_batch()
            if batch:
                _deliver(self._commit_together(batch))
        self._drop_connection()

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        batch: list[_Waiting] = []
        waiting = self._queue.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) == LARGEST_BATCH:
                return batch, True
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                return batch, True
        return batch, False

    def _commit_together(self, batch: Sequence[_Waiting]) -> list[_Outcome]:
        try:
            outcomes = self._transaction(batch)
        except Exception as fault:  # whatever it was, nobody may be left waiting
            self._drop_connection()
            if self.is_lock_wait(_cause(fault)):
                # These waited behind the same lock. Trying again first would make them wait twice as long.
                batch = [*batch, *self._take_all()]
            return [_Outcome(waiting, failure=_unavailable(self._name, fault)) for waiting in batch]
        if self._after_commit is not None:
            self._after_commit()
        return outcomes

    def _transaction(self, batch: Sequence[_Waiting]) -> list[_Outcome]:
        connection = self._connected()
        with connection.begin():
            if self._after_begin is not None:
                self._after_begin()
            outcomes = [self._attempt(connection, waiting) for waiting in batch]
            if self._before_commit is not None:
                self._before_commit(connection)
        return outcomes

    def _connected(self) -> Connection:
        if self._connection is not None and not self.is_alive(self._connection):
            self._drop_connection()
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _attempt(self, connection: Connection, waiting: _Waiting) -> _Outcome:
        connection.exec_driver_sql("SAVEPOINT job")
        try:
            outcome = _Outcome(waiting, answer=waiting.action(connection))
        except Exception as fault:
            if self.ends_transaction(fault):
                raise _BatchLost from fault
            connection.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
            failure = _unavailable(None, fault) if isinstance(fault, DBAPIError) else fault
            outcome = _Outcome(waiting, failure=failure)
        connection.exec_driver_sql("RELEASE SAVEPOINT job")
        return outcome

    def _take_all(self) -> list[_Waiting]:
        taken: list[_Waiting] = []
        try:
            while len(taken) < LONGEST_QUEUE:
                waiting = self._queue.get_nowait()
                if waiting is None:
                    self._queue.put(None)
                    break
                taken.append(waiting)
        except Empty:
            pass
        return taken

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is being thrown away because it does not work
                connection.invalidate()
                connection.close()


def _cause(fault: BaseException) -> BaseException:
    """What the driver or the job raised."""
    return fault.__cause__ if isinstance(fault, _BatchLost) and fault.__cause__ is not None else fault


def _unavailable(name: str | None, fault: BaseException) -> StorageUnavailable:
    fault = _cause(fault)
    # The driver's own words only, and of them the first line: the rest would carry values of rows into logs.
    words = first_line(fault.orig if isinstance(fault, DBAPIError) else fault)
    failure = StorageUnavailable(f"{name}: {words}" if name else words)
    failure.__cause__ = fault
    return failure


def first_line(fault: object) -> str:
    """What a driver says first."""
    return str(fault).partition("\n")[0]


def _deliver(outcomes: Sequence[_Outcome]) -> None:
    """Hands answers to their event loops, one wake-up for each loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    for outcome in outcomes:
        by_loop.setdefault(outcome.waiting.loop, []).append(outcome)
    for loop, settled in by_loop.items():
        with suppress(RuntimeError):  # the loop ended while the change was made; nobody is left to tell
            loop.call_soon_threadsafe(_settle, settled)


def _settle(outcomes: Sequence[_Outcome]) -> None:
    for outcome in outcomes:
        future = outcome.waiting.future
        if future.done():
            continue  # the caller went away
        if outcome.failure is not None:
            future.set_exception(outcome.failure)
        else:
            future.set_result(outcome.answer)
