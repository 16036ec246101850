"""Clients that ask, confirm, call and give up delegations without end, and write down what they are told."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from mandat.client.forms import Form, read_page
from mandat.protocol.signature import sign
from support.serving import Serving, configuration, serving
from torture.history import Journal

PASSWORD = "correct horse battery"
RULES = [{"method": "GET", "path": "/me/api/application"}]


def mandat(config: Path, *words: str) -> dict[str, object]:
    """Runs a command that prints JSON."""
    command = [sys.executable, "-m", "mandat.cli.main", *words, "--json", "--config", str(config)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode == 0, outcome.stderr
    answer: dict[str, object] = json.loads(outcome.stdout)
    return answer


@dataclass
class Installation:
    """An installation under test. `secret` is what its clients sign with now."""

    folder: Path
    port: int
    key: str = ""
    secret: str = ""
    journal: Journal = field(default_factory=Journal)

    @classmethod
    def create(cls, folder: Path, port: int, *, more: str = "") -> "Installation":
        """One with two customers and an application."""
        made = cls(folder, port)
        config = configuration(folder, port, more=more)
        mandat(config, "account", "create", "--login", "olga", "--password", PASSWORD, "--role", "operator")
        for number in range(4):
            mandat(config, "account", "create", "--login", f"customer{number}", "--password", PASSWORD)
        application = mandat(config, "app", "create", "--name", "Torture", "--description", "Never sleeps")
        made.key, made.secret = str(application["key"]), str(application["secret"])
        return made

    @property
    def config(self) -> Path:
        return self.folder / "mandat.toml"

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self, *, under: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> Iterator[Serving]:
        """`mandat serve` on it for the length of the block; see `serving`."""
        with serving(self.config, self.port, under=under, environment=environment) as running:
            yield running

    def signature(self, consumer_key: str, method: str, url: str, *, body: bytes = b"", at: int = 0) -> dict[str, str]:
        """The fields that sign a call; `at` is its time, 0 for now."""
        now = at or int(time.time())
        signature = sign(self.secret, consumer_key, method=method, url=url, body=body, timestamp=now)
        return {
            "X-Ovh-Application": self.key,
            "X-Ovh-Consumer": consumer_key,
            "X-Ovh-Timestamp": str(now),
            "X-Ovh-Signature": signature,
        }

    def request(self, consumer_key: str, path: str, *, body: bytes = b"", at: int = 0) -> bytes:
        """The bytes of a signed GET, or of a POST when there is a body; `at` as in `signature`."""
        method = "POST" if body else "GET"
        fields = {
            "Host": f"127.0.0.1:{self.port}",
            **self.signature(consumer_key, method, f"{self.origin}/1.0{path}", body=body, at=at),
            **({"Content-Length": str(len(body)), "Content-Type": "application/json"} if body else {}),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{method} /1.0{path} HTTP/1.1\r\n{lines}\r\n".encode() + body

    def mandat(self, *words: str) -> dict[str, object]:
        """A command on it, running or not."""
        return mandat(self.config, *words)


class Customer:
    """A browser that stays logged in, and the application it lets in. One thread uses it."""

    def __init__(self, installation: Installation, number: int = 0) -> None:
        self.installation = installation
        self._login = f"customer{number}"
        self._http = httpx2.Client(base_url=installation.origin, timeout=15, follow_redirects=True)

    def log_in(self) -> None:
        """Once; the session outlives restarts of the server."""
        form = _form(self._http.get("/login"), "login")
        fields = {**form.values, "login": self._login, "password": PASSWORD}
        self._post("/login", fields).raise_for_status()

    def is_logged_in(self) -> bool:
        """Whether the account's page is shown instead of the form for logging in."""
        page = self._http.get("/account")
        page.raise_for_status()
        return page.url.path == "/account"

    def confirm(self, rules: Sequence[Mapping[str, str]] = RULES, *, validity_seconds: int | None = None) -> str | None:
        """Asks for rights and confirms. The consumer key if that was acknowledged."""
        start = time.monotonic()
        asked = self._http.post(
            "/1.0/auth/credential", json={"accessRules": rules}, headers={"X-Ovh-Application": self.installation.key}
        )
        asked.raise_for_status()
        key, address = asked.json()["consumerKey"], asked.json()["validationUrl"]
        self.installation.journal.note("request", key, start, asked.status_code)
        form = _form(self._http.get(address), "rules_hash")
        start, status = time.monotonic(), None
        with suppress(httpx2.HTTPError):
            chosen = {} if validity_seconds is None else {"validity": str(validity_seconds)}
            status = self._post("/auth/", {**form.values, **chosen, "answer": "confirm"}).status_code
        return key if self.installation.journal.note("confirm", key, start, status) == "ok" else None

    def call(self, consumer_key: str, method: str = "GET", path: str = "/auth/currentCredential") -> int | None:
        """A signed call; its status, None without an answer."""
        start = time.monotonic()
        status = self._signed(consumer_key, method, path)
        self.installation.journal.note("call", consumer_key, start, status)
        return status

    def revoke(self, consumer_key: str) -> int | None:
        """The application gives the delegation up."""
        start = time.monotonic()
        status = self._signed(consumer_key, "POST", "/auth/logout")
        self.installation.journal.note("revoke", consumer_key, start, status)
        return status

    def _signed(self, consumer_key: str, method: str, path: str) -> int | None:
        url = f"{self.installation.origin}/1.0{path}"
        headers = self.installation.signature(consumer_key, method, url)
        try:
            return self._http.request(method, url, headers=headers).status_code
        except httpx2.HTTPError:
            return None

    def _post(self, path: str, fields: dict[str, str]) -> httpx2.Response:
        return self._http.post(path, data=fields, headers={"Origin": self.installation.origin})

    def close(self) -> None:
        self._http.close()


def _form(answer: httpx2.Response, name: str) -> Form:
    """The form with that field. Raises HTTPError when the page does not have it."""
    answer.raise_for_status()
    form = read_page(answer.text).form_with(name)
    if form is None:
        raise httpx2.HTTPError(f"no form with {name} at {answer.url}")
    return form


class Load:
    """Customers at work until `stop`: each confirms, calls, gives up every other delegation, and calls once more."""

    def __init__(self, customers: list[Customer]) -> None:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(customer,), daemon=True) for customer in customers]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _work(self, customer: Customer) -> None:
        turn = 0
        while not self._stop.is_set():
            try:
                key = customer.confirm()
            except (httpx2.HTTPError, KeyError, ValueError):
                time.sleep(0.02)  # nobody serves just now
                continue
            turn += 1
            if key is not None:
                customer.call(key)
                if turn % 2:
                    customer.revoke(key)
                    customer.call(key)


@contextmanager
def logged_in(installation: Installation, count: int = 4) -> Iterator[list[Customer]]:
    """Customers of an installation that serves."""
    people = [Customer(installation, number) for number in range(count)]
    try:
        for one in people:
            one.log_in()
        yield people
    finally:
        for one in people:
            one.close()
