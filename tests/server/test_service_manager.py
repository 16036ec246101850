"""What systemd hears of a start, over a socket of its kind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TELL = "from mandat.server.supervision.service_manager import READY, tell_service_manager; tell_service_manager(READY)"


def tell(address: str) -> None:
    environment = {**os.environ, "NOTIFY_SOCKET": address}
    subprocess.run([sys.executable, "-c", TELL], env=environment, check=True, timeout=60)


@pytest.mark.parametrize("kind", ["a path", "abstract"])
def test_it_is_told_at_the_address_in_the_environment(tmp_path: Path, kind: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        address = str(tmp_path / "notify") if kind == "a path" else f"@mandat-test-{os.getpid()}"
        heard.bind(address.replace("@", "\0", 1))
        heard.settimeout(10)
        tell(address)
        assert heard.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", ["", "/nowhere/notify", "vsock:2:1234"])
def test_a_manager_that_cannot_be_reached_stops_nobody(address: str) -> None:
    tell(address)
