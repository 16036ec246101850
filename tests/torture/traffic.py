"""A steady stream of signed calls on kept connections, and what becomes of each."""

import asyncio
import http.client
import re
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from torture.load import Installation


def call_once(installation: Installation, request: bytes) -> tuple[int, str]:
    """Status and body of the answer, on a connection of its own."""
    with socket.create_connection(("127.0.0.1", installation.port), timeout=20) as client:
        client.sendall(request)
        answer = http.client.HTTPResponse(client)
        answer.begin()
        return answer.status, answer.read().decode()


@dataclass
class Traffic:
    """Calls at so many a second, spread over the connections, while the block lasts.

    `statuses` counts the answers, `seconds` holds how long each took; `lost` says of each call that was sent and not
    answered what happened instead.
    """

    installation: Installation
    consumer_keys: list[str]
    path: str
    per_second: float
    connections: int = 16
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Traffic":
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(timeout=60)

    def percentile(self, share: float) -> float:
        """So many of the calls were answered within this time, in seconds."""
        return sorted(self.seconds)[int(len(self.seconds) * share)]

    async def _run(self) -> None:
        await asyncio.gather(*(self._caller(number) for number in range(self.connections)))

    async def _caller(self, number: int) -> None:
        pause = self.connections / self.per_second
        due = time.monotonic() + pause * number / self.connections
        connection = None
        turn = number
        while not self._stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + pause, time.monotonic() - 1)
            turn += 1
            key = self.consumer_keys[turn % len(self.consumer_keys)]
            if connection is None or connection[0].at_eof():
                try:
                    connection = await asyncio.open_connection("127.0.0.1", self.installation.port)
                except OSError as fault:
                    self.lost.append(f"not connected: {fault!r}")
                    continue
            began = time.monotonic()
            try:
                status, is_last = await _call(*connection, self.installation.request(key, self.path))
            except (OSError, EOFError, asyncio.LimitOverrunError) as fault:
                self.lost.append(f"{fault!r}")
                connection = None
                continue
            self.seconds.append(time.monotonic() - began)
            self.statuses[status] += 1
            if is_last:
                connection[1].close()
                connection = None
        if connection is not None:
            connection[1].close()


async def _call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bool]:
    """The status, and whether the server ends the connection."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head[9:12]), "connection: close" in head.lower()


def resident_bytes(pids: list[int]) -> int:
    """Memory of these processes together."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            total += int(re.findall(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) * 1024
    return total


def descriptors(pids: list[int]) -> int:
    """Open descriptors of these processes together."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
