"""Debian's pebble on loopback: a certificate authority for tests that asks the DNS server it is told to ask."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from support.certificates import make_certificate
from support.ports import free_ports
from support.waiting import wait_for


@dataclass(frozen=True)
class Acme:
    """Where ACME clients go (`directory`), and what they must trust to go there (`authority`, a PEM file)."""

    directory: str
    authority: Path


@contextmanager
def running_pebble(program: Path, folder: Path, *, dns: tuple[str, int]) -> Iterator[Acme]:
    """Runs it for the length of the block."""
    certificate, key = make_certificate(folder, name="pebble")
    port = free_ports(2)
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{port + 1}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": 1,
        "tlsPort": 1,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    with (folder / "pebble.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-config", folder / "pebble.json", "-dnsserver", f"{dns[0]}:{dns[1]}"],
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    directory = f"https://127.0.0.1:{port}/dir"

    def answers() -> bool:
        try:
            return httpx2.get(directory, verify=False).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        wait_for(answers, what="pebble")
        yield Acme(directory, certificate)
    finally:
        process.terminate()
        process.wait(timeout=10)
