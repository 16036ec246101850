"""`mandat serve` as a child process, with a configuration of the test's own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from support.waiting import wait_for


@dataclass
class Serving:
    """A running `mandat serve`."""

    config: Path
    port: int
    process: subprocess.Popen[str]

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def events(self) -> list[dict[str, Any]]:
        """The process log so far."""
        lines = (self.config.parent / "serve.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def pids(self, name: str) -> list[int]:
        """The process ids under which a child was started, oldest first."""
        return [event["pid"] for event in self.events() if event.get("process") == name and "started" in event["event"]]

    def answers(self) -> bool:
        """Whether the gateway answers."""
        try:
            return httpx2.get(f"{self.origin}/1.0/auth/time", timeout=2).status_code == 200
        except httpx2.TransportError:
            return False


def configuration(folder: Path, port: int, *, more: str = "") -> Path:
    """Writes a small configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "mandat.toml"
    file.write_text(
        f'listen = "127.0.0.1:{port}"\npublic_urls = ["http://127.0.0.1:{port}"]\nworkers = 2\n{more}', encoding="utf-8"
    )
    return file


def serve_to_the_end(config: Path, *, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `mandat serve` that is expected to refuse its start; `environment` is added to ours."""
    return subprocess.run(
        command(config),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(environment or {})},
    )


def command(config: Path) -> list[str]:
    """The command line of `mandat serve`."""
    return [sys.executable, "-m", "mandat.cli.main", "serve", "--config", str(config)]


@contextmanager
def serving(
    config: Path, port: int, *, under: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Serving]:
    """Runs `mandat serve` for the length of the block.

    `under` is a command that runs it, such as a tracer, and must become it; `environment` is added to ours.
    """
    log = config.parent / "serve.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*under, *command(config)],
            stdout=output,
            stderr=output,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        )
    running = Serving(config, port, process)
    try:

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return any(event["event"] == "ready" for event in running.events())

        wait_for(ready, what="mandat serve", seconds=60)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)
