"""Brings a PostgreSQL database to the layout of this version, and says what is wrong with one that is not there.

One chain of migrations, `migrations/postgres`, for all tables: they are in one database, and change together. It is
separate from SQLite's, because PostgreSQL numbers rows and guards the history in its own way; a test holds both to
`engine.tables`. All of a migration is one transaction.

Rolling upgrades (threats.md R16): the first node of the new version migrates while older ones serve. So a migration
only adds (columns with defaults, tables), and lists in the row `serves_revisions` of `installation` the older layouts
whose programs may go on working on the new one; an older node that finds its own there starts, and changes nothing.
"""

from pathlib import Path

import psycopg
from psycopg import Connection, errors
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from mandat.storage.engine import tables
from mandat.storage.engine.migration import MIGRATIONS
from mandat.storage.faults import MigrationFailed, NewerDatabase, OlderDatabase
from mandat.storage.postgres.access import LOCK_SPACE, make_engine
from mandat.storage.postgres.place import DatabaseRefused, PostgresPlace, refusal

HEAD = "postgres_0002"
"""The newest revision. A test compares it with what Alembic finds in `migrations/postgres`."""

OLDEST_SERVER = 140_000
"""PostgreSQL 14, as the server numbers it."""

_FOLDER = MIGRATIONS / "postgres"
SERVES = "serves_revisions"
"""The row of `installation` with the older revisions whose programs this layout still serves, parted by blanks."""

TRIES = 40
_MIGRATION_SETTINGS = {"lock_timeout": "800", "statement_timeout": "0"}
"""Whoever waits for a table makes all who come later wait behind him: so not for long (a gateway gives up after a
second), and again, TRIES times, until a `pg_dump` or a long report is done."""


def migrate_postgres(place: PostgresPlace) -> None:
    """Creates missing tables and brings older ones up to date.

    Raises:
        DatabaseRefused: it cannot be reached, lacks rights, or is set up in a way that would lose what we promise.
        NewerDatabase: written by a newer version; nothing was changed.
        MigrationFailed: the change was not accepted; the database is as it was.
    """
    for tries_left in reversed(range(TRIES)):
        try:
            _migrate(place)
            return
        except (errors.OperationalError, errors.InsufficientPrivilege) as fault:
            raise refusal(place, fault) from fault
        except (psycopg.Error, SQLAlchemyError) as fault:
            cause = fault.orig if isinstance(fault, DBAPIError) else fault
            if isinstance(cause, errors.LockNotAvailable) and tries_left:
                continue
            if isinstance(cause, errors.InsufficientPrivilege):
                raise refusal(place, cause) from fault
            raise MigrationFailed(str(place), " ".join(str(cause).split())) from fault


def _migrate(place: PostgresPlace) -> None:
    with psycopg.connect(place.conninfo(role="migration", settings=_MIGRATION_SETTINGS)) as connection:
        _check_server(place, connection)
        revision = _revision(connection)
        served = _is_served(place, connection, revision)
    if not served:
        _upgrade(place)


def check_postgres(place: PostgresPlace, connection: Connection) -> None:
    """Does nothing when the database has the layout of this version, or one that serves it, and lets us work with it.

    Raises:
        OlderDatabase: tables are missing or lack migrations.
        NewerDatabase: it was written by a newer version.
        DatabaseRefused: rights are missing.
    """
    if not _is_served(place, connection, _revision(connection)):
        raise OlderDatabase(str(place))
    for metadata in (tables.grants, tables.requests, tables.usage):
        for name in metadata.tables:
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE"):
                row = connection.execute("SELECT has_table_privilege(%s, %s)", (name, right)).fetchone()
                if row is None or not row[0]:
                    raise DatabaseRefused(
                        f"The database user lacks the right {right} on the table {name} of {place}; "
                        "grant it, or make that user the owner of Mandat's tables."
                    )


def _check_server(place: PostgresPlace, connection: Connection) -> None:
    if connection.info.server_version < OLDEST_SERVER:
        raise DatabaseRefused(f"The database {place} runs on a PostgreSQL older than 14; upgrade the server.")
    for setting, needed, why in (
        ("server_encoding", "UTF8", "names and paths may have any character; create the database with ENCODING 'UTF8'"),
        ("fsync", "on", "a power cut would take what was acknowledged; set it to on and restart the server"),
        ("full_page_writes", "on", "a power cut would damage tables; set it to on and reload the server"),
    ):
        row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        if row is None or row[0] != needed:
            raise DatabaseRefused(f"The database {place} has {setting} = {row[0] if row else ''}: {why}.")


def _revision(connection: Connection) -> str | None:
    row = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if row is None or row[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _is_served(place: PostgresPlace, connection: Connection, revision: str | None) -> bool:
    """Whether programs of this version can work on that layout as it is. False: it lacks migrations."""
    if revision == HEAD:
        return True
    if revision is None or Path(_FOLDER / f"{revision}.py").exists():
        return False
    row = connection.execute("SELECT value FROM installation WHERE name = %s", (SERVES,)).fetchone()
    if row is None or HEAD not in bytes(row[0]).decode().split():
        raise NewerDatabase(str(place), revision)
    return True


def _upgrade(place: PostgresPlace) -> None:
    from alembic import command  # noqa: PLC0415 - see mandat.storage.engine.migration
    from alembic.config import Config  # noqa: PLC0415

    engine = make_engine(place, role="migration", settings=_MIGRATION_SETTINGS, poolclass=NullPool)
    # Of two nodes that start at once, the second waits here and finds nothing left to do.
    lock = f"SELECT pg_advisory_xact_lock({LOCK_SPACE}::bigint << 32)"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(lock))
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", str(_FOLDER).replace("%", "%%"))
        command.upgrade(config, "head")
