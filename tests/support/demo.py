"""A whole demo as a child process, as a user starts it."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mandat.client import Client
from mandat.client.approval import approve
from support.ports import free_ports
from support.waiting import wait_for


@dataclass
class Demo:
    """A running demo. `announcement` is its demo.json."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None
    announcement: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def running_in(cls, folder: Path) -> "Demo":
        """A demo that somebody else started and will stop."""
        announcement = json.loads((folder / "demo.json").read_text())
        port = int(str(announcement["endpoint"]).removesuffix("/1.0").rpartition(":")[2])
        return cls(folder=folder, port=port, process=None, announcement=announcement)

    @property
    def endpoint(self) -> str:
        return str(self.announcement["endpoint"])

    @property
    def origin(self) -> str:
        return self.endpoint.removesuffix("/1.0")

    @property
    def marketplace(self) -> str:
        return str(self.announcement["marketplace"])

    @property
    def tls_endpoint(self) -> str:
        return str(self.announcement["tls"]["endpoint"])

    @property
    def tls_port(self) -> int:
        return int(self.tls_endpoint.removesuffix("/1.0").rpartition(":")[2])

    @property
    def tls_authority(self) -> Path:
        """What clients that insist on https have to trust."""
        return Path(self.announcement["tls"]["ca"])

    @property
    def public_urls(self) -> list[str]:
        """Every address that clients may sign."""
        return list(tomllib.loads((self.folder / "mandat.toml").read_text())["public_urls"])

    @property
    def dns(self) -> tuple[str, int]:
        host, _, port = str(self.announcement["dns"]).rpartition(":")
        return host, int(port)

    @property
    def zone(self) -> str:
        return str(self.announcement["zone"])

    @property
    def application_key(self) -> str:
        return str(self.announcement["application"]["key"])

    @property
    def application_secret(self) -> str:
        return str(self.announcement["application"]["secret"])

    def person(self, role: str, number: int = 0) -> dict[str, str]:
        """The `number`-th account of that role: login, password, account, role."""
        return [account for account in self.announcement["accounts"] if account["role"] == role][number]

    def client(self, consumer_key: str | None = None, **options: Any) -> Client:
        """The SDK with the ready-made application."""
        return Client(
            endpoint=self.endpoint,
            application_key=self.application_key,
            application_secret=self.application_secret,
            consumer_key=consumer_key,
            **options,
        )

    def grant(self, rules: list[tuple[str, str]], *, customer: int = 0, **options: Any) -> str:
        """A consumer key for `rules` that the customer confirmed as a browser would."""
        person = self.person("customer", customer)
        pending = self.client().request_permission(rules, **options)
        approve(pending.validation_url, login=person["login"], password=person["password"])
        return pending.consumer_key

    def pid_of(self, module: str) -> int:
        """The process of this demo that runs `module`."""
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes().decode(errors="replace")
            except OSError:
                continue
            if module in line and str(self.folder) in line:
                return int(entry.parent.name)
        raise AssertionError(f"no process runs {module}")

    def stop(self) -> int:
        """Ends it as Ctrl-C does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


def start_demo(folder: Path, port: int | None = None, *arguments: str) -> Demo:
    """Starts `mandat demo` and waits for its demo.json."""
    first = free_ports(6) if port is None else port
    log = (folder.parent / f"{folder.name}.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "mandat.cli.main", "demo", "--data", str(folder), "--port", str(first), *arguments],
        stdout=log,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    demo = Demo(folder=folder, port=first, process=process)

    def ready() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"the demo ended with {process.returncode}: {Path(log.name).read_text()[-3000:]}")
        return (folder / "demo.json").exists()

    try:
        wait_for(ready, what="demo.json", seconds=90)
    except BaseException:
        process.kill()
        raise
    demo.announcement = json.loads((folder / "demo.json").read_text())
    return demo
