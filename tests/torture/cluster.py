"""Nodes on a PostgreSQL server that is about to fail, clients that watch them, the judge for what is stored there."""

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import psycopg

from mandat.authority.values import Role
from mandat.cli.operators.administration import LOCAL, accepted
from mandat.server.operations.administration import open_administration
from mandat.storage.keys.keyrings import load_authority_keys
from mandat.storage.postgres.place import parse_place
from mandat.storage.postgres.verify import verify_postgres
from support.faketime import other_clock
from support.serving import Serving
from support.waiting import wait_for
from torture.history import Journal, Stored, violations
from torture.load import PASSWORD, Customer, Installation

FULL = os.environ.get("MANDAT_TORTURE") == "full"
SEED = int(os.environ.get("MANDAT_TORTURE_SEED", "5"))

SHOP = "/shop/window"
"""A call that only PostgreSQL and the upstream are needed for."""
SHOP_RULES = [{"method": "GET", "path": "/shop/*"}, {"method": "GET", "path": "/me/api/application"}]


@dataclass
class Node(Installation):
    """One node of an installation. Its clock is `ahead_seconds` before ours, and its clients know that."""

    ahead_seconds: int = 0

    def signature(self, consumer_key: str, method: str, url: str, *, body: bytes = b"", at: int = 0) -> dict[str, str]:
        """See `Installation.signature`."""
        return super().signature(consumer_key, method, url, body=body, at=at or int(time.time()) + self.ahead_seconds)

    @contextmanager
    def started(self) -> Iterator[Serving]:
        """The node with its own clock."""
        environment = other_clock(FAKETIME=f"+{self.ahead_seconds}s") if self.ahead_seconds else {}
        with self.running(environment=environment) as serving:
            yield serving

    def set_up(self, public_urls: list[str], more: str) -> None:
        """Writes its configuration."""
        self.folder.mkdir(parents=True, exist_ok=True)
        text = f'listen = "127.0.0.1:{self.port}"\npublic_urls = {public_urls}\n{more}'
        self.config.write_text(text.replace("'", '"'), encoding="utf-8")

    def populate(self) -> None:
        """Makes keys, tables, four customers and an application."""
        self.key, self.secret = asyncio.run(_populate(self.config))


async def _populate(config: Path) -> tuple[str, str]:
    async with open_administration(config) as admin:
        login = admin.authority.login
        owner = accepted(await login.sign_up("olga", PASSWORD, role=Role.OPERATOR, address=LOCAL, throttled=False))
        for number in range(4):
            name = f"customer{number}"
            accepted(await login.sign_up(name, PASSWORD, role=Role.CUSTOMER, address=LOCAL, throttled=False))
        registration = admin.authority.registration
        issued = accepted(await registration.register(owner, name="Torture", description="Never", address=LOCAL))
        return issued.application.key, issued.secret


@contextmanager
def shop() -> Iterator[str]:
    """The URL of an API that needs no database."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet for an answer; two would wait for each other's confirmation

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@dataclass
class Watch:
    """Callers of nodes while its block lasts: each calls with `keys` in turn, without a pause unless told.

    `answers` are (when it began, when it ended, node, key, status, whether it had a Retry-After).
    """

    nodes: list[Node]
    keys: list[str]
    path: str = SHOP
    threads_each: int = 1
    pause_seconds: float = 0.0
    answers: list[tuple[float, float, str, str, int | None, bool]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Watch":
        for node in self.nodes * self.threads_each:
            self._threads.append(threading.Thread(target=self._run, args=(node,), daemon=True))
            self._threads[-1].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def counts(self, *, since: float = 0.0, until: float = float("inf")) -> Counter[int | None]:
        """How calls ended that began in that time."""
        return Counter(status for began, _, _, _, status, _ in list(self.answers) if since <= began < until)

    def without_advice(self) -> int:
        """How many 503 did not say when to come back."""
        return sum(status == 503 and not advised for _, _, _, _, status, advised in self.answers)

    def healthy_since(self, moment: float) -> float:
        """How long after `moment` the last call began that did not pass, not counting what came before it."""
        bad = [began for began, _, _, _, status, _ in self.answers if status != 200 and began >= moment]
        return max(bad, default=moment) - moment

    def _run(self, node: Node) -> None:
        with httpx2.Client(base_url=node.origin, timeout=15) as client:
            turn = 0
            while not self._stop.wait(self.pause_seconds):
                key = self.keys[turn % len(self.keys)]
                turn += 1
                url = f"{node.origin}/1.0{self.path}"
                began, status, advised = time.monotonic(), None, False
                with suppress(httpx2.HTTPError):
                    answer = client.get(url, headers=node.signature(key, "GET", url))
                    status, advised = answer.status_code, "Retry-After" in answer.headers
                self.answers.append((began, time.monotonic(), node.folder.name, key, status, advised))
                if status is None:
                    time.sleep(0.02)  # nobody listens just now


def granted(customer: Customer, count: int) -> list[str]:
    """That many consumer keys that open the shop."""
    keys = [customer.confirm(SHOP_RULES) for _ in range(count)]
    assert None not in keys
    return [key for key in keys if key]


def wait_for_confirmations(journal: Journal, count: int = 5, *, seconds: float = 20.0) -> None:
    """Returns when that many more were acknowledged."""
    enough = journal.count("confirm", "ok") + count
    wait_for(lambda: journal.count("confirm", "ok") >= enough, what="confirmations", seconds=seconds, every=0.01)


def quietly(customer: Customer) -> str | None:
    """The consumer key of a confirmation; None while there is none to be had."""
    with suppress(httpx2.HTTPError):
        return customer.confirm()
    return None


def signal_node(serving: Serving, number: signal.Signals) -> None:
    """To every process of a node."""
    names = {str(event["process"]) for event in serving.events() if "process" in event}
    for pid in [*(serving.pids(name)[-1] for name in names), serving.process.pid]:
        os.kill(pid, number)


def check_on_postgres(journal: Journal, keys: Path, url: str) -> list[str]:
    """All violations of an installation on PostgreSQL, also those that `mandat verify` finds."""
    place = parse_place(url)
    findings = verify_postgres(place, load_authority_keys(keys))
    return [
        *violations(journal.operations, read_stored(url)),
        *(f"verify: {finding.where} {finding.what}" for finding in findings),
    ]


def read_stored(url: str) -> dict[str, Stored]:
    """By the hash (hex) of the consumer key."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        events: dict[int, list[str]] = {}
        query = "SELECT record_id, event FROM audit WHERE record = 'credential' ORDER BY id"
        for credential_id, event in connection.execute(query):
            events.setdefault(credential_id, []).append(event)
        rows = connection.execute("SELECT id, consumer_key_hash, state, version FROM credentials").fetchall()
        return {key.hex(): Stored(state, version, tuple(events.get(id_, ()))) for id_, key, state, version in rows}
