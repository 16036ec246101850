"""A real Redis server for tests, on a unix socket."""

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from support.waiting import wait_for


class RedisServer:
    """One server, without persistence: what it remembers ends with it."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("NOT TESTED: redis-server is not installed on this machine")
        self._command = [program, "--port", "0", "--unixsocket", str(folder / "redis.sock"), "--save", "", *options]
        self._socket = folder / "redis.sock"
        self.process: subprocess.Popen[bytes]
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self) -> None:
        """Starts it with an empty memory."""
        self._socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._listens, what="redis-server", every=0.01)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def stop(self) -> None:
        """Kills it."""
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        """Lets it stand still: connections stay open and nobody answers."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)
