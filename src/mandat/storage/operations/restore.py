"""Putting a backup in the place of the databases, without giving back what was taken back since.

The backup is made ready beside the databases: checked row by row, brought to this version and these keys, everything
that was revoked, deleted, suspended or ended since ended again, all sessions ended. Only then are files exchanged, one
rename each; while that is under way a marker keeps Mandat from starting on half of it. What was there before is kept.

Nothing may run on the databases meanwhile: the caller holds the supervisor's lock.
"""

import itertools
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from mandat.authority.values import ApplicationStatus, AuditEntry, AuditEvent
from mandat.core.credential import CredentialEvent
from mandat.storage.database import Storage, open_storage
from mandat.storage.engine.files import FILES, GRANTS, REQUESTS, USAGE, connect_writer, has_databases
from mandat.storage.engine.migration import RESTORE_MARKER, migrate
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.operations.backup import BackupFault, Manifest, sync_folder, unpack_backup
from mandat.storage.operations.since_backup import SinceBackup, compare
from mandat.storage.operations.verify import verify
from mandat.storage.rows import read_networks
from mandat.storage.stores.requests import ALL_ADDRESSES

STAGE = ".restore"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did. `since` None: there was no database to compare with.

    `at` is the time of the backup; `before` is where the state that was replaced is now.
    """

    at: int
    since: SinceBackup | None
    revived: bool
    before: Path | str | None


def keys_of_then(keys: AuthorityKeys) -> AuthorityKeys:
    """Rows of former times count while a backup is made ready; afterwards only those of today do."""
    return replace(
        keys,
        earlier_public_keys=(*keys.earlier_public_keys, *keys.retired_public_keys),
        sealing_keys=(*keys.retired_sealing_keys, *keys.sealing_keys),
        earlier_mac_keys=(*keys.earlier_mac_keys, *keys.retired_mac_keys),
    )


class Restore:
    """Restores into `folder`.

    Args:
        folder: the data folder.
        keys: of the installation the backup is of; those it had then may be retired by now.
        clock: Unix seconds.
        entropy: makes nonces and salts.
    """

    def __init__(
        self, folder: Path, keys: AuthorityKeys, *, clock: Callable[[], float], entropy: Callable[[int], bytes]
    ) -> None:
        self._folder = folder
        self._then = keys_of_then(keys)
        self._clock = clock
        self._entropy = entropy

    async def restore(self, file: Path, *, revive: bool = False, only_look: bool = False) -> Restored:
        """Restores the backup in `file`.

        Args:
            file: the backup.
            revive: leave valid what was taken back since.
            only_look: change nothing; say what would happen.

        Raises:
            BackupFault: it cannot be used; nothing was changed.
            StorageFault: it belongs to other keys, or was written by a newer version; nothing was changed.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stage = self._folder / STAGE
        shutil.rmtree(stage, ignore_errors=True)
        stage.mkdir(mode=0o700)
        try:
            manifest = unpack_backup(file, stage)
            migrate(stage)
            self._refuse_bad(stage, manifest, file)
            current = self._current()
            since = None if current is None else compare(stage, current, self._then)
            if only_look:
                return Restored(manifest.at, since, revive, None)
            await self._make_ready(stage, manifest, since, revive=revive)
            return Restored(manifest.at, since, revive, self._exchange(stage, current))
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _current(self) -> Path | None:
        """Where the databases are that the backup replaces; set aside already when an exchange was cut off."""
        marker = self._folder / RESTORE_MARKER
        if marker.exists():
            aside = marker.read_text(encoding="utf-8").strip()
            return self._folder / aside if aside else None
        if not has_databases(self._folder):
            return None
        migrate(self._folder)
        return self._folder

    def _refuse_bad(self, stage: Path, manifest: Manifest, file: Path) -> None:
        if bytes.fromhex(manifest.public_key) not in self._then.public_keys:
            raise BackupFault(
                f"The backup {file} belongs to other keys; point `keys` to the folder that was made together with it."
            )
        findings = verify(stage, self._then)
        if findings:
            raise BackupFault(
                f"The backup {file} holds rows that are not as the authority wrote them, first {findings[0].where} "
                f"({findings[0].what}); use an older one."
            )

    async def _make_ready(self, stage: Path, manifest: Manifest, since: SinceBackup | None, *, revive: bool) -> None:
        """Ends everything again, and makes caches and counters of before harmless."""
        at = int(self._clock())
        _move_counters(stage, since)
        _end_sessions(stage, since)
        storage = open_storage(stage, self._then, clock=self._clock, entropy=self._entropy)
        try:
            await take_back_again(storage, since, backup_at=manifest.at, revive=revive, at=at)
        finally:
            storage.close()
        _checkpoint(stage)

    def _exchange(self, stage: Path, current: Path | None) -> Path | None:
        marker, before = self._folder / RESTORE_MARKER, None
        if current == self._folder:
            before = self._new_folder(f"before-restore-{int(self._clock())}")
            _checkpoint(self._folder)
            for database in FILES:
                shutil.copy2(database.within(self._folder), database.within(before))
            sync_folder(before)
        elif current is not None:
            before = current
        marker.write_text(before.name if before else "", encoding="utf-8")
        sync_folder(self._folder)
        for database in (USAGE, REQUESTS, GRANTS):
            target = database.within(self._folder)
            for companion in ("-wal", "-shm"):
                target.with_name(target.name + companion).unlink(missing_ok=True)
            database.within(stage).replace(target)
        sync_folder(self._folder)
        marker.unlink()
        sync_folder(self._folder)
        return before

    def _new_folder(self, name: str) -> Path:
        """A folder of that name, or with a number behind it: two restores may come within a second."""
        folder = self._folder / name
        numbers = itertools.count(2)
        while folder.exists():
            folder = self._folder / f"{name}-{next(numbers)}"
        folder.mkdir(mode=0o700)
        return folder


async def take_back_again(
    storage: Storage, since: SinceBackup | None, *, backup_at: int, revive: bool, at: int
) -> None:
    """Notes the restore in the history, brings every row to the keys of now, and ends again what had ended.

    Args:
        storage: opened on the state of the backup.
        since: what had ended; None: nobody knows.
        backup_at: when the backup was made.
        revive: leave it valid all the same.
        at: now.
    """
    details = {"backup_at": str(backup_at), "revived": "yes" if revive else "no"}
    note = _entry("", AuditEvent.INSTALLATION_RESTORED, "installation", at=at, **details)
    await storage.rekeying.note_rotation(note, at=at)
    await storage.rekeying.sign_rows()
    await storage.rekeying.seal_secrets()
    await storage.rekeying.make_macs()
    if since is not None and not revive:
        await _end_again(storage, since, at=at)


async def _end_again(storage: Storage, since: SinceBackup, *, at: int) -> None:
    for credential_id in since.revoked:
        known = await storage.credentials.find_credential(credential_id)
        if known is not None:
            subject = f"credential:{credential_id}"
            entry = _entry(known.account, AuditEvent.CREDENTIAL_REVOKED, subject, at=at, cause="ended before a restore")
            await storage.credentials.change_credentials([credential_id], CredentialEvent.REVOKE, at=at, audit=[entry])
    for credential_id, networks in since.narrowed.items():
        known = await storage.credentials.find_credential(credential_id)
        if known is not None:
            subject = f"credential:{credential_id}"
            entry = _entry(known.account, AuditEvent.CREDENTIAL_NETWORKS_CHANGED, subject, at=at)
            blocks = read_networks(networks)
            await storage.credentials.set_allowed_networks(credential_id, blocks, at=at, audit=entry)
    for application_id in since.deleted_applications:
        entry = await _about(storage, application_id, AuditEvent.APPLICATION_DELETED, at=at)
        await storage.applications.delete_application(application_id, at=at, audit=entry)
    for application_id, status in since.suspended_applications.items():
        await _suspend(storage, application_id, ApplicationStatus(status), at=at)
    for application_id, secret_id in since.ended_secrets:
        entry = await _about(storage, application_id, AuditEvent.APPLICATION_SECRET_ENDED, at=at)
        ended = await storage.secrets.end_secret(application_id, secret_id, ends=at, at=at, audit=entry)
        if ended is None:  # its successor was made after the backup: without one, nobody may sign for it
            await _suspend(storage, application_id, ApplicationStatus.INACTIVE, at=at)


async def _suspend(storage: Storage, application_id: int, status: ApplicationStatus, *, at: int) -> None:
    entry = await _about(storage, application_id, AuditEvent.APPLICATION_SUSPENDED, at=at)
    await storage.applications.set_application_status(application_id, status, at=at, audit=entry)


async def _about(storage: Storage, application_id: int, event: AuditEvent, *, at: int) -> AuditEntry:
    known = await storage.applications.find_application(application_id)
    account, key = ("", str(application_id)) if known is None else (known.owner, known.key)
    return _entry(account, event, f"application:{key}", at=at, cause="ended before a restore")


def _entry(account: str, event: AuditEvent, subject: str, *, at: int, **details: str) -> AuditEntry:
    return AuditEntry(account, at, event, "operator", "127.0.0.1", subject, details)


def _move_counters(stage: Path, since: SinceBackup | None) -> None:
    """No id and no number of the change log is given a second time, as far as they are known."""
    with closing(connect_writer(GRANTS.within(stage), synchronous=GRANTS.synchronous)) as connection:
        for name, number in (since.numbers if since else {}).items():
            known = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,)).fetchall()
            if not known:
                connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))
            elif known[0][0] < number:
                connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (number, name))


def _end_sessions(stage: Path, since: SinceBackup | None) -> None:
    """Everybody logs in anew, with the password of now; what was answered since waits no longer."""
    with closing(connect_writer(REQUESTS.within(stage), synchronous=REQUESTS.synchronous)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM sessions")
        for row in since.users if since else ():
            columns = ", ".join(f"{name} = ?" for name in row)
            connection.execute(f"UPDATE users SET {columns} WHERE id = ?", (*row.values(), row["id"]))  # noqa: S608
        for token_hash in since.answered_tokens if since else ():
            _forget_request(connection, token_hash)
        connection.execute("COMMIT")


def _forget_request(connection: sqlite3.Connection, token_hash: bytes) -> None:
    query = "DELETE FROM permission_requests WHERE token_hash = ? RETURNING application_id, address"
    for application_id, address in connection.execute(query, (token_hash,)).fetchall():
        for counted in (address, ALL_ADDRESSES):
            connection.execute(
                "UPDATE request_tallies SET waiting = waiting - 1 WHERE application_id = ? AND address = ?",
                (application_id, counted),
            )
    connection.execute("DELETE FROM request_tallies WHERE waiting <= 0")


def _checkpoint(folder: Path) -> None:
    """Everything into the database files themselves."""
    for database in FILES:
        with closing(connect_writer(database.within(folder), synchronous="FULL")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
