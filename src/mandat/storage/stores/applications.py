"""Registered applications: `ApplicationStore` on SQLite.

Enforcement verifies the signature, which covers what it uses, sealed secrets included; the authority checks its own
MAC, which covers the signature too. Nothing is signed again before the old signature was verified.
"""

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mandat.authority.interfaces import RecordTampered
from mandat.authority.values import Application, ApplicationStatus, AuditEntry, AuditEvent
from mandat.core.credential import CredentialEvent, CredentialState
from mandat.core.grant_bytes import application_bytes
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import application_secrets, applications, credentials
from mandat.storage.engine.writer import Writer
from mandat.storage.rows import is_id, is_storable
from mandat.storage.sealing import RowMac, RowSigner, RowVerifier, Sealer
from mandat.storage.stores.audit import GONE, AuditedRecord, AuditTrail
from mandat.storage.stores.change_log import note_application_change
from mandat.storage.stores.credential_rows import CredentialRows
from mandat.storage.stores.guard import Row, RowGuard

_GUARDED = ("id", "key", "name", "description", "owner", "status", "strict", "created", "version", "signature")


def signed_bytes(row: Row, sealed_secrets: list[bytes]) -> bytes:
    """What the authority signs for a row of `applications`. Secrets in order of their ids, oldest first."""
    return application_bytes(
        application_id=row["id"],
        key=row["key"],
        name=row["name"],
        description=row["description"],
        owner=row["owner"],
        status=row["status"],
        strict=row["strict"],
        sealed_secrets=sealed_secrets,
        version=row["version"],
    )


def row_guard(mac: RowMac) -> RowGuard:
    """Tells genuine rows of this table from altered ones."""
    return RowGuard(mac, "application", _GUARDED)


class SqliteApplications:
    """`ApplicationStore`."""

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        *,
        mac: RowMac,
        signer: RowSigner,
        verifier: RowVerifier,
        sealer: Sealer,
        trail: AuditTrail,
        credential_rows: CredentialRows,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._guard = row_guard(mac)
        self._signer = signer
        self._verifier = verifier
        self._sealer = sealer
        self._trail = trail
        self._credential_rows = credential_rows

    async def add_application(
        self, *, key: str, secret: str, name: str, description: str, owner: str, at: int, audit: AuditEntry
    ) -> Application:
        """Stores a new active application with its sealed secret."""
        given = {"key": key, "name": name, "description": description, "owner": owner, "created": at}

        def job(connection: Connection) -> Application:
            first = {"status": ApplicationStatus.ACTIVE.value, "strict": False, "version": 1}
            values: dict[str, Any] = given | first | {"signature": b"", "mac": b""}
            made = connection.execute(insert(applications), values).inserted_primary_key
            values["id"] = made[0] if made else 0
            sealed = self._sealer.seal(secret, application_id=values["id"])
            connection.execute(
                insert(application_secrets),
                {"application_id": values["id"], "key_id": sealed.key_id, "sealed": sealed.sealed, "created": at},
            )
            self._write(connection, values, [sealed.sealed])
            self._trail.append(connection, audit, about=AuditedRecord.application(values))
            note_application_change(connection, key, at=at)
            return _application(values)

        return await self._writer.run(job)

    async def find_application(self, application_id: int) -> Application | None:
        """None when there is none of that id, or it was deleted."""
        if not is_id(application_id):
            return None
        query = select(applications).where(applications.c.id == application_id)
        return await self._readers.run(
            lambda connection: self._guard.read(connection.execute(query).mappings().first(), _application)
        )

    async def find_application_by_key(self, key: str) -> Application | None:
        """None when there is none with that key, or it was deleted."""
        if not is_storable(key):
            return None
        query = select(applications).where(applications.c.key == key)
        return await self._readers.run(
            lambda connection: self._guard.read(connection.execute(query).mappings().first(), _application)
        )

    async def list_applications(self, *, owner: str | None) -> list[Application]:
        """All of one owner; of everybody with None. An altered row is left out and logged."""
        query = select(applications).order_by(applications.c.id)
        if owner is not None:
            query = query.where(applications.c.owner == owner)
        return await self._readers.run(
            lambda connection: self._guard.read_all(connection.execute(query).mappings(), _application)
        )

    async def set_application_status(
        self, application_id: int, status: ApplicationStatus, *, at: int, audit: AuditEntry
    ) -> bool:
        """False when it does not exist."""
        if not is_id(application_id):
            return False

        def job(connection: Connection) -> bool:
            row = connection.execute(select(applications).where(applications.c.id == application_id)).mappings().first()
            if self._guard.read(row, _application) is None or row is None:
                return False
            sealed = _sealed_secrets(connection, application_id)
            if not self._verifier.check(row["signature"], signed_bytes(row, sealed)):
                raise RecordTampered(f"application {application_id} has altered secrets")
            values = dict(row) | {"status": status.value, "version": row["version"] + 1}
            self._write(connection, values, sealed)
            self._trail.append(connection, audit, about=AuditedRecord.application(values))
            note_application_change(connection, row["key"], at=at)
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

    def _write(self, connection: Connection, values: dict[str, Any], sealed_secrets: list[bytes]) -> None:
        values["signature"] = self._signer.sign(signed_bytes(values, sealed_secrets))
        values["mac"] = self._guard.mac_of(values)
        connection.execute(update(applications).where(applications.c.id == values["id"]), values)


def _sealed_secrets(connection: Connection, application_id: int) -> list[bytes]:
    query = (
        select(application_secrets.c.sealed)
        .where(application_secrets.c.application_id == application_id)
        .order_by(application_secrets.c.id)
    )
    return list(connection.execute(query).scalars())


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


def _application(row: Row) -> Application:
    return Application(
        id=row["id"],
        key=row["key"],
        name=row["name"],
        description=row["description"],
        owner=row["owner"],
        status=ApplicationStatus(row["status"]),
        strict=row["strict"],
        created=row["created"],
    )
