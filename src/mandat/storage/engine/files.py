"""The three database files of an installation: their names, their places, and how a connection to one is made.

Three files, because a file has one writer at a time: a flood of permission requests never makes a revocation wait, and
counters never make either wait (design.md 6).
"""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from mandat.storage.faults import FolderNotWritable

BUSY_SECONDS = 5.0
"""How long a write waits for somebody else's lock before the caller hears 503 (threats.md R13)."""


@dataclass(frozen=True, slots=True)
class DatabaseFile:
    """One of the files. What was acknowledged outlives a power cut with `synchronous` FULL, a crash with NORMAL."""

    name: str
    synchronous: str

    def within(self, folder: Path) -> Path:
        """Where it is in a data folder."""
        return folder / f"{self.name}.sqlite"


GRANTS = DatabaseFile("grants", "FULL")
REQUESTS = DatabaseFile("requests", "FULL")
USAGE = DatabaseFile("usage", "NORMAL")
FILES = (GRANTS, REQUESTS, USAGE)


def has_databases(folder: Path) -> bool:
    """True when the folder holds data that only its own keys can verify."""
    return any(file.within(folder).exists() for file in (GRANTS, REQUESTS))


def prepare_folder(folder: Path) -> None:
    """Makes the data folder, 0700, and empty database files in it, 0600, as far as they are missing.

    A folder that exists is made 0700 when it is empty or ours; one full of other things keeps its mode.

    Raises:
        FolderNotWritable: it cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if GRANTS.within(folder).exists() or not any(folder.iterdir()):
            folder.chmod(0o700)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise FolderNotWritable(folder, "permission denied")
        for file in FILES:
            # SQLite gives its -wal and -shm files the mode of the database, so this one mode counts for all three.
            handle = os.open(file.within(folder), os.O_RDWR | os.O_CREAT, 0o600)
            os.fchmod(handle, 0o600)
            os.close(handle)
    except OSError as fault:
        raise FolderNotWritable(folder, fault.strerror or str(fault)) from fault


def connect_writer(database: Path, *, synchronous: str, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection that writes. Transactions are begun and ended by the caller, never by the driver."""
    connection = _connect(database, "rw", busy_seconds)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    return connection


def connect_reader(database: Path, *, busy_seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    """A connection that cannot write. In WAL a reader waits for nobody except during recovery after a crash."""
    connection = _connect(database, "ro", busy_seconds)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(database: Path, mode: str, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{database.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    # An altered row may hold text that is not UTF-8. It must fail its MAC like any other, not as a driver's error.
    connection.text_factory = _lenient_text
    return connection


def _lenient_text(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")
