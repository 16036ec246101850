"""One thread that makes all changes of one database file, many of them in one durable commit.

Jobs that wait while a commit is under way are taken together: BEGIN IMMEDIATE, each job in a savepoint of its own, one
COMMIT, and only then the answers. A job that fails takes back its own changes and no others. When the commit fails,
every job of it fails and the connection is thrown away: after a failed fsync nobody knows what the next one would say.

Rejected: one transaction for each request on async SQLAlchemy (about 520 a second, design.md 6).
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from mandat.authority.interfaces import StorageUnavailable
from mandat.storage.engine.files import BUSY_SECONDS, connect_writer

Answer = TypeVar("Answer")

LARGEST_BATCH = 256
"""Jobs in one commit. The gain is flat from about 50 on; the bound keeps the first job's wait short."""
LONGEST_QUEUE = 10_000
"""Jobs that may wait. Beyond it the caller hears 503 at once instead of after a long wait."""

_BATCH_IS_LOST = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_INTERRUPT,
}
"""SQLite may have rolled back the whole transaction (sqlite.org/lang_transaction.html, errors within a transaction)."""


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


class Writer:
    """Runs jobs on the one writing connection of `database`.

    Args:
        database: the file.
        synchronous: SQLite's setting of that name, FULL or NORMAL.
        before_commit: called with the connection when all jobs of a commit have run; its changes are committed too.
        busy_seconds: how long to wait for a lock that another process holds.
    """

    def __init__(
        self,
        database: Path,
        *,
        synchronous: str,
        before_commit: Callable[[Connection], None] | None = None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self._database = database
        self._before_commit = before_commit
        self._engine = create_engine(
            "sqlite://",
            creator=lambda: connect_writer(database, synchronous=synchronous, busy_seconds=busy_seconds),
            poolclass=NullPool,
        )
        event.listen(self._engine, "begin", _begin_immediate)
        self._connection: Connection | None = None
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._gate = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=f"writer-{database.stem}", daemon=True)
        self._thread.start()

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
                raise StorageUnavailable(f"{self._database.name} is closed")
            if self._queue.qsize() >= LONGEST_QUEUE:
                raise StorageUnavailable(f"too many changes wait for {self._database.name}")
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
            if self._connection is None:
                self._connection = self._engine.connect()
            with self._connection.begin():
                outcomes = [_attempt(self._connection, waiting) for waiting in batch]
                if self._before_commit is not None:
                    self._before_commit(self._connection)
        except Exception as fault:  # whatever it was, nobody may be left waiting
            self._drop_connection()
            if _code(fault) == sqlite3.SQLITE_BUSY:
                # These waited behind the same lock. Trying again first would make them wait twice as long.
                batch = [*batch, *self._take_all()]
            return [_Outcome(waiting, failure=_unavailable(self._database, fault)) for waiting in batch]
        return outcomes

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
            try:
                connection.invalidate()
                connection.close()
            except (SQLAlchemyError, sqlite3.Error):
                pass  # it is being thrown away because it does not work


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _attempt(connection: Connection, waiting: _Waiting) -> _Outcome:
    connection.exec_driver_sql("SAVEPOINT job")
    try:
        outcome = _Outcome(waiting, answer=waiting.action(connection))
    except Exception as fault:
        if _code(fault) in _BATCH_IS_LOST:
            raise _BatchLost from fault
        connection.exec_driver_sql("ROLLBACK TO job")
        failure = _unavailable(None, fault) if isinstance(fault, DBAPIError) else fault
        outcome = _Outcome(waiting, failure=failure)
    connection.exec_driver_sql("RELEASE job")
    return outcome


def _code(fault: BaseException | None) -> int | None:
    """SQLite's primary result code behind `fault`, or None."""
    if isinstance(fault, _BatchLost):
        fault = fault.__cause__
    if isinstance(fault, DBAPIError):
        fault = fault.orig
    code = getattr(fault, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _unavailable(database: Path | None, fault: BaseException) -> StorageUnavailable:
    if isinstance(fault, _BatchLost):
        fault = fault.__cause__ or fault
    # The driver's own words only: SQLAlchemy's text would carry the statement's parameters into logs.
    words = fault.orig if isinstance(fault, DBAPIError) else fault
    failure = StorageUnavailable(f"{database.name}: {words}" if database else str(words))
    failure.__cause__ = fault
    return failure


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
