"""Forgetting what is older than the operator wants to keep, some at a time so that nobody's change waits long.

A delegation that is forgotten leaves its history; its consumer key then means as little as one that never existed.
"""

from sqlalchemy import Connection, delete, or_, select

from mandat.authority.values import AuditEntry, AuditEvent
from mandat.core.credential import CredentialState
from mandat.storage.engine.tables import call_tallies, credential_uses, credentials, rule_uses, secret_uses
from mandat.storage.engine.writer import Writer
from mandat.storage.stores.audit import GONE, AuditedRecord, AuditTrail
from mandat.storage.stores.change_log import note_grant_change

FORGOTTEN_AT_ONCE = 100
"""In one transaction; each writes a line of history."""


class Retention:
    """Takes out old rows."""

    def __init__(self, *, grants: Writer, usage: Writer, trail: AuditTrail) -> None:
        self._grants = grants
        self._usage = usage
        self._trail = trail

    async def forget_credentials(self, *, ended_before: int, at: int) -> int:
        """Delegations that were refused, revoked, logged out or ran out before that time. How many."""
        ran_out = (credentials.c.state == CredentialState.VALIDATED.value) & (credentials.c.expires < ended_before)
        ended = (credentials.c.state != CredentialState.VALIDATED.value) & (credentials.c.changed < ended_before)
        query = select(credentials).where(or_(ran_out, ended)).order_by(credentials.c.id).limit(FORGOTTEN_AT_ONCE)

        def job(connection: Connection) -> int:
            rows = connection.execute(query).mappings().all()
            for row in rows:
                connection.execute(delete(credentials).where(credentials.c.id == row["id"]))
                entry = AuditEntry(
                    account=row["account"],
                    at=at,
                    event=AuditEvent.CREDENTIAL_FORGOTTEN,
                    actor="system",
                    address="",
                    subject=f"credential:{row['id']}",
                    details={"application_id": str(row["application_id"])},
                )
                self._trail.append(connection, entry, about=AuditedRecord("credential", row["id"], GONE))
                note_grant_change(connection, row["consumer_key_hash"], at=at)
            return len(rows)

        forgotten = 0
        while True:
            taken = await self._grants.run(job)
            forgotten += taken
            if taken < FORGOTTEN_AT_ONCE:
                return forgotten

    async def forget_calls(self, *, before: int) -> int:
        """What was done with keys before that time. How many lines."""
        old = delete(call_tallies).where(call_tallies.c.minute < before)
        return await self._usage.run(lambda connection: connection.execute(old).rowcount)

    async def forget_uses(self, *, last_before: int) -> int:
        """Counters of delegations, rules and secrets that were not used since that time. How many."""

        def job(connection: Connection) -> int:
            return sum(
                connection.execute(delete(table).where(table.c.last_at < last_before)).rowcount
                for table in (credential_uses, rule_uses, secret_uses)
            )

        return await self._usage.run(job)
