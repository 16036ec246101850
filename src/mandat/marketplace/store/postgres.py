"""The same database on a PostgreSQL server: for several marketplaces that share it.

Tables lie in a schema of their own, beside whatever else the database has. Writing transactions hold one lock of the
server's for all processes, so that what the stores read before they write is still so, as on SQLite.
Source: PostgreSQL, "Explicit Locking: Advisory Locks".
"""

from pathlib import Path

from sqlalchemy import Column, Connection, Engine, Integer, MetaData, String, Table, create_engine, insert, select, text
from sqlalchemy import update as change
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mandat.marketplace.problems import StartRefused
from mandat.marketplace.store.database import Database, take_lock
from mandat.marketplace.store.schema import SCHEMA_VERSION, UPGRADES, metadata
from mandat.marketplace.store.workers import workers

SCHEMA = "mandat_marketplace"
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 10

_LOCK = 0x4D61_6E64  # a number for the server's lock: any that is always the same
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN_WRITING = f"BEGIN; SELECT pg_advisory_xact_lock({_LOCK})"

_about = Table(
    "about",
    MetaData(),
    Column("version", Integer, nullable=False),
    Column("key_check", String(64)),  # of the key file that values are sealed with; all marketplaces have the same
)


def is_postgres(url: str) -> bool:
    """Whether this names a PostgreSQL database."""
    return url.startswith(("postgresql://", "postgres://"))


def driver_url(url: str) -> str:
    """For SQLAlchemy, with its password.

    Raises:
        StartRefused: it is no URL of a PostgreSQL database.
    """
    try:
        parts = make_url(url) if is_postgres(url) else None
    except ArgumentError:
        parts = None
    if parts is None or not parts.database:
        raise StartRefused("The database must be named as postgresql://USER@HOST/DATABASE, or be left out.")
    if parts.password is not None:
        raise StartRefused(
            "The database's URL has a password in it, which everybody on this machine can read; take it out and set"
            " PGPASSWORD, or use a password file of libpq (~/.pgpass)."
        )
    return parts.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def open_postgres(url: str, folder: Path) -> Database:
    """Opens the database, and makes its tables when there are none. One process for each folder.

    Raises:
        StartRefused: with the sentence to show: no such database, not reachable, no rights, of a newer version.
    """
    lock_file = take_lock(folder)
    try:
        engine = create_engine(
            driver_url(url),
            pool_size=10,
            max_overflow=20,
            pool_pre_ping=True,
            isolation_level="AUTOCOMMIT",  # transactions are begun by `reading` and `writing`, not by the driver
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "mandat marketplace",
                "options": f"-c search_path={SCHEMA} -c statement_timeout={STATEMENT_SECONDS * 1000}",
            },
        )
        _create_tables(engine)
    except SQLAlchemyError as fault:
        lock_file.close()
        why = " ".join(str(fault.__cause__ or fault).split())
        raise StartRefused(
            f"The marketplace's database cannot be used ({why}); see that the server runs, and that this user may make"
            " a schema there."
        ) from None
    except BaseException:
        lock_file.close()
        raise
    return Database(engine, lock_file, begin_reading=_BEGIN_READING, begin_writing=_BEGIN_WRITING)


def is_key_known(database: Database) -> bool:
    """Whether a key file seals what is in the database: then this process must have the same."""
    with database.reading() as connection:
        return connection.execute(select(_about.c.key_check)).scalar() is not None


def check_key(database: Database, key_check: str) -> bool:
    """Whether this key is the one of all others; the first one is."""
    with database.writing() as connection:
        connection.execute(change(_about).where(_about.c.key_check.is_(None)).values(key_check=key_check))
        return connection.execute(select(_about.c.key_check)).scalar() == key_check


def _create_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.exec_driver_sql(_BEGIN_WRITING)
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        exists = connection.execute(text("SELECT to_regclass(:name)"), {"name": f"{SCHEMA}.about"}).scalar() is not None
        version = int(connection.execute(select(_about.c.version)).scalar_one()) if exists else 0
        if version > SCHEMA_VERSION:
            raise StartRefused(
                f"The marketplace's database is of version {version}, newer than this program knows ({SCHEMA_VERSION});"
                " start it with the newer program."
            )
        if not exists:
            _create_all(connection)
        for older in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
            for statement in UPGRADES[older]:
                connection.exec_driver_sql(statement)
        connection.execute(change(_about).values(version=SCHEMA_VERSION))
        connection.exec_driver_sql("COMMIT")


def _create_all(connection: Connection) -> None:
    _about.create(connection)
    workers.create(connection)
    metadata.create_all(connection)
    connection.execute(insert(_about).values(version=SCHEMA_VERSION))
