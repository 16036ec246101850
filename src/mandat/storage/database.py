"""Opens the databases for the authority and hands out its stores.

What lies where: docs/reference/storage.md. Enforcement does not come here: see `mandat.storage.grant_reader`.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mandat.storage.engine.files import GRANTS, REQUESTS, USAGE, connect_writer, has_databases
from mandat.storage.engine.migration import check_migrated, migrate
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.writer import Writer
from mandat.storage.faults import DatabaseUnreadable, KeysOfAnotherInstallation
from mandat.storage.keys import AuthorityKeys
from mandat.storage.sealing import RowMac, RowSigner, RowVerifier, Sealer
from mandat.storage.stores.applications import SqliteApplications
from mandat.storage.stores.audit import AuditTrail, SqliteAudit
from mandat.storage.stores.credential_rows import CredentialRows
from mandat.storage.stores.credentials import SqliteCredentials
from mandat.storage.stores.login_attempts import SqliteLoginAttempts
from mandat.storage.stores.requests import SqliteRequests
from mandat.storage.stores.sessions import SqliteSessions
from mandat.storage.stores.users import SqliteUsers
from mandat.storage.usage import UsageStore

__all__ = ["Storage", "has_databases", "migrate", "open_storage"]

_PUBLIC_KEY = "authority_public_key"


@dataclass(frozen=True, slots=True)
class Storage:
    """The stores of one installation. Each implements the interface of its name in `mandat.authority.interfaces`."""

    users: SqliteUsers
    sessions: SqliteSessions
    login_attempts: SqliteLoginAttempts
    applications: SqliteApplications
    requests: SqliteRequests
    credentials: SqliteCredentials
    audit: SqliteAudit
    usage: UsageStore
    _writers: tuple[Writer, ...]
    _readers: tuple[Readers, ...]

    def close(self) -> None:
        """Makes what waits durable, then closes. Blocks until then; later every method raises StorageUnavailable."""
        for writer in self._writers:
            writer.close()
        for readers in self._readers:
            readers.close()


def open_storage(
    folder: Path, keys: AuthorityKeys, *, clock: Callable[[], float], entropy: Callable[[int], bytes]
) -> Storage:
    """The stores on the databases in `folder`, which `migrate` has brought up to date.

    Args:
        folder: the data folder.
        keys: the keys this installation was made with.
        clock: Unix seconds; dates the seals of the audit trail.
        entropy: `entropy(size)` gives `size` unpredictable bytes; makes nonces.

    Raises:
        OlderDatabase: `migrate` was not called.
        NewerDatabase: written by a newer version.
        KeysOfAnotherInstallation: other keys made these rows.
        DatabaseUnreadable: a file is not a database.
    """
    check_migrated(folder)
    grants, requests, usage = (file.within(folder) for file in (GRANTS, REQUESTS, USAGE))
    _bind_keys(grants, keys)
    mac, signer = RowMac(keys.mac_key), RowSigner(keys.signing_key)
    trail, rows = AuditTrail(signer, clock), CredentialRows(mac, signer)
    grant_writer = Writer(grants, synchronous=GRANTS.synchronous, before_commit=trail.seal)
    request_writer = Writer(requests, synchronous=REQUESTS.synchronous)
    usage_writer = Writer(usage, synchronous=USAGE.synchronous)
    grant_readers, request_readers, usage_readers = Readers(grants), Readers(requests), Readers(usage)
    return Storage(
        users=SqliteUsers(request_writer, request_readers, mac=mac),
        sessions=SqliteSessions(request_writer, request_readers, mac=mac),
        login_attempts=SqliteLoginAttempts(request_writer, request_readers),
        applications=SqliteApplications(
            grant_writer,
            grant_readers,
            mac=mac,
            signer=signer,
            verifier=RowVerifier(keys.public_key),
            sealer=Sealer(keys.sealing_keys, entropy),
            trail=trail,
            credential_rows=rows,
        ),
        requests=SqliteRequests(request_writer, request_readers, mac=mac),
        credentials=SqliteCredentials(grant_writer, grant_readers, rows=rows, trail=trail),
        audit=SqliteAudit(grant_readers),
        usage=UsageStore(usage_writer, usage_readers),
        _writers=(grant_writer, request_writer, usage_writer),
        _readers=(grant_readers, request_readers, usage_readers),
    )


def _bind_keys(database: Path, keys: AuthorityKeys) -> None:
    """Notes at the first opening whose rows these will be, and refuses other keys ever after."""
    try:
        connection = connect_writer(database, synchronous=GRANTS.synchronous)
        try:
            query = "SELECT value FROM installation WHERE name = ?"
            if not connection.execute(query, (_PUBLIC_KEY,)).fetchall():
                connection.execute("INSERT OR IGNORE INTO installation VALUES (?, ?)", (_PUBLIC_KEY, keys.public_key))
            rows = connection.execute(query, (_PUBLIC_KEY,)).fetchall()
        finally:
            connection.close()
    except sqlite3.Error as fault:
        raise DatabaseUnreadable(database, str(fault)) from fault
    if rows != [(keys.public_key,)]:
        raise KeysOfAnotherInstallation(database)
