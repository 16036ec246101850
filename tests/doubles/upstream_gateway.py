"""A gateway with everything around it in memory, reached over real sockets: for tests of the door itself."""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from doubles.grants import CountedUses, MemoryGrants, signed_headers
from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.assertion import AssertionSigner, jwks_document
from mandat.enforcement.gateway.run import Entrances, run_gateway
from mandat.enforcement.interfaces import SourceUnavailable, WriteSeen
from mandat.enforcement.quotas.leases import CallQuotas
from mandat.enforcement.replay.memory import ReplayMemory
from mandat.enforcement.settings import GatewaySettings, Limits, Upstream

PRIVATE_KEY = bytes(range(32))
PUBLIC_KEY = Ed25519PrivateKey.from_private_bytes(PRIVATE_KEY).public_key().public_bytes_raw()
OPEN_ROUTES = frozenset(
    {
        ("GET", "/login"),
        ("POST", "/login"),
        ("POST", "/1.0/auth/credential"),
        ("GET", "/1.0/"),
        ("GET", "/1.0/domain.json"),
    }
)


class LocalReplay:
    """Implements `interfaces.ReplayMemory` without a keeper."""

    def __init__(self, window_seconds: int = 180) -> None:
        self.memory = ReplayMemory(window_seconds=window_seconds, started=0, started_monotonic=0)
        self.is_down = False

    async def admit(self, write: WriteSeen) -> bool:
        if self.is_down:
            raise SourceUnavailable("the double is down")
        return self.memory.admit(write, asyncio.get_running_loop().time())


@dataclass
class TestedGateway:
    """A running gateway. `log` has one decoded line for each exchange, once `flush_log` was awaited."""

    port: int
    listener: socket.socket
    grants: MemoryGrants
    replay: LocalReplay
    uses: CountedUses
    stop: asyncio.Event
    task: "asyncio.Task[None]"
    raw_log: list[bytes] = field(default_factory=list)

    __test__ = False

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def log_lines(self, count: int) -> list[dict[str, object]]:
        """The lines of the access log, once there are at least `count`."""
        deadline = time.monotonic() + 5
        while True:
            lines = [json.loads(line) for line in b"".join(self.raw_log).splitlines()]
            if len(lines) >= count:
                return lines
            assert time.monotonic() < deadline, f"only {len(lines)} log lines"
            await asyncio.sleep(0.01)

    def signed(
        self, method: str, target: str, body: bytes = b"", *, timestamp: int | None = None, extra: str = ""
    ) -> bytes:
        """The bytes of a signed request. `extra` is more header lines, each with its end."""
        when = int(time.time()) if timestamp is None else timestamp
        headers = signed_headers(method, self.origin + target, timestamp=when, body=body)
        return self.request(method, target, body, headers=headers, extra=extra)

    def signed_by(self, consumer_key: str, method: str, target: str) -> bytes:
        """A request signed under another consumer key."""
        headers = signed_headers(method, self.origin + target, timestamp=int(time.time()), consumer_key=consumer_key)
        return self.request(method, target, headers=headers)

    def request(
        self, method: str, target: str, body: bytes = b"", *, headers: dict[str, str] | None = None, extra: str = ""
    ) -> bytes:
        """The bytes of a request."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return (
            f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{lines}{length}{extra}\r\n".encode() + body
        )

    async def connect(self) -> "RawClient":
        return RawClient(*await asyncio.open_connection("127.0.0.1", self.port))

    async def ask(self, request: bytes) -> "Answer":
        """One request on a connection of its own."""
        client = await self.connect()
        try:
            client.send(request)
            return await client.read_answer(is_head=request.startswith(b"HEAD"))
        finally:
            client.close()


@dataclass
class Answer:
    """One answer. Header names in lower case; a repeated header is an error."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        decoded = json.loads(self.body)
        assert isinstance(decoded, dict)
        return decoded

    @property
    def code(self) -> object:
        return self.json["errorCode"]


class RawClient:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read_answer(self, *, is_head: bool = False, deadline_seconds: float = 10) -> Answer:
        """The next answer; chunked bodies are joined.

        Raises:
            IncompleteReadError, ConnectionResetError: it broke off.
        """
        async with asyncio.timeout(deadline_seconds):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *fields = head[:-4].split("\r\n")
            headers: dict[str, str] = {}
            for each in fields:
                name, _, value = each.partition(":")
                assert name.lower() not in headers, f"{name} twice"
                headers[name.lower()] = value.strip()
            status = int(first.split(" ")[1])
            if is_head or status in (204, 304) or status < 200:
                body = b""
            elif headers.get("transfer-encoding") == "chunked":
                body = await self._read_chunks()
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            else:
                body = await self.reader.read()
            return Answer(status, headers, body)

    async def _read_chunks(self) -> bytes:
        body = b""
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            piece = await self.reader.readexactly(size + 2)
            if not size:
                return body
            body += piece[:-2]

    async def read_to_end(self, deadline_seconds: float = 10) -> bytes:
        """Everything until the gateway closes."""
        async with asyncio.timeout(deadline_seconds):
            return await self.reader.read()

    def close(self) -> None:
        self.writer.transport.abort()


@contextlib.asynccontextmanager
async def running_gateway(
    api: str,
    *,
    authority: str | None = None,
    limits: Limits | None = None,
    upstreams: tuple[Upstream, ...] = (),
    grants: MemoryGrants | None = None,
    public_urls: tuple[str, ...] = (),
    listener: socket.socket | None = None,
    quotas: CallQuotas | None = None,
    on_ready: Callable[[], None] | None = None,
    **settings: object,
) -> AsyncIterator[TestedGateway]:
    """A gateway before the API at address `api` (prefixes /me and /domain, encoded slashes under /ip)."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    timeout = 0.6
    made = GatewaySettings(
        public_urls=public_urls or (f"http://127.0.0.1:{port}", f"http://localhost:{port}"),
        authority=Upstream("authority", "", authority or api, trusted=True),
        upstreams=upstreams
        or (
            Upstream("api", "/me", api, timeout_seconds=timeout, audience="api"),
            Upstream("api", "/domain", api, timeout_seconds=timeout, audience="api"),
            Upstream("api", "/ip", api, timeout_seconds=timeout, audience="api", encoded_slash="opaque"),
        ),
        open_routes=OPEN_ROUTES,
        jwks=jwks_document({"k1": PUBLIC_KEY}),
        limits=limits or Limits(),
        **settings,  # type: ignore[arg-type]
    )
    if grants is None:
        grants = MemoryGrants()
        grants.add_application()
        grants.add_grant("GET /*", "POST /*", "PUT /*", "DELETE /*")
    replay, uses, stop = LocalReplay(), CountedUses(), asyncio.Event()
    raw_log: list[bytes] = []
    log = AccessLog(raw_log.append)
    log_task = asyncio.create_task(log.run())
    task = asyncio.create_task(
        run_gateway(
            made,
            Entrances(listener),
            source=grants,
            replay=replay,
            usage=uses,
            signer=AssertionSigner(PRIVATE_KEY, "k1", "mandat"),
            access_log=log,
            clock=time.time,
            entropy=os.urandom,
            stop=stop,
            quotas=quotas,
            on_ready=on_ready,
        )
    )
    gateway = TestedGateway(port, listener, grants, replay, uses, stop, task, raw_log)
    await asyncio.sleep(0)
    try:
        yield gateway
    finally:
        stop.set()
        await task
        log_task.cancel()
        await asyncio.wait([log_task])
