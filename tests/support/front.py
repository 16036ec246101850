"""A running `mandat serve` with one application, one delegation and a recording API behind it."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from doubles.grants import signed_headers
from doubles.upstream import RecordingUpstream
from support.installed import APPLICATION_KEY, CLOCK_IS_RIGHT, SECRET, grant, register
from support.ports import free_ports
from support.serving import Serving, configuration, serving
from support.storage import Installation

CONSUMER_KEY = "consumer1"


@dataclass
class Fronted:
    """`first` is the gateway's port; `metrics_port` the one after it."""

    mandat: Serving
    installation: Installation
    upstream: RecordingUpstream
    first: int

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.first}"

    @property
    def third(self) -> int:
        """The port that THIRD stood for."""
        return self.first + 2

    @property
    def watch(self) -> str:
        """Where the metrics listener is."""
        return f"http://127.0.0.1:{self.first + 1}"

    def signed(self, method: str, target: str, body: bytes = b"", **changes: object) -> dict[str, str]:
        """Headers of an honest call; `changes` as `signed_headers` takes them."""
        values = {"timestamp": int(time.time()), "consumer_key": CONSUMER_KEY, "key": APPLICATION_KEY, "secret": SECRET}
        return signed_headers(method, self.origin + target, body=body, **values | changes)  # type: ignore[arg-type]

    def call(self, method: str, target: str, body: bytes = b"", **changes: object) -> httpx2.Response:
        """An honest call, unless `changes` make it another."""
        headers = self.signed(method, target, body, **changes)
        return httpx2.request(method, self.origin + target, headers=headers, content=body, timeout=10)


@contextmanager
def fronted(folder: Path, *rules: str, more: str = "") -> Iterator[Fronted]:
    """Everything running for the length of the block. `more` is more configuration, THIRD in it a free port."""
    installation = Installation.create(folder)
    asyncio.run(register(installation))
    asyncio.run(grant(installation, CONSUMER_KEY, "ab1-notes", *rules))
    first = free_ports(3)
    loop = asyncio.new_event_loop()
    upstream = RecordingUpstream()
    loop.run_until_complete(upstream.start())
    threading.Thread(target=loop.run_forever, daemon=True).start()
    text = f"""[metrics]
listen = "127.0.0.1:{first + 1}"
{more.replace("THIRD", str(first + 2))}[[upstream]]
prefix = "/notes"
url = "{upstream.address}"
describes = false
"""
    config = configuration(folder, first, more=text)
    try:
        with serving(config, first, environment=CLOCK_IS_RIGHT) as mandat:
            yield Fronted(mandat, installation, upstream, first)
    finally:
        loop.call_soon_threadsafe(loop.stop)
