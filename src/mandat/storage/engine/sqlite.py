"""The writer and the readers of one SQLite file."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from mandat.storage.engine.files import BUSY_SECONDS, connect_reader, connect_writer
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.writer import Writer

THREADS = 2
"""Reads at once for each file. They are short and hold Python's lock most of the time; more threads gain nothing."""

_TRANSACTION_IS_LOST = {
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


class SqliteWriter(Writer):
    """Makes the changes of `database`.

    Args:
        database: the file.
        synchronous: SQLite's setting of that name, FULL or NORMAL.
        after_begin, before_commit: see `Writer`.
        busy_seconds: how long to wait for a lock that another process holds.
    """

    def __init__(
        self,
        database: Path,
        *,
        synchronous: str,
        after_begin: Callable[[], None] | None = None,
        before_commit: Callable[[Connection], None] | None = None,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        engine = create_engine(
            "sqlite://",
            creator=lambda: connect_writer(database, synchronous=synchronous, busy_seconds=busy_seconds),
            poolclass=NullPool,
        )
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        super().__init__(database.name, engine, after_begin=after_begin, before_commit=before_commit)

    def ends_transaction(self, fault: BaseException) -> bool:
        """See `Writer`."""
        return _code(fault) in _TRANSACTION_IS_LOST

    def is_lock_wait(self, fault: BaseException) -> bool:
        """See `Writer`."""
        return _code(fault) == sqlite3.SQLITE_BUSY


class SqliteReaders(Readers):
    """Runs queries on `database`."""

    def __init__(self, database: Path) -> None:
        engine = create_engine(
            "sqlite://",
            creator=lambda: connect_reader(database),
            poolclass=QueuePool,
            pool_size=THREADS,
            max_overflow=0,
        )
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        super().__init__(database.name, engine, threads=THREADS, driver_fault=sqlite3.Error)


def _code(fault: BaseException) -> int | None:
    """SQLite's primary result code behind `fault`, or None."""
    if isinstance(fault, DBAPIError) and fault.orig is not None:
        fault = fault.orig
    code = getattr(fault, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
