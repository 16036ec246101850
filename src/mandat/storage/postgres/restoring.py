"""Putting a database that pg_restore filled in the place of another, without giving back what was taken back since.

The same as `operations.restore` does with files: the restored database is checked row by row, compared with the one in
use, brought to the keys of now, everything that ended since ended again, all sessions ended. The one in use is only
read. Nothing is exchanged here: the operator points `storage` to the restored database afterwards. Cut off, run again.
"""

from collections.abc import Callable

import psycopg
from sqlalchemy import Connection, delete, select, update

from mandat.storage.engine import tables
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.operations.backup import BackupFault
from mandat.storage.operations.restore import Restored, keys_of_then, take_back_again
from mandat.storage.operations.since_backup import SinceBackup, compare_grants, compare_logins
from mandat.storage.postgres.access import GRANTS, REQUESTS, PostgresWriter
from mandat.storage.postgres.database import PUBLIC_KEY, open_postgres
from mandat.storage.postgres.migration import migrate_postgres
from mandat.storage.postgres.place import PostgresPlace, refusal
from mandat.storage.postgres.reading import reading_postgres
from mandat.storage.postgres.verify import verify_postgres
from mandat.storage.stores.requests import ALL_ADDRESSES

_SAME = "SELECT (pg_control_system()).system_identifier, oid FROM pg_database WHERE datname = current_database()"
_AT_WORK = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND (application_name LIKE 'mandat writer%' OR application_name LIKE 'mandat gateway%')"
)


class PostgresRestore:
    """Restores the database `restored` for the installation whose database is `current`.

    Args:
        current: the database in use until now; the same as `restored` when it is lost, and nothing can be compared.
        restored: what pg_restore filled.
        keys: of the installation; those it had then may be retired by now.
        clock: Unix seconds.
        entropy: makes nonces and salts.
    """

    def __init__(
        self,
        current: PostgresPlace,
        restored: PostgresPlace,
        keys: AuthorityKeys,
        *,
        clock: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._current = current
        self._restored = restored
        self._keys = keys_of_then(keys)
        self._clock = clock
        self._entropy = entropy

    async def restore(self, *, revive: bool = False, only_look: bool = False) -> Restored:
        """Makes the restored database ready to be served.

        Args:
            revive: leave valid what was taken back since.
            only_look: change nothing; say what would happen. The database must be of this version then.

        Raises:
            BackupFault: nodes are at work, or a row is not as the authority wrote it; nothing was changed.
            StorageFault: a database cannot be used, or belongs to other keys.
        """
        lost = _one(self._current, _SAME) == _one(self._restored, _SAME)
        if not only_look:
            self._refuse_at_work()
            migrate_postgres(self._restored)
        backup_at = self._refuse_bad()
        since = None if lost else self._compared()
        if not only_look:
            await self._make_ready(since, backup_at=backup_at, revive=revive)
        return Restored(backup_at, since, revive, None if lost or only_look else str(self._current))

    def _refuse_at_work(self) -> None:
        for place in (self._current, self._restored):
            if _one(place, _AT_WORK) != (0,):
                raise BackupFault(f"Mandat runs on {place}; stop every node first.")

    def _refuse_bad(self) -> int:
        """When the backup was made, as far as its history tells."""
        with reading_postgres(self._restored, role="restore") as connection:
            bound = select(tables.installation.c.value).where(tables.installation.c.name == PUBLIC_KEY)
            if connection.execute(bound).scalar() not in self._keys.public_keys:
                raise BackupFault(
                    f"The database {self._restored} belongs to other keys; point `keys` to the folder that was made "
                    "together with it."
                )
            last = connection.execute(select(tables.audit.c.at).order_by(tables.audit.c.id.desc()).limit(1)).scalar()
        findings = verify_postgres(self._restored, self._keys)
        if findings:
            raise BackupFault(
                f"The database {self._restored} holds rows that are not as the authority wrote them, first "
                f"{findings[0].where} ({findings[0].what}); restore an older backup."
            )
        return int(last or 0)

    def _compared(self) -> SinceBackup:
        since = SinceBackup()
        with (
            reading_postgres(self._restored, role="restore") as old,
            reading_postgres(self._current, role="restore") as new,
        ):
            compare_grants(old, new, self._keys, since)
            compare_logins(old, new, self._keys, since)
        return since

    async def _make_ready(self, since: SinceBackup | None, *, backup_at: int, revive: bool) -> None:
        at = int(self._clock())
        storage = open_postgres(
            self._restored, self._keys, clock=self._clock, entropy=self._entropy, tell_node=lambda: None
        )
        grants, requests = PostgresWriter(self._restored, GRANTS), PostgresWriter(self._restored, REQUESTS)
        try:
            await grants.run(lambda connection: _move_counters(connection, since, at=at))
            await requests.run(lambda connection: _end_sessions(connection, since))
            await take_back_again(storage, since, backup_at=backup_at, revive=revive, at=at)
        finally:
            for writer in (grants, requests):
                writer.close()
            storage.close()


def _one(place: PostgresPlace, query: str) -> tuple[object, ...] | None:
    try:
        with psycopg.connect(place.conninfo(role="restore", settings={}), autocommit=True) as connection:
            return connection.execute(query.encode()).fetchone()
    except psycopg.Error as fault:
        raise refusal(place, fault) from fault


def _move_counters(connection: Connection, since: SinceBackup | None, *, at: int) -> None:
    """No id and no number of the change log is given a second time, as far as they are known."""
    for name, number in (since.numbers if since else {}).items():
        if name == tables.grant_changes.name:
            last = connection.exec_driver_sql("SELECT coalesce(max(sequence), 0) FROM grant_changes").scalar() or 0
            connection.execute(tables.grant_changes.insert(), {"sequence": max(int(last), number) + 1, "at": at})
        elif number:
            sequence = f"pg_get_serial_sequence('{name}', 'id')"
            connection.exec_driver_sql(
                f"SELECT setval({sequence}, greatest(%s, coalesce(pg_sequence_last_value({sequence}), 1)))", (number,)
            )


def _end_sessions(connection: Connection, since: SinceBackup | None) -> None:
    """Everybody logs in anew, with the password of now; what was answered since waits no longer."""
    connection.execute(delete(tables.sessions))
    for row in since.users if since else ():
        connection.execute(update(tables.users).where(tables.users.c.id == row["id"]).values(**row))
    requests, tallies = tables.permission_requests, tables.request_tallies
    for token_hash in since.answered_tokens if since else ():
        gone = delete(requests).where(requests.c.token_hash == token_hash)
        for request in connection.execute(gone.returning(requests.c.application_id, requests.c.address)):
            of_it = tallies.c.application_id == request.application_id
            counted = of_it & tallies.c.address.in_((request.address, ALL_ADDRESSES))
            connection.execute(update(tallies).where(counted).values(waiting=tallies.c.waiting - 1))
    connection.execute(delete(tallies).where(tallies.c.waiting <= 0))
