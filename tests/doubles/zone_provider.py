"""A provider with DNS zones and cloud projects, in memory: delegations, signatures checked, idempotency keys honoured,
faults on order. `generation` is the one of its error bodies (wire.md 0.1).

`transport()` gives it to an SDK client; `serve()` puts it behind a real HTTP server for programs in other processes.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2

AK, AS = "7kbG7Bk7S9Nt7ZSV", "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF"
ALICE, BRUNO = "aa1-test", "bb2-test"
PROJECT = "0123456789abcdef0123456789abcdef"

Body = dict[str, Any]

_PHRASES = {400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
_CLASSES = {400: "Client::BadRequest", 403: "Client::Forbidden", 404: "Client::NotFound"}


@dataclass
class Delegation:
    """One permission request and what became of it."""

    consumer_key: str
    rules: list[tuple[str, str]]
    redirection: str
    state: str = "pendingValidation"
    account: str = ""


@dataclass
class Call:
    """A signed call that arrived and was let through."""

    method: str
    path: str
    body: Any
    idempotency_key: str | None
    account: str


@dataclass
class ZoneProvider:
    """Set `fault` to interfere: it gets (method, path) of each permitted call and may answer (status, body) instead."""

    clock: Callable[[], float] = time.time
    base: str = "http://provider.test/1.0"
    delegations: list[Delegation] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    records: list[Body] = field(default_factory=list)
    logged_out: list[str] = field(default_factory=list)
    honours_keys: bool = True
    generation: str = "code"  # "code": errorCode and httpCode; "class": class, no errorCode
    published: list[Body] = field(default_factory=list)
    instances: dict[str, Body] = field(default_factory=dict)
    looks_until_active: int = 2
    names_port: bool = True  # the sandbox does, OVHcloud does not
    site_fault: str | None = None
    visited: list[tuple[str, str, int]] = field(default_factory=list)
    site_address: tuple[str, int] = ("127.80.0.2", 8080)
    fault: Callable[[str, str], tuple[int, Body] | None] = lambda method, path: None
    after: Callable[[str, str], None] = lambda method, path: None

    def __post_init__(self) -> None:
        self._answered: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._looks: dict[str, int] = {}
        self._made = 0
        self.zones = {"example.org": ALICE, "second.example": BRUNO}
        self.projects = {PROJECT: ALICE}

    # -- what the customer does at the provider

    def confirm(self, validation_url: str, account: str = ALICE) -> str:
        """Confirms, and gives the address the browser is sent to."""
        delegation = self._delegation(validation_url)
        delegation.state, delegation.account = "validated", account
        return delegation.redirection

    def refuse(self, validation_url: str) -> None:
        self._delegation(validation_url).state = "refused"

    def revoke_all(self) -> None:
        for delegation in self.delegations:
            delegation.state = "expired"

    def _delegation(self, validation_url: str) -> Delegation:
        return self.delegations[int(validation_url.rpartition("=")[2])]

    def visit(self, host: str, address: str, port: int) -> str | None:
        """Whether a site answers there: an instance's, once DNS was told of it."""
        self.visited.append((host, address, port))
        return self.site_fault if self.instances else "it cannot be reached"

    def writes(self) -> list[str]:
        """Permitted calls that are no GET."""
        return [f"{call.method} {call.path}" for call in self.calls if call.method != "GET"]

    # -- HTTP

    def transport(self) -> httpx2.MockTransport:
        """For an SDK client in this process."""
        return httpx2.MockTransport(self._in_memory)

    def _in_memory(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        status, body = self.answer(request.method, request.url.raw_path.decode(), headers, request.content)
        return httpx2.Response(status, content=json.dumps(body).encode(), headers={"X-Ovh-QueryID": self._query_id()})

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Serves on a free loopback port; `base` says where."""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = provider.answer(self.command, self.path, headers, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("X-Ovh-QueryID", provider._query_id())
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_any  # noqa: N815 the library's names

            def log_message(self, *_: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        self.base = f"http://127.0.0.1:{server.server_address[1]}/1.0"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def _query_id(self) -> str:
        return f"TEST.{len(self.calls)}"

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        path = target.removeprefix("/1.0").partition("?")[0]
        if path == "/auth/time":
            return 200, int(self.clock())
        if headers.get("x-ovh-application") != AK:
            return self._refusal(403, "INVALID_KEY", "This application key is invalid")
        if (method, path) == ("POST", "/auth/credential"):
            return self._ask(json.loads(body))
        return self._signed(method, target, path, headers, body)

    def _ask(self, body: Body) -> tuple[int, Any]:
        number = len(self.delegations)
        rules = [(rule["method"], rule["path"]) for rule in body["accessRules"]]
        delegation = Delegation(f"CK{number:030d}", rules, body.get("redirection") or "")
        self.delegations.append(delegation)
        origin = self.base.removesuffix("/1.0")
        url = f"{origin}/auth/?credentialToken={number}"
        return 200, {"consumerKey": delegation.consumer_key, "validationUrl": url, "state": delegation.state}

    def _signed(self, method: str, target: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        key = headers.get("x-ovh-consumer", "")
        url = self.base.removesuffix("/1.0") + target
        parts = [AS, key, method, url, body.decode(), headers.get("x-ovh-timestamp", "")]
        if headers.get("x-ovh-signature") != "$1$" + hashlib.sha1("+".join(parts).encode()).hexdigest():
            return self._refusal(400, "INVALID_SIGNATURE", "Invalid signature")
        delegation = next((each for each in self.delegations if each.consumer_key == key), None)
        if delegation is None or delegation.state != "validated":
            return self._refusal(403, "INVALID_CREDENTIAL", "This credential is not valid")
        if path == "/auth/logout":
            delegation.state = "expired"
            self.logged_out.append(key)
            return 200, None
        if not any(rule == (method, path) or _star(rule, method, path) for rule in delegation.rules):
            return self._refusal(403, "NOT_GRANTED_CALL", "This call has not been granted")
        fault = self.fault(method, path)
        if fault is not None:
            return fault
        with self._lock:
            answer = self._carry_out(method, path, headers.get("idempotency-key"), body, delegation.account)
        self.after(method, path)
        return answer

    def _carry_out(self, method: str, path: str, key: str | None, body: bytes, account: str) -> tuple[int, Any]:
        document = json.loads(body) if body else None
        self.calls.append(Call(method, path, document, key, account))
        if self.honours_keys and key is not None and key in self._answered:
            return 200, self._answered[key]
        status, answer = self._operate(method, path, document, account)
        if key is not None and status == 200:
            self._answered[key] = answer
        return status, answer

    def _operate(self, method: str, path: str, document: Any, account: str) -> tuple[int, Any]:
        if (method, path) == ("GET", "/me"):
            return 200, {"nichandle": account, "firstname": "Test", "name": account[:2].upper()}
        if path.startswith("/cloud/project/"):
            return self._operate_cloud(method, path, document, account)
        zone = path.split("/")[3] if path.startswith("/domain/zone/") else ""
        if self.zones.get(zone) != account:
            return self._refusal(404, "NOT_FOUND", "This service does not exist")
        if (method, path) == ("POST", f"/domain/zone/{zone}/record"):
            record = {"id": 2**40 + self._made, "zone": zone, **document}
            self._made += 1
            self.records.append(record)
            return 200, record
        if method == "PUT":
            return self._change(self.records, int(path.rpartition("/")[2]), document)
        if method == "DELETE":
            return self._remove(self.records, int(path.rpartition("/")[2]))
        if path.endswith("/refresh"):
            self.published = list(self.records)
        return 200, {"name": zone} if method == "GET" else None

    def _change(self, things: list[Body], number: int, document: Body) -> tuple[int, Any]:
        found = next((thing for thing in things if thing["id"] == number), None)
        if found is None:
            return self._refusal(404, "NOT_FOUND", "The requested object does not exist")
        found.update(document)
        return 200, None

    def _remove(self, things: list[Body], number: int) -> tuple[int, Any]:
        found = next((thing for thing in things if thing["id"] == number), None)
        if found is None:
            return self._refusal(404, "NOT_FOUND", "The requested object does not exist")
        things.remove(found)
        return 200, None

    def _operate_cloud(self, method: str, path: str, document: Any, account: str) -> tuple[int, Any]:
        _, _, _, project, kind, *rest = path.split("/")
        if self.projects.get(project) != account:
            return self._refusal(404, "NOT_FOUND", "This service does not exist")
        if kind == "flavor":
            return 200, [{"id": "flavor-big", "name": "b2-7"}, {"id": "flavor-small", "name": "d2-2"}]
        if kind == "image":
            return 200, [{"id": "image-ubuntu", "name": "Ubuntu 24.04"}, {"id": "image-debian", "name": "Debian 12"}]
        if method == "POST":
            number = f"instance-{len(self._looks)}"
            self._looks[number] = 0
            self.instances[number] = {"id": number, **document, "status": "BUILD", "ipAddresses": []}
            return 200, dict(self.instances[number])
        instance = self.instances.get(rest[0])
        if instance is None:
            return self._refusal(404, "NOT_FOUND", "Instance does not exist")
        if method == "DELETE":
            del self.instances[rest[0]]
            return 200, None
        self._looks[rest[0]] += 1
        if self._looks[rest[0]] > self.looks_until_active and instance["status"] == "BUILD":
            address, port = self.site_address
            six = {"ip": "2001:db8::1", "type": "public", "version": 6}
            four: Body = {"ip": address, "type": "public", "version": 4}
            four |= {"httpPort": port} if self.names_port else {}
            instance |= {"status": "ACTIVE", "ipAddresses": [six, four]}
        return 200, instance

    def _refusal(self, status: int, code: str, message: str) -> tuple[int, Body]:
        if self.generation == "class":
            return status, {"class": _CLASSES[status], "message": message}
        return status, {"errorCode": code, "message": message, "httpCode": f"{status} {_PHRASES[status]}"}


def _star(rule: tuple[str, str], method: str, path: str) -> bool:
    head, star, tail = rule[1].partition("*")
    return bool(star) and rule[0] == method and path.startswith(head) and path.endswith(tail)
