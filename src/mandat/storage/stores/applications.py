"""Registered applications: `ApplicationStore`. How rows are signed: `application_rows`."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from mandat.authority.values import Application, ApplicationStatus, AuditEntry, AuditEvent, NewApplication
from mandat.core.credential import CredentialEvent, CredentialState
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import application_secrets, applications, credentials
from mandat.storage.engine.writer import Writer
from mandat.storage.keys.sealing import Sealer
from mandat.storage.rows import is_id, is_storable
from mandat.storage.stores.application_rows import ApplicationRows, application_of
from mandat.storage.stores.audit import GONE, AuditedRecord, AuditTrail
from mandat.storage.stores.change_log import note_application_change
from mandat.storage.stores.credential_rows import CredentialRows
from mandat.storage.stores.guard import Row


class StoredApplications:
    """`ApplicationStore`."""

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        *,
        rows: ApplicationRows,
        sealer: Sealer,
        trail: AuditTrail,
        credential_rows: CredentialRows,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._rows = rows
        self._sealer = sealer
        self._trail = trail
        self._credential_rows = credential_rows

    async def add_application(
        self, *, key: str, secret: str, name: str, description: str, owner: str, at: int, audit: AuditEntry
    ) -> Application:
        """Stores a new active application with its sealed secret."""
        new = NewApplication(key, secret, name, description, owner)
        return await self._writer.run(lambda connection: self.insert(connection, new, at=at, audit=audit))

    def insert(self, connection: Connection, new: NewApplication, *, at: int, audit: AuditEntry) -> Application:
        """As part of a transaction."""
        values: dict[str, Any] = {
            "key": new.key,
            "name": new.name,
            "description": new.description,
            "owner": new.owner,
            "created": at,
            "status": ApplicationStatus.ACTIVE.value,
            "strict": False,
            "version": 1,
            "signature": b"",
            "mac": b"",
        }
        made = connection.execute(insert(applications), values).inserted_primary_key
        values["id"] = made[0] if made else 0
        sealed = self._sealer.seal(new.secret, application_id=values["id"])
        connection.execute(
            insert(application_secrets),
            {"application_id": values["id"], "key_id": sealed.key_id, "sealed": sealed.sealed, "created": at},
        )
        self._rows.write(connection, values)
        self._trail.append(connection, audit, about=AuditedRecord.application(values))
        note_application_change(connection, new.key, at=at)
        return application_of(values)

    async def find_application(self, application_id: int) -> Application | None:
        """None when there is none of that id, or it was deleted."""
        if not is_id(application_id):
            return None
        query = select(applications).where(applications.c.id == application_id)
        return await self._readers.run(
            lambda connection: self._rows.guard.read(connection.execute(query).mappings().first(), application_of)
        )

    async def find_application_by_key(self, key: str) -> Application | None:
        """None when there is none with that key, or it was deleted."""
        if not is_storable(key):
            return None
        query = select(applications).where(applications.c.key == key)
        return await self._readers.run(
            lambda connection: self._rows.guard.read(connection.execute(query).mappings().first(), application_of)
        )

    async def list_applications(self, *, owner: str | None) -> list[Application]:
        """All of one owner; of everybody with None. An altered row is left out and logged."""
        query = select(applications).order_by(applications.c.id)
        if owner is not None:
            query = query.where(applications.c.owner == owner)
        return await self._readers.run(
            lambda connection: self._rows.guard.read_all(connection.execute(query).mappings(), application_of)
        )

    async def set_application_status(
        self, application_id: int, status: ApplicationStatus, *, at: int, audit: AuditEntry
    ) -> bool:
        """False when it does not exist."""
        if not is_id(application_id):
            return False

        def job(connection: Connection) -> bool:
            row = self._rows.find(connection, application_id)
            if row is None:
                return False
            written = self._rows.rewrite(connection, row, {"status": status.value}, at=at)
            self._trail.append(connection, audit, about=written)
            return True

        return await self._writer.run(job)

    async def delete_application(self, application_id: int, *, at: int, audit: AuditEntry) -> bool:
        """Revokes its validated credentials, each with a line in its customer's history. False when it does not exist.

        An altered row can be deleted too; that takes rights away and signs nothing.
        """
        if not is_id(application_id):
            return False

        def job(connection: Connection) -> bool:
            key = connection.execute(select(applications.c.key).where(applications.c.id == application_id)).scalar()
            if key is None:
                return False
            query = select(credentials).where(
                credentials.c.application_id == application_id, credentials.c.state == CredentialState.VALIDATED.value
            )
            for row in connection.execute(query).mappings().all():
                revoked = self._credential_rows.apply_event(connection, row, CredentialEvent.REVOKE, at=at)
                if revoked is not None:
                    self._trail.append(connection, _revocation_entry(row, audit, at=at), about=revoked)
            connection.execute(
                delete(application_secrets).where(application_secrets.c.application_id == application_id)
            )
            connection.execute(delete(applications).where(applications.c.id == application_id))
            gone = AuditedRecord.application({"id": application_id, "version": GONE})
            self._trail.append(connection, audit, about=gone)
            note_application_change(connection, key, at=at)
            return True

        return await self._writer.run(job)


def _revocation_entry(row: Row, audit: AuditEntry, *, at: int) -> AuditEntry:
    return AuditEntry(
        account=row["account"],
        at=at,
        event=AuditEvent.CREDENTIAL_REVOKED,
        actor=audit.actor,
        address=audit.address,
        subject=f"credential:{row['id']}",
        details={"application_id": str(row["application_id"]), "cause": "application deleted"},
    )
