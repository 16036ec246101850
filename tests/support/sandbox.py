"""A running sandbox provider: the real program in a thread, on free ports, with a gateway's key we hold."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import httpx2

from doubles.assertions import AUDIENCE, ISSUER, AssertingGateway
from doubles.nature import SetClock
from mandat.enforcement.assertion_verifier import AssertionVerifier
from mandat.sandbox.program import SandboxSettings, serve
from support.ports import free_ports

HOST = "127.0.0.1"
ALICE, BRUNO = "aa111-mandat", "bb222-mandat"


class RunningSandbox:
    """Starts in the constructor; `stop` ends it. `clock` is set by tests; `gateway` signs assertions."""

    def __init__(self, folder: Path, clock: SetClock, *, port: int | None = None) -> None:
        self.folder = folder
        self.clock = clock
        self.gateway = AssertingGateway(clock)
        self.port = port or free_ports(3)
        self.origin = f"http://{HOST}:{self.port}"
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._ready.wait(20) or self._failure is not None:
            raise AssertionError("the sandbox did not start") from self._failure
        self.http = httpx2.Client(base_url=self.origin, timeout=20)

    def settings(self) -> SandboxSettings:
        """What this sandbox was started with."""
        return SandboxSettings(
            folder=self.folder,
            port=self.port,
            dns_port=self.port + 1,
            issuer=ISSUER,
            audience=AUDIENCE,
            jwks_url=f"{ISSUER}/.well-known/mandat/jwks.json",
            clock=self.clock,
        )

    def _run(self) -> None:
        verifier = AssertionVerifier(self.gateway.fetch_jwks, issuer=ISSUER, audience=AUDIENCE, clock=self.clock)
        try:
            self._loop.run_until_complete(
                serve(self.settings(), stop=self._stop, on_ready=self._ready.set, verifier=verifier)
            )
        except BaseException as failure:
            self._failure = failure
        finally:
            self._loop.close()
            self._ready.set()

    def stop(self) -> None:
        """Ends it as SIGTERM would, and waits. Once more does nothing."""
        self.http.close()
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive(), "the sandbox did not stop"

    def call(self, method: str, path: str, *, account: str, body: Any = None, **headers: str) -> httpx2.Response:
        """A call for `account` below /1.0, as the gateway forwards it. `body`: a JSON value, or bytes as they are."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {"X-Mandat-Assertion": self.gateway.assertion(account)}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.request(method, f"/1.0{path}", content=content, headers=given)

    def project(self, account: str) -> str:
        """The path of the account's first cloud project."""
        return f"/cloud/project/{self.call('GET', '/cloud/project', account=account).json()[0]}"

    def ask(self, name: str, kind: str, *, over_tcp: bool = False, **options: Any) -> dns.message.Message:
        """The DNS server's answer. `options` go to dnspython's make_query."""
        query = dns.message.make_query(name, kind, **options)
        send = dns.query.tcp if over_tcp else dns.query.udp
        return send(query, HOST, port=self.port + 1, timeout=10)

    def answers(self, name: str, kind: str) -> list[str]:
        """The texts of the answer section's records, sorted, each with its type in front."""
        return sorted(
            f"{dns.rdatatype.to_text(rrset.rdtype)} {record.to_text()}"
            for rrset in self.ask(name, kind, over_tcp=True).answer
            for record in rrset
        )
