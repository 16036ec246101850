"""Erasing the personal data of a closed account. Its history keeps what happened and when, and its chain stays whole.

Erased: logins, password hashes and addresses of its users; actor, address and details in its history, and wherever
else one of its users acted; the last addresses in its counters, and its call audit. Kept: the account's id, ids of
records, events, times.
Lines from before there were commitments are hashed whole and cannot be emptied; they are counted. Source: ADR 0008.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, Delete, Update, and_, delete, func, or_, select, update

from mandat.authority.values import AuditEntry
from mandat.storage.engine.tables import audit, call_tallies, credential_uses, credentials, users
from mandat.storage.engine.writer import Writer
from mandat.storage.keys.sealing import RowMac
from mandat.storage.stores.audit import ERASED, AuditedRecord, AuditTrail
from mandat.storage.stores.users import row_guard

AT_ONCE = 500
"""Counters changed in one statement."""


@dataclass(frozen=True, slots=True)
class Erased:
    """How many lines of history were emptied, and how many could not be."""

    lines: int
    kept: int


class Erasure:
    """Takes personal data out of the three kinds of tables. Called again after a failure, it goes on."""

    def __init__(self, *, grants: Writer, requests: Writer, usage: Writer, mac: RowMac, trail: AuditTrail) -> None:
        self._grants = grants
        self._requests = requests
        self._usage = usage
        self._guard = row_guard(mac)
        self._trail = trail

    async def erase_account(self, account: str, *, audit: AuditEntry) -> Erased | None:
        """None, and nothing changes: there is no such account, or somebody can still log in to it."""
        actors = await self._requests.run(lambda connection: _closed_actors(connection, account))
        if actors is None:
            return None
        erased, ids = await self._grants.run(lambda connection: self._empty(connection, account, actors, audit))
        for start in range(0, len(ids), AT_ONCE):
            these = credential_uses.c.credential_id.in_(ids[start : start + AT_ONCE])
            emptying = update(credential_uses).where(these).values(last_address="")
            await self._usage.run(partial(_execute, emptying))
            done = delete(call_tallies).where(call_tallies.c.credential_id.in_(ids[start : start + AT_ONCE]))
            await self._usage.run(partial(_execute, done))
        await self._requests.run(lambda connection: self._rename_users(connection, account))
        return erased

    async def erase_before(self, moment: int) -> int:
        """Empties lines of history from before `moment`; answers how many."""
        old = and_(audit.c.at < moment, audit.c.salt.is_not(None))
        change = update(audit).where(old).values(ERASED)
        return await self._grants.run(lambda connection: connection.execute(change).rowcount)

    def _empty(
        self, connection: Connection, account: str, actors: Sequence[str], entry: AuditEntry
    ) -> tuple[Erased, list[int]]:
        concerned = or_(audit.c.account == account, audit.c.actor.in_(actors))
        lines = connection.execute(update(audit).where(concerned, audit.c.salt.is_not(None)).values(ERASED)).rowcount
        whole = select(func.count()).select_from(audit).where(concerned, audit.c.commitment.is_(None))
        kept = connection.execute(whole).scalar_one()
        self._trail.append(connection, entry, about=AuditedRecord("account", 0, 0))
        ids = list(connection.execute(select(credentials.c.id).where(credentials.c.account == account)).scalars())
        return Erased(lines, kept), ids

    def _rename_users(self, connection: Connection, account: str) -> None:
        for row in connection.execute(select(users).where(users.c.account == account)).mappings().all():
            name = f"erased-{row['id']}"
            values = {**row, "login": name, "login_folded": name, "password_hash": "", "created_from": ""}
            if self._guard.is_genuine(row):  # an altered row stays refused
                values["mac"] = self._guard.mac_of(values)
            connection.execute(update(users).where(users.c.id == row["id"]), values)


def _execute(change: Update | Delete, connection: Connection) -> None:
    connection.execute(change)


def _closed_actors(connection: Connection, account: str) -> list[str] | None:
    rows = connection.execute(select(users.c.login, users.c.closed).where(users.c.account == account)).all()
    return None if not rows or any(not row.closed for row in rows) else [f"user:{row.login}" for row in rows]
