"""The machines of docs/guide/production.md as a test follows it, an application that calls its fronts, and load."""

import itertools
import json
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from mandat.protocol.signature import sign
from support.machines import Block, Machine, read_blocks
from support.waiting import wait_for

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "production.md"
FETCHING = ("apt-get install", "python3 -m venv", "/opt/mandat/bin/pip install")
FRONTS = ("nginx", "envoy")
CALLER_ADDRESS = "127.0.0.2"
NODES = (("node-a", "http://10.0.0.11:8700"), ("node-b", "http://10.0.0.12:8700"))


@dataclass
class Production:
    """The machines of the page by name, and where the fronts are. `blocks` are what is still to be run."""

    machines: dict[str, Machine]
    fronts: dict[str, str]
    trusted: Path
    failures_before: int
    blocks: list[Block] = field(default_factory=lambda: read_blocks(PAGE))

    def follow(self, heading: str, *, most: int = 100) -> list[str]:
        """Runs blocks of the next section, which must be this one, at `most` so many; what each of them printed."""
        printed: list[str] = []
        assert self.blocks[0].heading == heading, "a section of the page is not run"
        while self.blocks and self.blocks[0].heading == heading and len(printed) < most:
            block = self.blocks.pop(0)
            printed += [self._run(name, block) for name in self._machines_of(block)]
        return printed

    def _machines_of(self, block: Block) -> list[str]:
        if block.where == ("packages",):
            lines = block.text.splitlines()
            assert all(line.startswith(FETCHING) for line in lines), f"must be run: {block.text}"
            return []
        return ["node-a", "node-b"] if block.where[0] == "both" else [block.where[0]]

    def _run(self, name: str, block: Block) -> str:
        try:
            return self.machines[name].run(block.text, as_mandat="mandat" in block.where[1:])
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{self._complaints()}") from None

    def _complaints(self) -> str:
        journals = [self.machines[node].root / "run/systemd/mandat.service.journal" for node, _ in NODES]
        lines = [line for journal in journals if journal.exists() for line in journal.read_text().splitlines()]
        return "\n".join([line for line in lines if '"info"' not in line][-10:])

    def nodes(self) -> list[str]:
        """Where the nodes themselves are."""
        return [self.machines[name].localised(url) for name, url in NODES]

    def caller(self, front: str, *, request: str = "request.json") -> "Caller":
        """The application of the page, calling by way of a front, with the delegation that it asked for in a file."""
        shop = self.machines["app"].environment
        asked = json.loads((self.machines["app"].root / "checkout" / request).read_text())
        return Caller(
            self.fronts[front],
            shop["OVH_APPLICATION_KEY"],
            shop["OVH_APPLICATION_SECRET"],
            asked["consumerKey"],
            self.trusted,
        )


class Caller:
    """An application with one delegation. Verifies the front's certificate, lies about where it is. For one thread."""

    def __init__(self, origin: str, key: str, secret: str, consumer_key: str, trusted: Path) -> None:
        self.origin, self._key, self._secret, self._consumer_key = origin, key, secret, consumer_key
        context = ssl.create_default_context(cafile=trusted)
        self._http = httpx2.Client(
            transport=httpx2.HTTPTransport(verify=context, local_address=CALLER_ADDRESS),
            headers={
                "X-Forwarded-For": "192.0.2.7",
                "X-Forwarded-Proto": "http",
                "X-Forwarded-Host": "elsewhere.example",
            },
            timeout=20,
        )

    def call(
        self, method: str = "GET", path: str = "/orders/1", body: bytes = b"", *, origin: str = ""
    ) -> httpx2.Response:
        """A signed call. It is signed for the front, also when it is sent to a node (`origin`)."""
        now, target = int(time.time()), f"/1.0{path}"
        signed = sign(
            self._secret, self._consumer_key, method=method, url=self.origin + target, body=body, timestamp=now
        )
        headers = {
            "X-Ovh-Application": self._key,
            "X-Ovh-Consumer": self._consumer_key,
            "X-Ovh-Timestamp": str(now),
            "X-Ovh-Signature": signed,
            "Content-Type": "application/json",
        }
        return self._http.request(method, (origin or self.origin) + target, headers=headers, content=body)


@dataclass
class Load:
    """Callers of both fronts, reading and writing in turn while the block lasts. `failed` says what went wrong."""

    production: Production
    answered: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        for front in FRONTS:
            self._threads.append(threading.Thread(target=self._call, args=(front,), daemon=True))
            self._threads[-1].start()
        self.wait_for_more(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def wait_for_more(self, more: int) -> None:
        """Returns when so many calls more were answered by way of each front."""
        enough = {front: self.answered[front] + more for front in FRONTS}
        wait_for(lambda: all(self.answered[front] >= enough[front] for front in FRONTS), what=f"{more} calls more")

    def _call(self, front: str) -> None:
        caller = self.production.caller(front)
        for number in itertools.count():
            if self._stop.wait(0.03):
                return
            method, body = ("POST", b'{"number":%d}' % number) if number % 2 else ("GET", b"")
            try:
                answer = caller.call(method, body=body)
            except httpx2.HTTPError as fault:
                self.failed.append(f"{front} {method}: {fault!r}")
                continue
            self.answered[front] += 1
            if answer.status_code != 200:
                self.failed.append(f"{front} {method}: {answer.status_code} {answer.text}")
