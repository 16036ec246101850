"""The sandbox as a process of its own, which can be killed, and a gateway that really publishes its keys."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2

from doubles.assertions import AUDIENCE, ISSUER, AssertingGateway
from support.ports import free_ports
from support.sandbox import HOST

MAIN = """
import sys
from pathlib import Path
from mandat.sandbox.program import SandboxSettings, SandboxStartError, run
folder, port, jwks_url, issuer, audience = sys.argv[1:]
try:
    run(
        SandboxSettings(
            folder=Path(folder), port=int(port), dns_port=int(port) + 1,
            issuer=issuer, audience=audience, jwks_url=jwks_url,
        ),
        on_ready=lambda: print("ready", flush=True),
    )
except SandboxStartError as problem:
    sys.exit(str(problem))
"""


class SandboxProcess:
    """`mandat.sandbox.program.run`. `path` is its search path for programs, when it is to differ."""

    def __init__(
        self, folder: Path, port: int, jwks_url: str, *, gateway: AssertingGateway, path: str | None = None
    ) -> None:
        self.folder = folder
        self.port = port
        self._gateway = gateway
        self._http = httpx2.Client(base_url=f"http://{HOST}:{port}", timeout=20)
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, str(folder), str(port), jwks_url, ISSUER, AUDIENCE],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ if path is None else {**os.environ, "PATH": path},
        )

    def wait_until_ready(self) -> None:
        """Fails with what it said when it ended instead."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]

    def end(self, number: int) -> tuple[int, str]:
        """Sends the signal, unless it has ended; exit code and standard error."""
        self._http.close()
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors

    def call(self, method: str, path: str, *, account: str, body: Any = None) -> httpx2.Response:
        """A call for `account` below /1.0, as the gateway forwards it."""
        headers = {"X-Mandat-Assertion": self._gateway.assertion(account)}
        return self._http.request(method, f"/1.0{path}", headers=headers, json=body)

    def project(self, account: str) -> str:
        """The path of the account's first cloud project."""
        return f"/cloud/project/{self.call('GET', '/cloud/project', account=account).json()[0]}"


@contextmanager
def published_keys(gateway: AssertingGateway) -> Iterator[str]:
    """Where the gateway's keys are really fetched from, over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(gateway.key_set()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://{HOST}:{server.server_port}/.well-known/mandat/jwks.json"
    server.shutdown()
    thread.join()
    server.server_close()


def start_sandbox(
    folder: Path, jwks_url: str, *, gateway: AssertingGateway, port: int | None = None, path: str | None = None
) -> SandboxProcess:
    """A started sandbox that is ready."""
    process = SandboxProcess(folder, port or free_ports(3), jwks_url, gateway=gateway, path=path)
    process.wait_until_ready()
    return process


def real_time_gateway() -> AssertingGateway:
    """A gateway whose assertions a process with the real clock believes."""
    return AssertingGateway(time.time)
