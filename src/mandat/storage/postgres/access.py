"""The writer and the readers of one kind of tables in a PostgreSQL database.

One writer at a time in the whole installation, as on a SQLite file: a transaction that writes takes an advisory lock
first. So the history stays one chain, and the change log is committed in the order of its numbers, without gaps. Many
jobs share a commit, which is what makes one at a time fast enough (docs/adr/0007-postgresql.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import NullPool, Pool, QueuePool

from mandat.storage.engine.readers import Readers
from mandat.storage.engine.writer import Writer
from mandat.storage.postgres.bounded import BoundedSession
from mandat.storage.postgres.place import STATEMENT_SECONDS, PostgresPlace, is_hung_up

THREADS = 4
"""Reads at once. A read waits for the network half of its time."""

LOCK_SPACE = 0x4D414E44
""""MAND": the upper half of the keys of our advisory locks; the lower half is the number of a table."""

_MILLISECONDS = str(STATEMENT_SECONDS * 1000)


@dataclass(frozen=True, slots=True)
class Kind:
    """Tables that are written together. One of them gives the lock its number."""

    name: str
    locked_by: str
    durable: bool


GRANTS = Kind("grants", "grant_changes", durable=True)
REQUESTS = Kind("requests", "permission_requests", durable=True)
USAGE = Kind("usage", "credential_uses", durable=False)


class PostgresWriter(Writer):
    """Makes the changes of one kind.

    Args:
        place: the database.
        kind: which tables.
        after_begin, before_commit, after_commit: see `Writer`.
    """

    def __init__(
        self,
        place: PostgresPlace,
        kind: Kind,
        *,
        after_begin: Callable[[], None] | None = None,
        before_commit: Callable[[Connection], None] | None = None,
        after_commit: Callable[[], None] | None = None,
    ) -> None:
        settings = {
            # Each statement must see what was committed while it waited for the lock.
            "default_transaction_isolation": "read committed",
            "statement_timeout": _MILLISECONDS,
            "lock_timeout": str(STATEMENT_SECONDS * 900),
            # A node that was stopped in the middle must not hold the others' writes for long.
            "idle_in_transaction_session_timeout": _MILLISECONDS,
        }
        if not kind.durable:
            settings["synchronous_commit"] = "off"
        engine = make_engine(
            place, role=f"writer {kind.name}", settings=settings, session=BoundedSession, poolclass=NullPool
        )
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(lock_statement(kind)))
        super().__init__(
            f"{place} {kind.name}",
            engine,
            after_begin=after_begin,
            before_commit=before_commit,
            after_commit=after_commit,
        )

    def is_alive(self, connection: Connection) -> bool:
        """See `Writer`."""
        return not connection.invalidated and not is_hung_up(connection.connection.driver_connection)

    def ends_transaction(self, fault: BaseException) -> bool:
        """See `Writer`. Only what one statement itself did wrong leaves the others' changes alone."""
        harmless = (errors.DataError, errors.IntegrityError, errors.ProgrammingError)
        return isinstance(fault, DBAPIError) and not isinstance(fault.orig, harmless)

    def is_lock_wait(self, fault: BaseException) -> bool:
        """See `Writer`."""
        return isinstance(fault, DBAPIError) and isinstance(fault.orig, errors.LockNotAvailable)


class PostgresReaders(Readers):
    """Runs queries on all tables."""

    def __init__(self, place: PostgresPlace) -> None:
        settings = {
            "default_transaction_isolation": "repeatable read",
            "default_transaction_read_only": "on",
            "statement_timeout": _MILLISECONDS,
            "idle_in_transaction_session_timeout": _MILLISECONDS,
        }
        engine = make_engine(
            place,
            role="reader",
            settings=settings,
            session=BoundedSession,
            poolclass=QueuePool,
            pool_size=THREADS,
            max_overflow=0,
            pool_timeout=STATEMENT_SECONDS,
        )
        event.listen(engine, "checkout", _refuse_hung_up)
        super().__init__(str(place), engine, threads=THREADS, driver_fault=psycopg.Error)


def make_engine(
    place: PostgresPlace,
    *,
    role: str,
    settings: Mapping[str, str],
    poolclass: type[Pool],
    session: type[psycopg.Connection[Any]] = psycopg.Connection,
    **pool: Any,
) -> Engine:
    """An engine whose sessions are of the kind `session`, and set up by `settings`."""
    return create_engine(
        "postgresql+psycopg://",
        creator=_Hosts([host.conninfo(role=role, settings=settings) for host in place.each_host()], session),
        poolclass=poolclass,
        use_native_hstore=False,
        **pool,
    )


class _Hosts:
    """Connects to the host that is primary, first of all to the one that was so last: another may be silent."""

    def __init__(self, conninfos: Sequence[str], session: type[psycopg.Connection[Any]]) -> None:
        self._conninfos = tuple(conninfos)
        self._session = session

    def __call__(self) -> psycopg.Connection[Any]:
        """A session. Raises psycopg.Error: why the last of the hosts gave none."""
        conninfos = self._conninfos
        for index, conninfo in enumerate(conninfos):
            try:
                session = self._session.connect(conninfo)
            except psycopg.Error:
                if index + 1 == len(conninfos):
                    raise
            else:
                self._conninfos = (conninfo, *conninfos[:index], *conninfos[index + 1 :])
                return session
        raise AssertionError("a URL names one host at least")


def lock_statement(kind: Kind) -> str:
    """Takes the write lock of `kind` until the end of the transaction. Other schemas have other tables, other locks."""
    table = f"'{kind.locked_by}'::regclass::oid::bigint"
    return f"SELECT pg_advisory_xact_lock(({LOCK_SPACE}::bigint << 32) | {table})"


def _refuse_hung_up(connection: Any, *_: object) -> None:
    if is_hung_up(connection):
        raise DisconnectionError
