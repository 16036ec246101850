"""An API that speaks the wire, in memory: checks signatures with its own arithmetic, answers what it was told to."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx2

AK, AS, CK = "7kbG7Bk7S9Nt7ZSV", "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF", "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1"
SERVER_TIME = 1_700_000_000


class WireApi:
    """Give it to a client as `transport=api.transport()`. `seen` has every request that arrived."""

    def __init__(self) -> None:
        self.seen: list[httpx2.Request] = []
        self.time = SERVER_TIME
        self.window_seconds = 180
        self.issued = 0
        self.answers: dict[tuple[str, str], Callable[[httpx2.Request], httpx2.Response]] = {}
        self.failures: list[Exception] = []

    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self)

    def answer(self, method: str, path: str, value: Any, status: int = 200, **headers: str) -> None:
        """From now on `method path` gets `value` as JSON, once its signature is good."""
        self.answers[method, path] = lambda _: httpx2.Response(status, json=value, headers=headers)

    def paths(self) -> list[str]:
        """What was called, as "METHOD target"."""
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.seen]

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if self.failures:
            raise self.failures.pop(0)
        path = request.url.path
        if path == "/1.0/auth/time":
            return httpx2.Response(200, content=str(self.time).encode())
        if path == "/1.0/auth/credential":
            return self._issue(request)
        refusal = self._judge(request)
        if refusal:
            status, code = refusal
            return httpx2.Response(status, json={"errorCode": code, "message": code.lower(), "httpCode": str(status)})
        known = self.answers.get((request.method, path))
        return known(request) if known else httpx2.Response(200, content=b"null")

    def _issue(self, request: httpx2.Request) -> httpx2.Response:
        self.issued += 1
        key = f"CK{self.issued:030d}"
        url = f"http://api.test/auth/?credentialToken={self.issued:064d}"
        return httpx2.Response(200, json={"consumerKey": key, "validationUrl": url, "state": "pendingValidation"})

    def _judge(self, request: httpx2.Request) -> tuple[int, str] | None:
        if "x-ovh-signature" not in request.headers:
            return 401, "MISSING_CREDENTIAL"
        timestamp = request.headers["x-ovh-timestamp"]
        if abs(int(timestamp) - self.time) > self.window_seconds:
            return 400, "QUERY_TIME_OUT"
        target = request.url.raw_path.decode("ascii")
        url = f"{request.url.scheme}://{request.headers['host']}{target}"
        parts = [AS, request.headers["x-ovh-consumer"], request.method, url, request.content.decode(), timestamp]
        good = "$1$" + hashlib.sha1("+".join(parts).encode()).hexdigest()
        return None if request.headers["x-ovh-signature"] == good else (400, "INVALID_SIGNATURE")


def body_of(request: httpx2.Request) -> Any:
    """The JSON body that arrived."""
    return json.loads(request.content)
