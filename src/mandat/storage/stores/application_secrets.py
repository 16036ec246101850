"""The secrets of applications: `SecretStore`. Each change signs the application's row again."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mandat.authority.interfaces import RecordTampered, TooManySecrets
from mandat.authority.values import ApplicationSecret, AuditEntry, AuditEvent
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import application_secrets
from mandat.storage.engine.writer import Writer
from mandat.storage.keys.sealing import Sealer
from mandat.storage.rows import is_id
from mandat.storage.stores.application_rows import ApplicationRows, secret_rows
from mandat.storage.stores.audit import AuditTrail
from mandat.storage.stores.guard import Row, log


class StoredSecrets:
    """`SecretStore`."""

    def __init__(
        self, writer: Writer, readers: Readers, *, rows: ApplicationRows, sealer: Sealer, trail: AuditTrail
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._rows = rows
        self._sealer = sealer
        self._trail = trail

    async def list_secrets(self, application_id: int) -> list[ApplicationSecret]:
        """Those stored, oldest first; one whose end has passed is among them until it is removed."""
        if not is_id(application_id):
            return []
        return await self._readers.run(
            lambda connection: [_secret(row) for row in secret_rows(connection, application_id)]
        )

    async def add_secret(
        self, application_id: int, secret: str, *, most: int, at: int, audit: AuditEntry
    ) -> ApplicationSecret | TooManySecrets | None:
        """A further secret; those whose end has passed do not count towards `most`."""

        def job(connection: Connection) -> ApplicationSecret | TooManySecrets | None:
            row = self._rows.find(connection, application_id)
            if row is None:
                return None
            if len(_usable(secret_rows(connection, application_id), at=at)) >= most:
                return TooManySecrets()
            sealed = self._sealer.seal(secret, application_id=application_id)
            values: dict[str, Any] = {
                "application_id": application_id,
                "key_id": sealed.key_id,
                "sealed": sealed.sealed,
                "created": at,
                "ends": None,
            }
            made = connection.execute(insert(application_secrets), values).inserted_primary_key
            self._trail.append(connection, audit, about=self._rows.rewrite(connection, row, {}, at=at))
            return _secret(values | {"id": made[0] if made else 0})

        return await self._writer.run(job) if is_id(application_id) else None

    async def end_secret(
        self, application_id: int, secret_id: int, *, ends: int, at: int, audit: AuditEntry
    ) -> ApplicationSecret | None:
        """Lets it sign until `ends`; removes it when that is not after `at`."""

        def job(connection: Connection) -> ApplicationSecret | None:
            row = self._rows.find(connection, application_id)
            secrets = secret_rows(connection, application_id) if row is not None else []
            ended = next((secret for secret in secrets if secret["id"] == secret_id), None)
            lasting = [secret for secret in secrets if secret["ends"] is None and secret["id"] != secret_id]
            if row is None or ended is None or not lasting:
                return None
            this = application_secrets.c.id == secret_id
            if ends > at:
                connection.execute(update(application_secrets).where(this).values(ends=ends))
            else:
                connection.execute(delete(application_secrets).where(this))
            self._trail.append(connection, audit, about=self._rows.rewrite(connection, row, {}, at=at))
            return _secret({**ended, "ends": ends})

        return await self._writer.run(job) if is_id(application_id) and is_id(secret_id) else None

    async def remove_ended_secrets(self, *, at: int) -> int:
        """Forgets those whose end has passed, each application in a job of its own; answers how many."""
        ended = select(application_secrets.c.application_id).where(application_secrets.c.ends <= at).distinct()
        affected = await self._readers.run(lambda connection: list(connection.execute(ended).scalars()))
        removed = 0
        for application_id in affected:
            try:
                removed += await self._writer.run(self._removal(application_id, at=at))
            except RecordTampered as fault:
                log.error("its ended secrets stay: %s", fault)
        return removed

    def _removal(self, application_id: int, *, at: int) -> Any:
        def job(connection: Connection) -> int:
            row = self._rows.find(connection, application_id)
            if row is None:
                return 0
            ended = [secret for secret in secret_rows(connection, application_id) if _has_ended(secret, at=at)]
            for secret in ended:
                connection.execute(delete(application_secrets).where(application_secrets.c.id == secret["id"]))
            if ended:
                entry = AuditEntry(
                    account=row["owner"],
                    at=at,
                    event=AuditEvent.APPLICATION_SECRET_ENDED,
                    actor="system",
                    address="",
                    subject=f"application:{row['key']}",
                    details={"secret": ", ".join(str(secret["id"]) for secret in ended), "cause": "its end has passed"},
                )
                self._trail.append(connection, entry, about=self._rows.rewrite(connection, row, {}, at=at))
            return len(ended)

        return job


def _usable(secrets: Sequence[Row], *, at: int) -> list[Row]:
    return [secret for secret in secrets if not _has_ended(secret, at=at)]


def _has_ended(secret: Row, *, at: int) -> bool:
    return secret["ends"] is not None and secret["ends"] <= at


def _secret(row: Row) -> ApplicationSecret:
    return ApplicationSecret(
        id=row["id"], application_id=row["application_id"], created=row["created"], ends=row["ends"]
    )
