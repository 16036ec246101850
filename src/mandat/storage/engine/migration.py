"""Brings the database files to the layout this version works with. Knows revisions; the layout is in `migrations/`.

Alembic is imported only when there is something to do: a start with current databases pays one small read a file.
"""

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from mandat.storage.engine.files import FILES, DatabaseFile, connect_reader, connect_writer, prepare_folder
from mandat.storage.engine.moved import refuse_moved
from mandat.storage.faults import (
    DatabaseUnreadable,
    MigrationFailed,
    NewerDatabase,
    OlderDatabase,
    RestoreUnfinished,
)

MIGRATIONS = Path(__file__).parent.parent / "migrations"

HEADS = {"grants": "grants_0002", "requests": "requests_0001", "usage": "usage_0003"}
"""The newest revision of each file. A test compares them with what Alembic finds in `migrations/`."""


RESTORE_MARKER = "restore.unfinished"
"""In the data folder while a restore exchanges the files: some are of the backup then, some are not."""


def migrate(folder: Path) -> None:
    """Creates missing databases in `folder` and brings older ones up to date.

    Raises:
        FolderNotWritable: the folder or its files cannot be made.
        NewerDatabase: one was written by a newer version. None was changed.
        DatabaseUnreadable: a file is not a database.
        MigrationFailed: the change was not accepted (a lock, a full disk); that database is as it was.
        InstallationMoved, MoveUnfinished: the files were moved to PostgreSQL, or nearly.
        RestoreUnfinished: a restore was cut off.
    """
    _refuse_unfinished(folder)
    refuse_moved(folder)
    prepare_folder(folder)
    due = [file for file in FILES if _revision(file.within(folder)) != HEADS[file.name]]
    if not due:
        return
    for file in due:
        _refuse_newer(file, folder)
    for file in due:
        try:
            _upgrade(file, folder)
        except (SQLAlchemyError, sqlite3.Error, OSError) as fault:
            words = fault.orig if isinstance(fault, DBAPIError) else fault
            raise MigrationFailed(file.within(folder), str(words)) from fault


def check_migrated(folder: Path, *, unfinished_move_to: str | None = None) -> None:
    """Does nothing when the databases have exactly the layout of this version. For the second argument see `moved`.

    Raises:
        InstallationMoved, MoveUnfinished: the files were moved to PostgreSQL, or nearly.
        OlderDatabase: one is missing or lacks migrations.
        NewerDatabase: one was written by a newer version.
        DatabaseUnreadable: a file is not a database.
        RestoreUnfinished: a restore was cut off.
    """
    _refuse_unfinished(folder)
    refuse_moved(folder, unfinished_move_to=unfinished_move_to)
    for file in FILES:
        database = file.within(folder)
        if not database.exists():
            raise OlderDatabase(database)
        if _revision(database) != HEADS[file.name]:
            _refuse_newer(file, folder)
            raise OlderDatabase(database)


def _refuse_unfinished(folder: Path) -> None:
    if (folder / RESTORE_MARKER).exists():
        raise RestoreUnfinished(folder)


def _revision(database: Path) -> str | None:
    try:
        connection = connect_reader(database)
        try:
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if known else []
        finally:
            connection.close()
    except sqlite3.Error as fault:
        raise DatabaseUnreadable(database, str(fault)) from fault
    return str(rows[0][0]) if rows else None


def _refuse_newer(file: DatabaseFile, folder: Path) -> None:
    revision = _revision(file.within(folder))
    if revision is not None and not (MIGRATIONS / file.name / f"{revision}.py").exists():
        raise NewerDatabase(file.within(folder), revision)


def _upgrade(file: DatabaseFile, folder: Path) -> None:
    from alembic import command  # noqa: PLC0415 - see the module's docstring
    from alembic.config import Config  # noqa: PLC0415

    engine = create_engine(
        "sqlite://",
        creator=lambda: connect_writer(file.within(folder), synchronous=file.synchronous),
        poolclass=StaticPool,
    )
    # IMMEDIATE: of two processes that start at once, the second waits and finds nothing left to do.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            config = Config(attributes={"connection": connection})
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.set_main_option("path_separator", "os")
            config.set_main_option("version_locations", str(MIGRATIONS / file.name).replace("%", "%%"))
            command.upgrade(config, "head")
    finally:
        engine.dispose()
