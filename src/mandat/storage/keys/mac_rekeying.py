"""Making the MACs of stored rows anew with the key of today, a few rows at a time, while everything goes on.

What a row says does not change. Rows whose MAC does not fit are left as they are. Source: ADR 0011.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, bindparam, select, update

from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import applications, credentials, permission_requests, sessions, users
from mandat.storage.engine.writer import Writer
from mandat.storage.keys.sealing import RowMac
from mandat.storage.stores import application_rows, credential_rows
from mandat.storage.stores import requests as request_rows
from mandat.storage.stores import sessions as session_rows
from mandat.storage.stores import users as user_rows
from mandat.storage.stores.guard import RowGuard

ROWS_AT_ONCE = 500
"""In one transaction: some 10 ms, so that nobody's change waits longer behind it."""


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A table whose rows carry MACs, by its primary key."""

    writer: Writer
    readers: Readers
    table: Table
    guard: RowGuard

    @property
    def key(self) -> Column[object]:
        (key,) = self.table.primary_key.columns
        return key


class MacRekeying:
    """Makes MACs anew in all tables that have them. Called again after it was cut off, it goes on."""

    def __init__(self, mac: RowMac, *, grants: tuple[Writer, Readers], requests: tuple[Writer, Readers]) -> None:
        self._tables = (
            _Guarded(*grants, applications, application_rows.row_guard(mac)),
            _Guarded(*grants, credentials, credential_rows.row_guard(mac)),
            _Guarded(*requests, users, user_rows.row_guard(mac)),
            _Guarded(*requests, sessions, session_rows.row_guard(mac)),
            _Guarded(*requests, permission_requests, request_rows.row_guard(mac)),
        )

    async def make_macs(self) -> tuple[int, list[str]]:
        """(MACs made anew, rows that are not genuine)"""
        made, left = 0, []
        for one in self._tables:
            # After a turn of the writer, which waits for the lock: what began before the keys were replaced is there.
            await one.writer.run(lambda _: None)
            keys = await one.readers.run(_keys_of(one))
            for start in range(0, len(keys), ROWS_AT_ONCE):
                done, refused = await one.writer.run(_making(one, keys[start : start + ROWS_AT_ONCE]))
                made += done
                left += refused
        return made, left


def _keys_of(one: _Guarded) -> Callable[[Connection], list[object]]:
    return lambda connection: list(connection.execute(select(one.key).order_by(one.key)).scalars())


def _making(one: _Guarded, keys: list[object]) -> Callable[[Connection], tuple[int, list[str]]]:
    change = update(one.table).where(one.key == bindparam("this")).values(mac=bindparam("made"))

    def job(connection: Connection) -> tuple[int, list[str]]:
        made, refused = [], []
        for row in connection.execute(select(one.table).where(one.key.in_(keys))).mappings().all():
            if not one.guard.is_genuine(row):
                refused.append(f"{one.table.name} {row.get('id', '')}".rstrip() + " has a MAC that does not fit")
            elif not one.guard.is_current(row):
                made.append({"this": row[one.key.name], "made": one.guard.mac_of(row)})
        if made:
            connection.execute(change, made)
        return len(made), refused

    return job
