"""The sandbox's SQLite file: opening it, its tables, and the one thread that works on it.

One writer, because clients write concurrently and SQLite has one writer anyway; reads go the same way, so that an
answer never shows half a change. `synchronous=NORMAL`: a killed process loses nothing, a power cut may lose the last
calls, which is enough for a provider that is there to be tried out.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mandat.sandbox.problems import SandboxStartError
from mandat.sandbox.store.schema import STEPS, VERSION

FILE_NAME = "sandbox.sqlite3"
FOLDER_IN_DEMO = "sandbox"
LOCK_NAME = "sandbox.lock"
BUSY_SECONDS = 5.0  # how long a write waits for another program's lock, such as a backup's

Result = TypeVar("Result")


def open_database(folder: Path) -> sqlite3.Connection:
    """A connection to the database in `folder`, created with its tables when it is not there.

    Raises:
        SandboxStartError: the folder cannot be used, or a newer version wrote the file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(
            folder / FILE_NAME, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        (folder / FILE_NAME).chmod(0o600)
        _prepare(connection)
    except (OSError, sqlite3.Error) as fault:
        raise SandboxStartError(
            f"The sandbox cannot use its data folder {folder} ({fault}); make it writable or choose another."
        ) from fault
    return connection


def find_folder(data: Path) -> Path:
    """The sandbox's data folder that `data` is, or that the demo in `data` has.

    Raises:
        SandboxStartError: it is neither.
    """
    for folder in (data, data / FOLDER_IN_DEMO):
        if (folder / FILE_NAME).is_file():
            return folder
    raise SandboxStartError(f"There is no sandbox's data in {data}; name the folder of a sandbox or of a demo.")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise SandboxStartError(
                f"A newer version of Mandat wrote the sandbox's data (format {version}, this one reads "
                f"{VERSION}); start that version or choose another data folder."
            )
        for step in STEPS[version:]:
            for statement in step.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commits what happens inside, or nothing of it when an exception leaves."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.commit()
    except BaseException:
        if connection.in_transaction:  # SQLite has rolled back by itself after some failures, a full disk among them
            connection.rollback()
        raise


@contextmanager
def only_sandbox_of(folder: Path) -> Iterator[None]:
    """Holds the data folder for one running sandbox.

    Raises:
        SandboxStartError: another sandbox runs on this folder, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise SandboxStartError(
            f"The sandbox cannot use its data folder {folder} ({fault.strerror}); make it writable or choose another."
        ) from fault
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SandboxStartError(
            f"Another sandbox already runs on {folder}; stop it first or choose another data folder."
        ) from None
    finally:
        os.close(descriptor)


class Database:
    """The open database of a running sandbox and its one thread."""

    def __init__(self, folder: Path) -> None:
        """Raises SandboxStartError as `open_database`."""
        self._connection = open_database(folder)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-store")

    async def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """What `work` returns, done in the thread inside one transaction.

        Raises:
            sqlite3.Error: storage failed; nothing of `work` was kept.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._in_transaction, work)

    def _in_transaction(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with transaction(self._connection):
            return work(self._connection)

    def close(self) -> None:
        """Waits for running work and closes the file."""
        self._thread.shutdown(wait=True)
        self._connection.close()
