"""Carries connections from an instance's address to its web server, which has no network to take them from itself.

For each accepted TCP connection a connected pair of unix sockets is made; one end goes into the isolation, the other
one is pumped here. Nothing that comes out of the isolation is interpreted.
"""

import asyncio
import contextlib
import socket

MAX_CONNECTIONS = 32  # at one time, for each instance; more wait in the listener's queue
LONGEST_SECONDS = 60.0  # of a connection: the server closes after each answer
_CHUNK_BYTES = 65_536
_TOKEN = b"c"


class Relay:
    """Serves `listener` with what is at the other end of `control`. Both are non-blocking; `close` ends them."""

    def __init__(self, listener: socket.socket, control: socket.socket) -> None:
        self._listener = listener
        self._control = control
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(MAX_CONNECTIONS)

    async def start(self) -> None:
        """Begins to take connections; returns at once."""
        self._server = await asyncio.start_server(self._carry, sock=self._listener)

    def close(self) -> None:
        """From now on the address refuses connections, those that run end, and the web server ends too."""
        if self._server is not None:
            self._server.close()
        self._listener.close()
        self._control.close()
        for task in self._connections:
            task.cancel()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        try:
            async with self._free, asyncio.timeout(LONGEST_SECONDS):
                await self._exchange(reader, writer)
        except (OSError, TimeoutError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [_TOKEN], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        inner_reader, inner_writer = await asyncio.open_connection(sock=ours)
        try:
            asking = asyncio.create_task(_pump(reader, inner_writer))
            try:
                await _pump(inner_reader, writer)
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
        finally:
            inner_writer.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Copies until the source ends, then says so to the target."""
    while chunk := await source.read(_CHUNK_BYTES):
        target.write(chunk)
        await target.drain()
    with contextlib.suppress(OSError):
        if target.can_write_eof():
            target.write_eof()
