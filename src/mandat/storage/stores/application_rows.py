"""Rows of `applications` and their secrets: reading, signing and writing them. Inside transactions only.

Enforcement verifies the signature, which covers what it uses, sealed secrets and their ends included; the authority
checks its own MAC, which covers the signature too. Nothing is signed again before the old signature was verified.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from mandat.authority.interfaces import RecordTampered
from mandat.authority.values import Application, ApplicationStatus
from mandat.core.grant_bytes import application_bytes
from mandat.storage.engine.tables import application_secrets, applications
from mandat.storage.keys.sealing import RowMac, RowSigner, RowVerifier
from mandat.storage.stores.audit import AuditedRecord
from mandat.storage.stores.change_log import note_application_change
from mandat.storage.stores.guard import Row, RowGuard

_GUARDED = ("id", "key", "name", "description", "owner", "status", "strict", "created", "version", "signature")


def row_guard(mac: RowMac) -> RowGuard:
    """Tells genuine rows of this table from altered ones."""
    return RowGuard(mac, "application", _GUARDED)


def signed_bytes(row: Row, secrets: Sequence[Row]) -> bytes:
    """What the authority signs for a row of `applications` with its rows of `application_secrets`, oldest first."""
    return application_bytes(
        application_id=row["id"],
        key=row["key"],
        name=row["name"],
        description=row["description"],
        owner=row["owner"],
        status=row["status"],
        strict=row["strict"],
        sealed_secrets=[secret["sealed"] for secret in secrets],
        version=row["version"],
        secret_ends=[secret["ends"] for secret in secrets],
    )


def secret_rows(connection: Connection, application_id: int) -> list[Row]:
    """The rows of its secrets, oldest first."""
    query = (
        select(application_secrets)
        .where(application_secrets.c.application_id == application_id)
        .order_by(application_secrets.c.id)
    )
    return list(connection.execute(query).mappings())


class ApplicationRows:
    """Reads and writes rows of `applications` as the authority."""

    def __init__(self, mac: RowMac, signer: RowSigner, verifier: RowVerifier) -> None:
        self.guard = row_guard(mac)
        self._signer = signer
        self._verifier = verifier

    def find(self, connection: Connection, application_id: int) -> Row | None:
        """The row; None when there is none. Raises RecordTampered when it, or one of its secrets, was altered."""
        row = connection.execute(select(applications).where(applications.c.id == application_id)).mappings().first()
        if self.guard.read(row, application_of) is None or row is None:
            return None
        try:
            message = signed_bytes(row, secret_rows(connection, application_id))
        except (AttributeError, TypeError, ValueError):  # a column holds what was never written there
            message = b""
        if not self._verifier.check(row["signature"], message):
            raise RecordTampered(f"application {application_id} has altered secrets")
        return row

    def write(self, connection: Connection, values: dict[str, Any]) -> None:
        """Signs `values` with the secrets that are stored now, and stores them under their id."""
        values["signature"] = self._signer.sign(signed_bytes(values, secret_rows(connection, values["id"])))
        values["mac"] = self.guard.mac_of(values)
        connection.execute(update(applications).where(applications.c.id == values["id"]), values)

    def rewrite(self, connection: Connection, row: Row, changes: Row, *, at: int) -> AuditedRecord:
        """Writes a row that `find` gave as its next version, and tells the gateways. What to write into the history."""
        values = {**row, **changes, "version": row["version"] + 1}
        self.write(connection, values)
        note_application_change(connection, row["key"], at=at)
        return AuditedRecord.application(values)


def application_of(row: Row) -> Application:
    """The record in a row. Raises ValueError when a column holds what was never written there."""
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
