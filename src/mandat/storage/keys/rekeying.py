"""Making stored rows anew with the keys of today, a few at a time, while everything goes on.

What a row says does not change, so neither does its version, and its history gets no line. Rows that are not genuine
are left as they are: nothing is signed again that was not verified. Which keys there are, and when an old one may go,
is decided in `storage.keys.rotation`.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Table, select, update

from mandat.authority.interfaces import RecordTampered
from mandat.authority.values import AuditEntry
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import application_secrets, applications, credentials, installation
from mandat.storage.engine.writer import Writer
from mandat.storage.keys.files import LiveKeys
from mandat.storage.keys.mac_rekeying import MacRekeying
from mandat.storage.keys.sealing import RowVerifier, SealedSecret, Unsealer
from mandat.storage.rows import DamagedRow
from mandat.storage.stores.application_rows import ApplicationRows, secret_rows
from mandat.storage.stores.application_rows import signed_bytes as application_signed_bytes
from mandat.storage.stores.audit import AuditedRecord, AuditTrail
from mandat.storage.stores.change_log import make_everybody_forget
from mandat.storage.stores.credential_rows import CredentialRows
from mandat.storage.stores.credential_rows import signed_bytes as credential_signed_bytes

ROWS_AT_ONCE = 100
"""In one transaction: some 25 ms of signing, so that nobody's change waits longer behind it."""

PUBLIC_KEY = "authority_public_key"
"""The name under which the table `installation` says whose rows these are."""


class Rekeying:
    """What a rotation does to the rows. Every method can be called again after it was cut off, and goes on."""

    def __init__(
        self,
        writer: Writer,
        readers: Readers,
        *,
        live: LiveKeys,
        applications: ApplicationRows,
        credentials: CredentialRows,
        trail: AuditTrail,
        macs: MacRekeying,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._live = live
        self._applications = applications
        self._credentials = credentials
        self._trail = trail
        self._macs = macs

    async def note_rotation(self, audit: AuditEntry, *, at: int, concerns_gateways: bool = True) -> None:
        """Writes the installation's own line of history, names the current signing key, and empties all caches.

        The commit is sealed with the current key. That seal covers the whole history before it. The caches stay when
        the keys are none of the gateways'.
        """

        def job(connection: Connection) -> None:
            this = installation.c.name == PUBLIC_KEY
            connection.execute(update(installation).where(this).values(value=self._live.keys.public_key))
            self._trail.append(connection, audit, about=AuditedRecord("installation", 0, 0))
            if concerns_gateways:
                make_everybody_forget(connection, at=at)

        await self._writer.run(job)

    async def seal_secrets(self) -> tuple[int, list[str]]:
        """Seals with the newest key what was sealed with another one. (secrets sealed anew, what could not be)"""
        sealed, left = 0, []
        for application_id in await self._ids(applications):
            try:
                sealed += await self._writer.run(self._sealing(application_id))
            except RecordTampered as fault:
                left.append(str(fault))
        return sealed, left

    async def sign_rows(self) -> tuple[int, list[str]]:
        """Signs with the current key what an earlier one signed. (rows signed anew, what is not genuine)"""
        signed, left = 0, []
        for table, job in ((applications, self._sign_application), (credentials, self._sign_credential)):
            ids = await self._ids(table)
            for start in range(0, len(ids), ROWS_AT_ONCE):
                done, refused = await self._writer.run(_signing(job, ids[start : start + ROWS_AT_ONCE]))
                signed += done
                left += refused
        return signed, left

    async def make_macs(self) -> tuple[int, list[str]]:
        """Makes with the current key the MACs that another one made. (MACs made anew, rows that are not genuine)"""
        return await self._macs.make_macs()

    async def _ids(self, table: Table) -> list[int]:
        # After a turn of the writer, which waits for the lock: what began before the keys were replaced is there now.
        await self._writer.run(lambda _: None)
        query = select(table.c.id).order_by(table.c.id)
        return await self._readers.run(lambda connection: list(connection.execute(query).scalars()))

    def _sealing(self, application_id: int) -> Callable[[Connection], int]:
        def job(connection: Connection) -> int:
            keys, sealer = self._live.keys, self._live.sealer
            newest = keys.sealing_keys[-1].id
            old = [secret for secret in secret_rows(connection, application_id) if secret["key_id"] != newest]
            row = self._applications.find(connection, application_id) if old else None
            if row is None:
                return 0
            unsealer = Unsealer((*keys.retired_sealing_keys, *keys.sealing_keys))
            for secret in old:
                text = unsealer.unseal(SealedSecret(secret["key_id"], secret["sealed"]), application_id=application_id)
                if text is None:
                    raise RecordTampered(f"application {application_id} has a secret that does not open")
                anew = sealer.seal(text.decode("ascii"), application_id=application_id)
                connection.execute(
                    update(application_secrets)
                    .where(application_secrets.c.id == secret["id"])
                    .values(key_id=anew.key_id, sealed=anew.sealed)
                )
            self._applications.write(connection, dict(row))
            return len(old)

        return job

    def _sign_application(self, connection: Connection, application_id: int) -> bool:
        row = self._applications.find(connection, application_id)
        if row is None or self._is_current(
            row["signature"], application_signed_bytes(row, secret_rows(connection, application_id))
        ):
            return False
        self._applications.write(connection, dict(row))
        return True

    def _sign_credential(self, connection: Connection, credential_id: int) -> bool:
        row = connection.execute(select(credentials).where(credentials.c.id == credential_id)).mappings().first()
        if row is None:
            return False
        try:
            message = credential_signed_bytes(row)
        except (DamagedRow, AttributeError, TypeError, ValueError):
            message = b""
        if self._is_current(row["signature"], message):
            return False
        if not (self._credentials.guard.is_genuine(row) and self._live.verifier.check(row["signature"], message)):
            raise RecordTampered(f"credential {credential_id} is not as the authority wrote it")
        values = self._credentials.protect(row)
        connection.execute(update(credentials).where(credentials.c.id == credential_id), values)
        return True

    def _is_current(self, signature: Any, message: bytes) -> bool:
        return RowVerifier(self._live.keys.public_key).check(signature, message)


def _signing(sign: Callable[[Connection, int], bool], ids: list[int]) -> Callable[[Connection], tuple[int, list[str]]]:
    def job(connection: Connection) -> tuple[int, list[str]]:
        signed, refused = 0, []
        for row_id in ids:
            try:
                signed += sign(connection, row_id)
            except RecordTampered as fault:
                refused.append(str(fault))
        return signed, refused

    return job
