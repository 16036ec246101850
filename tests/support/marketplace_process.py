"""A marketplace as a process of its own, on one folder and port, to be killed and started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

STOP_SECONDS = 40


class MarketplaceProcess:
    """`mandat.marketplace.program.run`. Not started yet. `options` are further settings."""

    def __init__(self, folder: Path, endpoint: str, **options: object) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.origin = f"http://localhost:{self.port}"
        self._options = json.dumps({"folder": str(folder), "endpoint": endpoint, "port": self.port, **options})
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when it serves."""
        tests = Path(__file__).parent.parent
        self._process = subprocess.Popen(
            [sys.executable, "-m", "marketplace.child", self._options],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent / 'src'}"},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """SIGKILL, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and its connections stay open."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> float:
        """SIGTERM; how many seconds it took to end."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(timeout=STOP_SECONDS) == 0
        self._process = None
        return time.monotonic() - began
