"""Opening the database file, and the two ways into it: reading, and writing one at a time.

Journal WAL, synchronous FULL: what was said to be saved survives a power cut (threats.md 1.7). The same on a
PostgreSQL server is `mandat.marketplace.store.postgres`.
"""

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, CursorResult, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from mandat.marketplace.problems import StartRefused
from mandat.marketplace.store.schema import SCHEMA_VERSION, UPGRADES, metadata

DATABASE_FILE = "marketplace.sqlite"
LOCK_FILE = "marketplace.lock"

_BUSY_SECONDS = 10


class StoreUnavailable(Exception):
    """The database does not answer or does not accept. Nothing was changed as far as can be known; pages answer 503."""


class Database:
    """An open database. May be used from any thread.

    Args:
        begin_reading, begin_writing: the statements that begin a transaction; one writes at a time.
    """

    def __init__(
        self,
        engine: Engine,
        lock_file: IO[str],
        *,
        begin_reading: str = "BEGIN",
        begin_writing: str = "BEGIN IMMEDIATE",
    ) -> None:
        self._engine = engine
        self._lock_file = lock_file
        self._begin_reading = begin_reading
        self._begin_writing = begin_writing
        self._writing = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one moment.

        Raises:
            StoreUnavailable: see the class.
        """
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(self._begin_reading)
                yield connection
                connection.rollback()
        except SQLAlchemyError as fault:
            raise StoreUnavailable("the marketplace's database cannot be read") from fault

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction; committed and durable when the block ends, undone when it raises.

        Raises:
            StoreUnavailable: see the class.
        """
        try:
            with self._writing, self._engine.connect() as connection:
                connection.exec_driver_sql(self._begin_writing)
                yield connection
                connection.commit()
        except SQLAlchemyError as fault:
            raise StoreUnavailable("the marketplace's database cannot be written") from fault

    def close(self) -> None:
        """Gives the file back."""
        self._engine.dispose()
        self._lock_file.close()


def insert_unless_there(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT that can say what is to happen on a conflict, in the words of this connection's database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def new_id(inserted: CursorResult[Any]) -> int:
    """The number that the database gave to the one row that was inserted."""
    key = inserted.inserted_primary_key
    if key is None:
        raise LookupError("no row was inserted")
    return int(key[0])


def open_database(folder: Path) -> Database:
    """Opens the database in `folder`, and makes it when there is none. One process at a time.

    Raises:
        StartRefused: with the sentence to show: folder not writable, in use, database of a newer version, damaged.
    """
    lock_file = take_lock(folder)
    engine = create_engine(f"sqlite:///{folder / DATABASE_FILE}", connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    try:
        _create_tables(engine, folder)
    except SQLAlchemyError as fault:
        lock_file.close()
        raise StartRefused(
            f"The marketplace's database in {folder} cannot be used: {fault.__cause__ or fault}."
        ) from None
    except BaseException:
        lock_file.close()
        raise
    return Database(engine, lock_file)


def database_exists(folder: Path) -> bool:
    """Whether there is a database already: then its key file must be there too."""
    return (folder / DATABASE_FILE).exists()


def take_lock(folder: Path) -> IO[str]:
    """One process for each folder. Raises StartRefused when there is another."""
    try:
        lock_file = (folder / LOCK_FILE).open("a")
    except OSError as fault:
        raise StartRefused(f"The folder {folder} cannot be written ({fault.strerror}); choose another one.") from None
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock_file.close()
        raise StartRefused(f"Another marketplace runs on {folder}; stop it, or choose another folder.") from None
    return lock_file


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by `reading` and `writing`, not by the driver
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _create_tables(engine: Engine, folder: Path) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if version > SCHEMA_VERSION:
            raise StartRefused(
                f"The marketplace's database in {folder} is of version {version}, newer than this program knows"
                f" ({SCHEMA_VERSION}); start it with the newer program."
            )
        if version == 0:
            metadata.create_all(connection)
        else:
            for older in range(version, SCHEMA_VERSION):
                for statement in UPGRADES[older]:
                    connection.exec_driver_sql(statement)
        if version != SCHEMA_VERSION:
            connection.exec_driver_sql(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.commit()
