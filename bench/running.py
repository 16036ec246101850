"""Programs under measurement: starting them, waiting for them, what they cost, ending them."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path


class PeerMissing(Exception):
    """A peer cannot be had here; the message says why, for the table."""


def wait_until_open(port: int, process: subprocess.Popen[bytes], *, log: Path, seconds: float = 30.0) -> None:
    """Waits until something listens on the loopback port. Raises PeerMissing when the program ends before."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    last = log.read_text(errors="replace").strip().splitlines()[-1:]
    raise PeerMissing(f"did not start: {last[0] if last else 'without a word'}")


@contextlib.contextmanager
def running(
    command: list[str], port: int, *, log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program for the length of the block, waiting until it listens."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise SystemExit(f"something else listens on port {port}; end it and measure again")
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **(environment or {})})
    try:
        wait_until_open(port, process, log=log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)


def family(pid: int) -> list[int]:
    """The process and everything it started that still runs."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def processor_seconds(pid: int) -> float:
    """User and system time so far of the process and everything it started."""
    ticks = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Memory of one process that is in RAM."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def find_child(pid: int, word: str) -> int:
    """The process below `pid` that has `word` in its command."""
    for member in family(pid):
        if word in Path(f"/proc/{member}/cmdline").read_text():
            return member
    raise SystemExit(f"no {word} process was started")


def free_ports(count: int) -> list[int]:
    """Loopback ports that nothing listens on just now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
