"""Opens a PostgreSQL database for the authority and hands out its stores. They are the same as on SQLite."""

from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import Connection

from mandat.storage.database import Access, Storage, assemble
from mandat.storage.faults import KeysOfAnotherInstallation
from mandat.storage.keys.files import LiveKeys
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.postgres.access import GRANTS, REQUESTS, USAGE, PostgresReaders, PostgresWriter
from mandat.storage.postgres.migration import check_postgres
from mandat.storage.postgres.place import CHANGES_CHANNEL, PostgresPlace, refusal
from mandat.storage.stores.audit import AuditTrail

PUBLIC_KEY = "authority_public_key"
"""The row of `installation` that says whose keys made the others."""


def has_installation(place: PostgresPlace) -> bool:
    """True when the migrated database holds rows that only their own keys can verify.

    Raises:
        DatabaseRefused: it cannot be reached, or lacks rights.
    """
    try:
        with psycopg.connect(place.conninfo(role="start", settings={})) as connection:
            return _bound_to(connection) is not None
    except psycopg.Error as fault:
        raise refusal(place, fault) from fault


def open_postgres(
    place: PostgresPlace,
    keys: AuthorityKeys,
    *,
    clock: Callable[[], float],
    entropy: Callable[[int], bytes],
    tell_node: Callable[[], None],
    keys_folder: Path | None = None,
) -> Storage:
    """The stores on the database at `place`, which `migrate_postgres` has brought up to date.

    Args:
        place: the database.
        keys: the keys this installation was made with.
        clock: Unix seconds; dates the seals of the audit trail.
        entropy: `entropy(size)` gives `size` unpredictable bytes; makes nonces.
        tell_node: called when a change of grants is committed, before anybody is answered. Must not raise.
        keys_folder: where `keys` came from, to take up new ones when they rotate; None: they stay as they are.

    Raises:
        DatabaseRefused: it cannot be reached, or lacks rights.
        OlderDatabase: `migrate_postgres` was not called.
        NewerDatabase: written by a newer version.
        KeysOfAnotherInstallation: other keys made these rows.
    """
    try:
        with psycopg.connect(place.conninfo(role="start", settings={})) as connection:
            check_postgres(place, connection)
            bind_keys(place, connection, keys)
    except psycopg.Error as fault:
        raise refusal(place, fault) from fault
    live = LiveKeys(keys, entropy, folder=keys_folder)
    trail = AuditTrail(live.signer, clock, entropy)

    def before_commit(connection: Connection) -> None:
        trail.seal(connection)
        connection.exec_driver_sql(f"NOTIFY {CHANGES_CHANNEL}")

    writer = PostgresWriter(place, GRANTS, after_begin=live.follow, before_commit=before_commit, after_commit=tell_node)
    readers = PostgresReaders(place)
    return assemble(
        live,
        trail,
        grants=Access(writer, readers),
        requests=Access(PostgresWriter(place, REQUESTS, after_begin=live.follow), readers),
        usage=Access(PostgresWriter(place, USAGE), readers),
    )


def bind_keys(place: PostgresPlace, connection: psycopg.Connection, keys: AuthorityKeys) -> None:
    """Notes at the first opening whose rows these will be, and refuses other keys ever after."""
    connection.execute(
        "INSERT INTO installation (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING", (PUBLIC_KEY, keys.public_key)
    )
    # While the signing key rotates, the note may still name the one before.
    if _bound_to(connection) not in keys.public_keys:
        raise KeysOfAnotherInstallation(str(place))


def _bound_to(connection: psycopg.Connection) -> bytes | None:
    row = connection.execute("SELECT value FROM installation WHERE name = %s", (PUBLIC_KEY,)).fetchone()
    return None if row is None else bytes(row[0])
