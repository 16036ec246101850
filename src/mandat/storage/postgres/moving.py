"""Moves a stopped SQLite installation to an empty PostgreSQL database: every row, every id, in one transaction.

Before the commit, both sides are counted, and on the new one every signature, MAC and chain is verified. The SQLite
files stay as they were; a marker beside them keeps a supervisor from serving them again by mistake, because what was
revoked in one place would still be granted in the other.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Boolean, Connection, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from mandat.storage.engine import tables
from mandat.storage.engine.files import GRANTS, REQUESTS, USAGE, DatabaseFile, connect_writer
from mandat.storage.engine.migration import check_migrated
from mandat.storage.engine.moved import forget_move, note_move, unfinished_move
from mandat.storage.faults import DatabaseUnreadable, StorageFault
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.operations.verify import Finding, verify, verify_grants, verify_requests
from mandat.storage.postgres import access
from mandat.storage.postgres.migration import check_postgres, migrate_postgres
from mandat.storage.postgres.place import DatabaseRefused, PostgresPlace, refusal

_SIDES = ((GRANTS, tables.grants), (REQUESTS, tables.requests), (USAGE, tables.usage))
_SETTINGS = {"statement_timeout": "0", "lock_timeout": "5000", "default_transaction_isolation": "read committed"}
_WITHOUT_GAPS = {"grant_changes", "audit"}
"""Tables that number their rows by the greatest number so far, and have no sequence."""


class MoveFault(StorageFault):
    """The installation cannot be moved. The new database is as it was."""


def move(folder: Path, place: PostgresPlace, keys: AuthorityKeys) -> dict[str, int]:
    """Copies the databases in `folder` to `place` and marks them as moved.

    Nothing may serve `folder` meanwhile; whoever writes to it all the same waits and is refused.

    Args:
        folder: the data folder.
        place: an empty database, or one that an earlier move to it filled before it was cut off.
        keys: the keys of the installation.

    Returns:
        How many rows each table has.

    Raises:
        MoveFault: a row is not as the authority wrote it, or the new database has rows of its own.
        StorageFault: one of the two cannot be used.
    """
    check_migrated(folder, unfinished_move_to=str(place))
    _refuse(folder, verify(folder, keys, unfinished_move_to=str(place)))
    migrate_postgres(place)
    with _locked(folder) as files:
        again = unfinished_move(folder) == str(place)
        note_move(folder, str(place), done=False)
        try:
            counts = _fill(files, place, keys, may_be_filled=again)
        except BaseException:
            if not again:
                forget_move(folder)
            raise
        note_move(folder, str(place), done=True)
    return counts


def _fill(
    files: dict[str, sqlite3.Connection], place: PostgresPlace, keys: AuthorityKeys, *, may_be_filled: bool
) -> dict[str, int]:
    engine = access.make_engine(place, role="move", settings=_SETTINGS, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            target: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
            check_postgres(place, target)
            for kind in (access.GRANTS, access.REQUESTS, access.USAGE):
                target.execute(access.lock_statement(kind).encode())
            filled = _filled_tables(target)
            if filled and not may_be_filled:
                raise MoveFault(f"The database {place} has rows in {filled[0]} already; move to an empty one.")
            if not filled:
                for file, metadata in _SIDES:
                    for table in metadata.sorted_tables:
                        _copy(files[file.name], target, table)
            counts = _compared(files, place, target)
            _refuse(place, _verified(connection, keys))
            return counts
    except psycopg.Error as fault:
        raise refusal(place, fault) from fault
    except SQLAlchemyError as fault:
        raise DatabaseRefused(f"The database {place} cannot be used ({getattr(fault, 'orig', fault)}).") from fault


def _copy(source: sqlite3.Connection, target: psycopg.Connection[Any], table: Table) -> None:
    names = [column.name for column in table.columns]
    truths = [index for index, column in enumerate(table.columns) if isinstance(column.type, Boolean)]
    rows = source.execute(f"SELECT {', '.join(names)} FROM {table.name}")  # noqa: S608 - names of our own
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names))
    )
    try:
        with target.cursor().copy(statement) as copy:
            for row in rows:
                copy.write_row(_with_truths(row, truths))
    except (UnicodeEncodeError, psycopg.DataError) as fault:
        raise MoveFault(
            f"A row of {table.name} cannot be kept by PostgreSQL ({fault}); see `mandat verify`."
        ) from fault
    except sqlite3.Error as fault:
        raise MoveFault(f"The table {table.name} cannot be read ({fault}); restore it from a backup.") from fault
    if "id" in names and table.name not in _WITHOUT_GAPS:
        _go_on_counting(source, target, table.name)


def _with_truths(row: tuple[Any, ...], truths: Sequence[int]) -> tuple[Any, ...]:
    if not truths:
        return row
    return tuple(bool(value) if index in truths else value for index, value in enumerate(row))


def _go_on_counting(source: sqlite3.Connection, target: psycopg.Connection[Any], table: str) -> None:
    """The next id is one that was never given, not even to a row that was deleted since."""
    rows = source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchall()
    if rows and rows[0][0]:
        target.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table, rows[0][0]))


def _filled_tables(target: psycopg.Connection[Any]) -> list[str]:
    names = [table.name for _, metadata in _SIDES for table in metadata.sorted_tables]
    exists = sql.SQL("SELECT 1 FROM {} LIMIT 1")
    return [name for name in names if target.execute(exists.format(sql.Identifier(name))).fetchone()]


def _compared(
    files: dict[str, sqlite3.Connection], place: PostgresPlace, target: psycopg.Connection[Any]
) -> dict[str, int]:
    counts: dict[str, int] = {}
    for file, metadata in _SIDES:
        for table in metadata.sorted_tables:
            query = f"SELECT count(*) FROM {table.name}"  # noqa: S608 - names of our own
            there = target.execute(query.encode()).fetchone()
            counts[table.name] = files[file.name].execute(query).fetchall()[0][0]
            if there is None or there[0] != counts[table.name]:
                raise MoveFault(f"The database {place} has not all rows of {table.name}; move to an empty one.")
    return counts


def _verified(connection: Connection, keys: AuthorityKeys) -> Iterator[Finding]:
    yield from verify_requests(connection, keys)
    yield from verify_grants(connection, keys)


def _refuse(what: object, findings: Sequence[Finding] | Iterator[Finding]) -> None:
    for finding in findings:
        raise MoveFault(
            f"{what} is not as the authority wrote it ({finding.where}: {finding.what}); nothing was moved. "
            "See `mandat verify`."
        )


@contextmanager
def _locked(folder: Path) -> Iterator[dict[str, sqlite3.Connection]]:
    """The three files, which nobody else can write meanwhile."""
    with ExitStack() as stack:
        files: dict[str, sqlite3.Connection] = {}
        for file, _ in _SIDES:
            files[file.name] = _lock(folder, file)
            stack.callback(files[file.name].close)
        yield files


def _lock(folder: Path, file: DatabaseFile) -> sqlite3.Connection:
    try:
        connection = connect_writer(file.within(folder), synchronous=file.synchronous)
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as fault:
        raise DatabaseUnreadable(file.within(folder), str(fault)) from fault
    return connection
