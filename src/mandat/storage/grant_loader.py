"""Loads grants and applications for gateways and verifies each: nothing leaves here that the authority did not sign.

Plain sqlite3 on connections that cannot write; no ORM on the way here. What is kept in memory, and for how long, is
decided in `mandat.storage.grant_reader`.
"""

import sqlite3
from pathlib import Path
from typing import Any

from mandat.core.credential import CredentialState
from mandat.core.grant import Grant, KnownApplication
from mandat.core.grant_bytes import application_bytes, grant_bytes
from mandat.core.rules import compile_rules
from mandat.enforcement.interfaces import SourceUnavailable
from mandat.storage.engine.files import GRANTS, REQUESTS, connect_reader
from mandat.storage.keys import NodeKeys
from mandat.storage.rows import DamagedRow, read_networks, read_rules
from mandat.storage.sealing import RowVerifier, SealedSecret, Unsealer

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
_SECRETS = "SELECT id, key_id, sealed, ends FROM application_secrets WHERE application_id = ? ORDER BY id"
_CHANGES = "SELECT sequence, consumer_key_hash, application_key FROM grant_changes WHERE sequence > ? ORDER BY sequence"
_LAST_CHANGE = "SELECT max(sequence) FROM grant_changes"

_GRANT_TYPES = (int, int, str, str, int, str, (str, type(None)), int, (int, type(None)), int, bytes)
_SECRET_TYPES = (int, str, bytes, (int, type(None)))
_APPLICATION_TYPES = (int, str, str, str, str, int, int, bytes)


class GrantLoader:
    """Reads the two files that matter to enforcement.

    Every method raises SourceUnavailable when SQLite does not answer, and then starts over with new connections at the
    next call: nobody knows what the old ones would still tell. A row that the authority did not sign raises it too, and
    changes nothing else.
    """

    def __init__(self, folder: Path, keys: NodeKeys) -> None:
        self._grants_file = GRANTS.within(folder)
        self._requests_file = REQUESTS.within(folder)
        self._verifier = RowVerifier(keys.authority_public_key)
        self._unsealer = Unsealer(keys.sealing_keys)
        self._grants: sqlite3.Connection | None = None
        self._requests: sqlite3.Connection | None = None

    @property
    def is_open(self) -> bool:
        """False before the first read and after a failure: whatever was learnt from it before is void."""
        return self._grants is not None

    def data_version(self) -> int:
        """A number that differs after every commit of anybody to the file of grants (about 3 us)."""
        try:
            # All rows are taken: an open cursor would freeze the number (design.md 6).
            rows = (self._grants or self._open()).execute("PRAGMA data_version").fetchall()
        except sqlite3.Error as fault:
            raise self._unavailable(fault) from fault
        return int(rows[0][0])

    def last_change(self) -> int:
        """The highest sequence in the change log; 0 when it is empty."""
        return int(self._rows(_LAST_CHANGE)[0][0] or 0)

    def changes_since(self, sequence: int) -> list[tuple[int, bytes | None, str | None]]:
        """(sequence, consumer key hash, application key) of every later change, in order; one of the two is None."""
        return self._rows(_CHANGES, sequence)

    def close(self) -> None:
        """Closes the files. A later call opens them again."""
        for connection in (self._grants, self._requests):
            if connection is not None:
                connection.close()
        self._grants = self._requests = None

    def load_application(self, key: str) -> KnownApplication | None:
        """None when there is none with that key."""
        try:
            connection = self._grants or self._open()
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
        self, key: str, row: tuple[object, ...], secrets: list[tuple[object, ...]]
    ) -> KnownApplication:
        try:
            application_id, name, description, owner, status, strict, version, signature = _typed(
                row, _APPLICATION_TYPES
            )
            rows = [_typed(secret, _SECRET_TYPES) for secret in secrets]
            sealed = [SealedSecret(key_id, content) for _, key_id, content, _ in rows]
            ends = tuple(end for *_, end in rows)
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
                secret_ends=ends,
            )
        except (DamagedRow, ValueError) as fault:
            raise SourceUnavailable("an application's row is damaged") from fault
        opened = [self._unsealer.unseal(secret, application_id=application_id) for secret in sealed]
        unsealed = tuple(secret for secret in opened if secret is not None)
        if len(unsealed) != len(sealed) or not self._verifier.check(signature, message):
            raise SourceUnavailable(f"application {application_id} is not as the authority wrote it")
        return KnownApplication(
            id=application_id,
            key=key,
            active=status in _USABLE,
            strict=bool(strict),
            secrets=unsealed,
            secret_ids=tuple(secret_id for secret_id, *_ in rows),
            secret_ends=ends if any(end is not None for end in ends) else (),
        )

    def load_grant(self, consumer_key_hash: bytes) -> Grant | None:
        """None when no answered request had that consumer key."""
        rows = self._rows(_GRANT, consumer_key_hash)
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

    def load_pending(self, consumer_key_hash: bytes) -> Grant | None:
        """A request that waits, without credential id and account yet. None when none with that key waits.

        Not verified, because nothing in it can permit anything: the state is what counts.
        """
        try:
            if self._requests is None:
                self._requests = connect_reader(self._requests_file, busy_seconds=_BUSY_SECONDS)
            rows = self._requests.execute(_PENDING, (consumer_key_hash,)).fetchall()
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

    def _rows(self, query: str, *parameters: object) -> list[Any]:
        try:
            return (self._grants or self._open()).execute(query, parameters).fetchall()
        except sqlite3.Error as fault:
            raise self._unavailable(fault) from fault

    def _open(self) -> sqlite3.Connection:
        self._grants = connect_reader(self._grants_file, busy_seconds=_BUSY_SECONDS)
        return self._grants

    def _unavailable(self, fault: sqlite3.Error) -> SourceUnavailable:
        self.close()
        return SourceUnavailable(str(fault))


def _typed(row: tuple[object, ...], types: tuple[Any, ...]) -> tuple[Any, ...]:
    """`row`, every value of which has the type it was written with. SQLite keeps a value of any type in any column."""
    for value, expected in zip(row, types, strict=True):
        if not isinstance(value, expected):
            raise DamagedRow(type(value).__name__)
    return row
