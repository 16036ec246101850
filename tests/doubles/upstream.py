"""An upstream that records every request it gets, byte for byte, and answers whatever bytes it was told to.

A real TCP server, so that what reaches it is what an API would see. It parses only as much as it needs to find the end
of a request that the gateway framed; a request it cannot read is recorded as such and fails the test that looks.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nnull"


@dataclass
class Recorded:
    """One request as it arrived. Header names in lower case; repeated ones stay repeated."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    def all(self, name: str) -> list[str]:
        return [value for header, value in self.headers if header == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} was sent {len(values)} times"
        return values[0] if values else None


Script = Callable[[Recorded, asyncio.StreamWriter], Coroutine[None, None, None]]


@dataclass
class RecordingUpstream:
    """`script` writes the answer to a request; by default 200 with the body `null`. Use as an async context manager."""

    script: Script | None = None
    requests: list[Recorded] = field(default_factory=list)
    connections: int = 0
    lost_connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "RecordingUpstream":
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and break every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        number = self.connections
        try:
            while (request := await _read_request(reader, number)) is not None:
                self.requests.append(request)
                if self.script is None:
                    writer.write(OK)
                else:
                    await _until_gone(self.script(request, writer), reader)
                if writer.is_closing():
                    break
        except (asyncio.CancelledError, OSError):
            pass
        finally:
            self.lost_connections += 1
            self._tasks.discard(task)
            writer.transport.abort()


async def _until_gone(script: Coroutine[None, None, None], reader: asyncio.StreamReader) -> None:
    """Run a script, and end it when the gateway has closed the connection."""
    running = asyncio.create_task(script)
    while not running.done() and not reader.at_eof():
        await asyncio.wait([running], timeout=0.01)
    if not running.done():
        running.cancel()
        raise ConnectionResetError
    running.result()


async def _read_request(reader: asyncio.StreamReader, connection: int) -> Recorded | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, OSError):
        return None
    line, *fields = head[:-4].split("\r\n")
    headers = []
    for each in fields:
        name, _, value = each.partition(":")
        headers.append((name.lower(), value.strip()))
    found = dict(headers)
    assert "transfer-encoding" not in found, "the gateway must send a length"
    body = await reader.readexactly(int(found.get("content-length", "0")))
    return Recorded(line, headers, body, connection)


def answering(*pieces: bytes, then_close: bool = False) -> Script:
    """A script that sends these bytes, each piece in a packet of its own as far as the system allows."""

    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.005)
        if then_close:
            writer.close()

    return script
