"""Opens the databases for the authority and hands out its stores.

What lies where: docs/reference/storage.md. Enforcement does not come here: see `mandat.storage.grants.reader`.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mandat.storage.engine.files import GRANTS, REQUESTS, USAGE, connect_writer, has_databases
from mandat.storage.engine.migration import check_migrated, migrate
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.sqlite import SqliteReaders, SqliteWriter
from mandat.storage.engine.writer import Writer
from mandat.storage.faults import DatabaseUnreadable, KeysOfAnotherInstallation
from mandat.storage.keys.files import LiveKeys
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.keys.mac_rekeying import MacRekeying
from mandat.storage.keys.rekeying import Rekeying
from mandat.storage.operations.erasure import Erasure
from mandat.storage.operations.retention import Retention
from mandat.storage.stores.application_rows import ApplicationRows
from mandat.storage.stores.application_secrets import StoredSecrets
from mandat.storage.stores.applications import StoredApplications
from mandat.storage.stores.audit import AuditTrail, StoredAudit
from mandat.storage.stores.credential_rows import CredentialRows
from mandat.storage.stores.credentials import StoredCredentials
from mandat.storage.stores.login_attempts import StoredLoginAttempts
from mandat.storage.stores.personal_keys import StoredPersonalKeys
from mandat.storage.stores.requests import StoredRequests
from mandat.storage.stores.sessions import StoredSessions
from mandat.storage.stores.users import StoredUsers
from mandat.storage.usage import UsageStore

__all__ = ["Storage", "has_databases", "migrate", "open_storage"]

_PUBLIC_KEY = "authority_public_key"


@dataclass(frozen=True, slots=True)
class Storage:
    """The stores of one installation. Each implements the interface of its name in `mandat.authority.interfaces`.

    `told` counts, by event, what this process wrote into history; `live` has the keys of the moment.
    """

    users: StoredUsers
    sessions: StoredSessions
    login_attempts: StoredLoginAttempts
    applications: StoredApplications
    live: LiveKeys
    secrets: StoredSecrets
    requests: StoredRequests
    credentials: StoredCredentials
    personal_keys: StoredPersonalKeys
    audit: StoredAudit
    usage: UsageStore
    rekeying: Rekeying
    erasure: Erasure
    retention: Retention
    told: Mapping[str, int]
    _writers: tuple[Writer, ...]
    _readers: tuple[Readers, ...]

    def close(self) -> None:
        """Makes what waits durable, then closes. Blocks until then; later every method raises StorageUnavailable."""
        for writer in self._writers:
            writer.close()
        for readers in self._readers:
            readers.close()


def open_storage(
    folder: Path,
    keys: AuthorityKeys,
    *,
    clock: Callable[[], float],
    entropy: Callable[[int], bytes],
    keys_folder: Path | None = None,
) -> Storage:
    """The stores on the databases in `folder`, which `migrate` has brought up to date.

    Args:
        folder: the data folder.
        keys: the keys this installation was made with.
        clock: Unix seconds; dates the seals of the audit trail.
        entropy: `entropy(size)` gives `size` unpredictable bytes; makes nonces and salts.
        keys_folder: where `keys` came from, to take up new ones when they rotate; None: they stay as they are.

    Raises:
        OlderDatabase: `migrate` was not called.
        NewerDatabase: written by a newer version.
        KeysOfAnotherInstallation: other keys made these rows.
        DatabaseUnreadable: a file is not a database.
    """
    check_migrated(folder)
    grants, requests, usage = (file.within(folder) for file in (GRANTS, REQUESTS, USAGE))
    _bind_keys(grants, keys)
    live = LiveKeys(keys, entropy, folder=keys_folder)
    trail = AuditTrail(live.signer, clock, entropy)
    return assemble(
        live,
        trail,
        grants=Access(
            SqliteWriter(grants, synchronous=GRANTS.synchronous, after_begin=live.follow, before_commit=trail.seal),
            SqliteReaders(grants),
        ),
        requests=Access(
            SqliteWriter(requests, synchronous=REQUESTS.synchronous, after_begin=live.follow), SqliteReaders(requests)
        ),
        usage=Access(SqliteWriter(usage, synchronous=USAGE.synchronous), SqliteReaders(usage)),
    )


@dataclass(frozen=True, slots=True)
class Access:
    """How the stores of one kind change and read their tables."""

    writer: Writer
    readers: Readers


def assemble(
    live: LiveKeys,
    trail: AuditTrail,
    *,
    grants: Access,
    requests: Access,
    usage: Access,
) -> Storage:
    """The stores over the given access, whatever database is behind it.

    The writer of `grants` follows `live` when it begins, and seals `trail` before it commits.
    """
    mac, signer, sealer = live.mac, live.signer, live.sealer
    rows = CredentialRows(mac, signer)
    application_rows = ApplicationRows(mac, signer, live.verifier)
    applications = StoredApplications(
        grants.writer, grants.readers, rows=application_rows, sealer=sealer, trail=trail, credential_rows=rows
    )
    credentials = StoredCredentials(grants.writer, grants.readers, rows=rows, trail=trail)
    return Storage(
        users=StoredUsers(requests.writer, requests.readers, mac=mac),
        sessions=StoredSessions(requests.writer, requests.readers, mac=mac),
        login_attempts=StoredLoginAttempts(requests.writer, requests.readers),
        applications=applications,
        live=live,
        secrets=StoredSecrets(grants.writer, grants.readers, rows=application_rows, sealer=sealer, trail=trail),
        requests=StoredRequests(requests.writer, requests.readers, mac=mac),
        credentials=credentials,
        personal_keys=StoredPersonalKeys(grants.writer, applications=applications, credentials=credentials),
        audit=StoredAudit(grants.readers),
        usage=UsageStore(usage.writer, usage.readers),
        rekeying=Rekeying(
            grants.writer,
            grants.readers,
            live=live,
            applications=application_rows,
            credentials=rows,
            trail=trail,
            macs=MacRekeying(mac, grants=(grants.writer, grants.readers), requests=(requests.writer, requests.readers)),
        ),
        erasure=Erasure(grants=grants.writer, requests=requests.writer, usage=usage.writer, mac=mac, trail=trail),
        retention=Retention(grants=grants.writer, usage=usage.writer, trail=trail),
        told=trail.told,
        _writers=(grants.writer, requests.writer, usage.writer),
        _readers=(grants.readers, requests.readers, usage.readers),
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
    # While the signing key rotates, the note may still name the one before.
    if len(rows) != 1 or rows[0][0] not in keys.public_keys:
        raise KeysOfAnotherInstallation(database)
