"""Loads grants and applications for gateways from SQLite. `mandat.storage.grants.rows` verifies each of them.

Plain sqlite3 on connections that cannot write; no ORM on the way here. What is kept in memory, and for how long, is
decided in `mandat.storage.grants.reader`.
"""

import sqlite3
from pathlib import Path
from typing import Any

from mandat.core.grant import Grant, KnownApplication
from mandat.enforcement.interfaces import SourceUnavailable
from mandat.storage.engine.files import GRANTS, REQUESTS, connect_reader
from mandat.storage.grants.rows import (
    APPLICATION_QUERY,
    GRANT_QUERY,
    PENDING_QUERY,
    SECRETS_QUERY,
    GrantRows,
    NewerKeys,
)
from mandat.storage.keys.keyrings import NodeKeys

_BUSY_SECONDS = 0.2
"""Reads run on the gateway's loop: a database that recovers from a crash must not stop the others' calls for long."""

_CHANGES = "SELECT sequence, consumer_key_hash, application_key FROM grant_changes WHERE sequence > ? ORDER BY sequence"
_LAST_CHANGE = "SELECT max(sequence) FROM grant_changes"


class GrantLoader:
    """Reads the two files that matter to enforcement.

    Every method raises SourceUnavailable when SQLite does not answer, and then starts over with new connections at the
    next call: nobody knows what the old ones would still tell. A row that the authority did not sign raises it too, and
    changes nothing else.
    """

    def __init__(self, folder: Path, keys: NodeKeys, newer_keys: NewerKeys = lambda: None) -> None:
        self._grants_file = GRANTS.within(folder)
        self._requests_file = REQUESTS.within(folder)
        self._verified = GrantRows(keys, newer_keys)
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

    def follow_keys(self) -> None:
        """Takes the keys that replaced ours. Raises SourceUnavailable when they cannot be read."""
        self._verified.follow_keys()

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
                rows = connection.execute(APPLICATION_QUERY, (key,)).fetchall()
                secrets = connection.execute(SECRETS_QUERY, (rows[0][0],)).fetchall() if rows else []
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as fault:
            raise self._unavailable(fault) from fault
        return self._verified.application(key, rows[0], secrets) if rows else None

    def load_grant(self, consumer_key_hash: bytes) -> Grant | None:
        """None when no answered request had that consumer key."""
        rows = self._rows(GRANT_QUERY, consumer_key_hash)
        return self._verified.grant(consumer_key_hash, rows[0]) if rows else None

    def load_pending(self, consumer_key_hash: bytes) -> Grant | None:
        """A request that waits, without credential id and account yet. None when none with that key waits.

        Not verified, because nothing in it can permit anything: the state is what counts.
        """
        try:
            if self._requests is None:
                self._requests = connect_reader(self._requests_file, busy_seconds=_BUSY_SECONDS)
            rows = self._requests.execute(PENDING_QUERY, (consumer_key_hash,)).fetchall()
        except sqlite3.Error as fault:
            raise self._unavailable(fault) from fault
        if not rows:
            return None
        return self._verified.pending(consumer_key_hash, rows[0])

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
