"""What gateways read: grants and applications, from memory as long as nothing changed. `GrantSource` on SQLite.

Plain sqlite3 on connections that cannot write; no ORM on the way here. Rows are believed only after the authority's
signature was verified, once, when they are loaded.

Freshness. SQLite's `data_version` differs after every commit of anybody else (about 3 us). When it does, the entries
that `grant_changes` names since the last sequence read are dropped and nothing else; a gap in the sequence drops all.
Never kept: "does not exist", and pending requests. Those end by a commit to another file, or by none at all.
"""

import sqlite3
from collections import OrderedDict
from pathlib import Path
from typing import Any, Generic, TypeVar

from mandat.core.credential import CredentialState
from mandat.core.grant import Grant, KnownApplication
from mandat.core.grant_bytes import application_bytes, grant_bytes
from mandat.core.rules import compile_rules
from mandat.enforcement.interfaces import MISSING, Missing, SourceUnavailable
from mandat.storage.engine.files import GRANTS, REQUESTS, connect_reader
from mandat.storage.keys import NodeKeys
from mandat.storage.rows import DamagedRow, read_networks, read_rules
from mandat.storage.sealing import RowVerifier, SealedSecret, Unsealer

Key = TypeVar("Key")
Value = TypeVar("Value")

_BUSY_SECONDS = 0.2
"""Reads run on the gateway's loop: a database that recovers from a crash must not stop the others' calls for long."""

_USABLE = frozenset({"active", "trusted"})
"""wire.md 2: applications in the other states may not be used."""

_GRANT = (
    "SELECT id, application_id, account, state, suspended, rules, allowed_networks, created, expires,"
    " version, signature FROM credentials WHERE consumer_key_hash = ?"
)
_PENDING = (
    "SELECT application_id, rules, allowed_networks, created, expires"
    " FROM permission_requests WHERE consumer_key_hash = ?"
)
_APPLICATION = "SELECT id, name, description, owner, status, strict, version, signature FROM applications WHERE key = ?"
_SECRETS = "SELECT key_id, sealed FROM application_secrets WHERE application_id = ? ORDER BY id"
_CHANGES = "SELECT sequence, consumer_key_hash, application_key FROM grant_changes WHERE sequence > ? ORDER BY sequence"
_LAST_CHANGE = "SELECT max(sequence) FROM grant_changes"

_GRANT_TYPES = (int, int, str, str, int, str, (str, type(None)), int, (int, type(None)), int, bytes)
_APPLICATION_TYPES = (int, str, str, str, str, int, int, bytes)


class SqliteGrantSource:
    """`GrantSource`. Belongs to one event loop, on which it also loads (tens of microseconds, and one verification).

    Args:
        folder: the data folder.
        keys: verifies and unseals; can sign nothing.
        most_grants: kept in memory, least recently used dropped first. Each takes less than 1 KB beside its rule set,
            which equal grants share.
        most_applications: kept in memory.
    """

    def __init__(
        self, folder: Path, keys: NodeKeys, *, most_grants: int = 50_000, most_applications: int = 5_000
    ) -> None:
        self._grants_file = GRANTS.within(folder)
        self._requests_file = REQUESTS.within(folder)
        self._verifier = RowVerifier(keys.authority_public_key)
        self._unsealer = Unsealer(keys.sealing_keys)
        self._grants: _Recent[bytes, Grant] = _Recent(most_grants)
        self._applications: _Recent[str, KnownApplication] = _Recent(most_applications)
        self._grants_connection: sqlite3.Connection | None = None
        self._requests_connection: sqlite3.Connection | None = None
        self._data_version = 0
        self._sequence = 0
        self._held = False

    def peek_application(self, application_key: str) -> KnownApplication | Missing:
        """From memory. MISSING also for one that does not exist: only `find_application` says so."""
        if not self._held:
            self.check_freshness()
        return self._applications.get(application_key, MISSING)

    def peek_grant(self, consumer_key_hash: bytes) -> Grant | Missing:
        """From memory. MISSING also for pending and unknown ones: only `find_grant` tells them apart."""
        if not self._held:
            self.check_freshness()
        return self._grants.get(consumer_key_hash, MISSING)

    async def find_application(self, application_key: str) -> KnownApplication | None:
        """From memory or storage. None: does not exist. Raises SourceUnavailable."""
        known = self.peek_application(application_key)
        if known is not MISSING:
            return known
        application = self._load_application(application_key)
        if application is not None:
            self._applications.put(application_key, application)
        return application

    async def find_grant(self, consumer_key_hash: bytes) -> Grant | None:
        """From memory or storage. A pending request has no credential id and no account yet (0 and empty).

        Raises:
            SourceUnavailable: storage did not answer, or the row is not the authority's.
        """
        known = self.peek_grant(consumer_key_hash)
        if known is not MISSING:
            return known
        grant = self._load_grant(consumer_key_hash)
        if grant is None:
            pending = self._load_pending(consumer_key_hash)
            if pending is not None:
                return pending
            # An answered request is forgotten only after its credential is there: it may have gone there meanwhile.
            grant = self._load_grant(consumer_key_hash)
        if grant is not None:
            self._grants.put(consumer_key_hash, grant)
        return grant

    def check_freshness(self) -> None:
        """Drops from memory what changed in storage up to now.

        Raises:
            SourceUnavailable: storage does not answer. Memory is empty then.
        """
        try:
            connection = self._grants_connection or self._open_grants()
            # All rows are taken: an open cursor would freeze the number (design.md 6).
            version = connection.execute("PRAGMA data_version").fetchall()[0][0]
            if version != self._data_version:
                self._forget_changed(connection)
                self._data_version = version
        except sqlite3.Error as fault:
            raise self._unavailable(fault) from fault

    def hold_freshness(self) -> bool:
        """Checks now, and lets every peek until `release_freshness` rely on it.

        For a loop that handles many calls which all came in before it woke up: hold at the first, release before it
        waits again. True when this call made the check, and its caller releases; False when it was held already.
        """
        if self._held:
            return False
        self.check_freshness()
        self._held = True
        return True

    def release_freshness(self) -> None:
        """Every peek checks again."""
        self._held = False

    def close(self) -> None:
        """Closes the files and empties memory. A later call opens them again."""
        self._applications.clear()
        self._grants.clear()
        for connection in (self._grants_connection, self._requests_connection):
            if connection is not None:
                connection.close()
        self._grants_connection = self._requests_connection = None

    def _forget_changed(self, connection: sqlite3.Connection) -> None:
        for sequence, consumer_key_hash, application_key in connection.execute(_CHANGES, (self._sequence,)).fetchall():
            if sequence != self._sequence + 1:
                self._applications.clear()
                self._grants.clear()
            self._grants.drop(consumer_key_hash)
            self._applications.drop(application_key)
            self._sequence = sequence

    def _open_grants(self) -> sqlite3.Connection:
        connection = self._connect(self._grants_file)
        self._data_version = connection.execute("PRAGMA data_version").fetchall()[0][0]
        self._sequence = connection.execute(_LAST_CHANGE).fetchall()[0][0] or 0
        self._grants_connection = connection
        return connection

    def _connect(self, file: Path) -> sqlite3.Connection:
        connection = connect_reader(file, busy_seconds=_BUSY_SECONDS)
        # An altered row may hold text that is not UTF-8; it fails verification like any other, without an error here.
        connection.text_factory = _lenient_text
        return connection

    def _load_application(self, key: str) -> KnownApplication | None:
        try:
            connection = self._grants_connection or self._open_grants()
            connection.execute("BEGIN")  # row and secrets must be of one moment
            try:
                rows = connection.execute(_APPLICATION, (key,)).fetchall()
                secrets = connection.execute(_SECRETS, (rows[0][0],)).fetchall() if rows else []
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as fault:
            raise self._unavailable(fault) from fault
        return self._verified_application(key, rows[0], secrets) if rows else None

    def _verified_application(
        self, key: str, row: tuple[object, ...], secrets: list[tuple[object, object]]
    ) -> KnownApplication:
        try:
            application_id, name, description, owner, status, strict, version, signature = _typed(
                row, _APPLICATION_TYPES
            )
            sealed = [SealedSecret(*_typed(secret, (str, bytes))) for secret in secrets]
            message = application_bytes(
                application_id=application_id,
                key=key,
                name=name,
                description=description,
                owner=owner,
                status=status,
                strict=bool(strict),
                sealed_secrets=[secret.sealed for secret in sealed],
                version=version,
            )
        except (DamagedRow, ValueError) as fault:
            raise SourceUnavailable("an application's row is damaged") from fault
        opened = [self._unsealer.unseal(secret, application_id=application_id) for secret in sealed]
        unsealed = tuple(secret for secret in opened if secret is not None)
        if len(unsealed) != len(sealed) or not self._verifier.check(signature, message):
            raise SourceUnavailable(f"application {application_id} is not as the authority wrote it")
        return KnownApplication(
            id=application_id, key=key, active=status in _USABLE, strict=bool(strict), secrets=unsealed
        )

    def _load_grant(self, consumer_key_hash: bytes) -> Grant | None:
        try:
            connection = self._grants_connection or self._open_grants()
            rows = connection.execute(_GRANT, (consumer_key_hash,)).fetchall()
        except sqlite3.Error as fault:
            raise self._unavailable(fault) from fault
        return self._verified_grant(consumer_key_hash, rows[0]) if rows else None

    def _verified_grant(self, consumer_key_hash: bytes, row: tuple[object, ...]) -> Grant:
        try:
            *columns, version, signature = _typed(row, _GRANT_TYPES)
            credential_id, application_id, account, state, suspended, rules, networks, created, expires = columns
            grant = Grant(
                credential_id=credential_id,
                application_id=application_id,
                consumer_key_hash=consumer_key_hash,
                account=account,
                state=CredentialState(state),
                suspended=bool(suspended),
                rules=compile_rules(read_rules(rules)),
                allowed_networks=read_networks(networks),
                created=created,
                expires=expires,
            )
            message = grant_bytes(grant, version=version)
        except (DamagedRow, ValueError) as fault:
            raise SourceUnavailable("a credential's row is damaged") from fault
        if not self._verifier.check(signature, message):
            raise SourceUnavailable(f"credential {credential_id} is not as the authority wrote it")
        return grant

    def _load_pending(self, consumer_key_hash: bytes) -> Grant | None:
        """Not verified, because nothing in it can permit anything: the state is what counts."""
        try:
            if self._requests_connection is None:
                self._requests_connection = self._connect(self._requests_file)
            rows = self._requests_connection.execute(_PENDING, (consumer_key_hash,)).fetchall()
        except sqlite3.Error as fault:
            raise self._unavailable(fault) from fault
        if not rows:
            return None
        application_id, rules, networks, created, expires = rows[0]
        try:
            return Grant(
                credential_id=0,
                application_id=application_id,
                consumer_key_hash=consumer_key_hash,
                account="",
                state=CredentialState.PENDING,
                suspended=False,
                rules=compile_rules(read_rules(rules)),
                allowed_networks=read_networks(networks),
                created=created,
                expires=expires,
            )
        except DamagedRow as fault:
            raise SourceUnavailable("a permission request's row is damaged") from fault

    def _unavailable(self, fault: sqlite3.Error) -> SourceUnavailable:
        """Starts over with new connections at the next call: nobody knows what these would still tell."""
        self.close()
        return SourceUnavailable(str(fault))


class _Recent(Generic[Key, Value]):
    """The values used last, at most so many."""

    __slots__ = ("_most", "_values")

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, otherwise: Missing) -> Value | Missing:
        value = self._values.get(key)
        if value is None:
            return otherwise
        self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        self._values[key] = value
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def drop(self, key: Key | None) -> None:
        if key is not None:
            self._values.pop(key, None)

    def clear(self) -> None:
        self._values.clear()


def _typed(row: tuple[object, ...], types: tuple[Any, ...]) -> tuple[Any, ...]:
    """`row`, every value of which has the type it was written with. SQLite keeps a value of any type in any column."""
    for value, expected in zip(row, types, strict=True):
        if not isinstance(value, expected):
            raise DamagedRow(type(value).__name__)
    return row


def _lenient_text(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
