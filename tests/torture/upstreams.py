"""An API behind the gateway that behaves as badly as the path says."""

import asyncio
import re
import socket
import struct
import threading
from contextlib import suppress

RULES = [{"method": method, "path": path} for method in ("GET", "POST") for path in ("/good/*", "/bad/*")]

_RESET = struct.pack("ii", 1, 0)
_CONTENT = {"small": b"x" * 1_000, "large": b"x" * 300_000}
_ENDS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n%b",
    "chunked": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nf4240\r\n%b",
    "close": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n%b",
    "head": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Half: %.10b",
    "silence": b"%.0b",
}

BREAKS = [f"{how}/{end}/{size}" for how in ("reset", "close") for end in _ENDS for size in _CONTENT]
# An answer that ends with its connection is whole when the connection is closed in order: nobody could know better.
BREAKS = [path for path in BREAKS if not path.startswith("close/close/")]
"""What may be asked for below /bad: how the connection ends, what the answer's end should have been, how much came."""


def section(port: int, name: str, *, timeout_seconds: float = 30) -> str:
    """The configuration of this upstream under `/name`."""
    return (
        f'[[upstream]]\nprefix = "/{name}"\nurl = "http://127.0.0.1:{port}"\ntimeout_seconds = {timeout_seconds}\n'
        "describes = false\n"
    )


class BadUpstream:
    """Listens while the block lasts. `writes` is how many requests with a body came."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.writes = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "BadUpstream":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._answer, sock=self._listener))
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if length := re.search(r"content-length: (\d+)", head, re.IGNORECASE):
                    await reader.readexactly(int(length[1]))
                self.writes += head.startswith("POST ")
                path = head.split(" ")[1].split("/", 3)[3]
                if path.startswith("hang"):
                    await self._hang(path, writer)
                elif path in BREAKS:
                    await self._break(path, writer)
                    return
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nnull")
        writer.close()

    async def _hang(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path == "hang/body":
            writer.write(_ENDS["length"] % _CONTENT["small"])
        await asyncio.sleep(3600)

    async def _break(self, path: str, writer: asyncio.StreamWriter) -> None:
        how, end, size = path.split("/")
        writer.write(_ENDS[end] % _CONTENT[size])
        with suppress(OSError):
            await writer.drain()
        await asyncio.sleep(0.05)  # so that the gateway has read it: a reset would take it back
        if how == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()
        else:
            writer.close()
