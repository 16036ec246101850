"""What stands behind a door and sees calls: a TCP server for proxies, applications for middleware. They only record."""

import asyncio
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Seen:
    """One call as it arrived. Header names in lower case. `identity` is what the door said, however it says it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    identity: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        values = [value for known, value in self.headers if known == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None


class RecordingServer:
    """A plain HTTP/1.1 server that answers every call with 200 and `null`, and tries to leave traces on the way."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stops listening and ends every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        if self._connections:
            await asyncio.wait(self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *fields = head[:-4].split("\r\n")
                headers = [(name.lower(), value.strip()) for name, _, value in (each.partition(":") for each in fields)]
                body = await _read_body(reader, dict(headers))
                method, target, _ = line.split(" ", 2)
                names = ("account", "application", "credential", "assertion")
                said = dict(headers)
                identity = {name: said[f"x-mandat-{name}"] for name in names if f"x-mandat-{name}" in said}
                self.seen.append(Seen(method, target, headers, body, identity))
                length = b"" if method == "HEAD" else b"null"
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: trace=1\r\n"
                    b"Clear-Site-Data: *\r\nAccess-Control-Allow-Origin: https://evil.example\r\n"
                    b"X-Ovh-QueryID: upstream\r\nContent-Length: 4\r\n\r\n" + length
                )
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError, ValueError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return body
    return await reader.readexactly(int(headers.get("content-length", "0")))


class RecordingAsgi:
    """An ASGI application that records."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        query = scope["query_string"]
        said = scope["state"]["mandat"]
        self.seen.append(
            Seen(
                scope["method"],
                (scope["raw_path"] + (b"?" + query if query else b"")).decode("latin-1"),
                [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
                body,
                {"account": said.account, "application": str(said.application), "credential": str(said.credential)},
            )
        )
        headers = [(b"content-type", b"application/json"), (b"set-cookie", b"trace=1"), (b"x-ovh-queryid", b"upstream")]
        headers += [(b"clear-site-data", b"*"), (b"access-control-allow-origin", b"https://evil.example")]
        await send({"type": "http.response.start", "status": 200, "headers": [*headers, (b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else b"null"})


class RecordingWsgi:
    """A WSGI application that records."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        assert environ["wsgi.input"].read(1) == b""
        headers = [
            (key[5:].replace("_", "-").lower(), value) for key, value in environ.items() if key.startswith("HTTP_")
        ]
        names = ("account", "application", "credential")
        self.seen.append(
            Seen(
                environ["REQUEST_METHOD"],
                environ["REQUEST_URI"],
                headers,
                body,
                {name: str(environ[f"mandat.{name}"]) for name in names},
            )
        )
        start_response(
            "200 OK",
            [
                ("Content-Type", "application/json"),
                ("Set-Cookie", "trace=1"),
                ("Clear-Site-Data", "*"),
                ("Access-Control-Allow-Origin", "https://evil.example"),
                ("X-Ovh-QueryID", "upstream"),
                ("Content-Length", "4"),
            ],
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"null"]
