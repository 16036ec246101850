"""One state of a PostgreSQL database, for commands that read a lot of it while everything goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from mandat.storage.faults import DatabaseUnreadable
from mandat.storage.postgres.access import make_engine
from mandat.storage.postgres.migration import check_postgres
from mandat.storage.postgres.place import PostgresPlace, refusal

_SETTINGS = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "statement_timeout": "0",
}


@contextmanager
def reading_postgres(place: PostgresPlace, *, role: str) -> Iterator[Connection]:
    """A connection that sees the database as it is now, for the length of the block, and cannot write.

    Args:
        place: the database.
        role: see `PostgresPlace.conninfo`.

    Raises:
        StorageFault: it cannot be reached, is of another version, or ended while it was read.
    """
    try:
        with psycopg.connect(place.conninfo(role=role, settings={})) as connection:
            check_postgres(place, connection)
    except psycopg.Error as fault:
        raise refusal(place, fault) from fault
    engine = make_engine(place, role=role, settings=_SETTINGS, poolclass=NullPool)
    try:
        with engine.connect() as reader:
            yield reader
    except (SQLAlchemyError, psycopg.Error) as fault:
        words = fault.orig if isinstance(fault, DBAPIError) else fault
        raise DatabaseUnreadable(str(place), " ".join(str(words).split())) from fault
