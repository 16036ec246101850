"""The DNS server: UDP and TCP on one port of the loopback, in the loop of the sandbox's HTTP server."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from typing import cast

from mandat.sandbox.dns.answering import MAX_QUERY_BYTES, answer, broken_answer
from mandat.sandbox.dns.zone import ServedZones

IDLE_SECONDS = 10.0  # RFC 7766 6.2.3: a few seconds; clients ask right after connecting
MAX_CONNECTIONS = 128

_log = logging.getLogger("mandat.sandbox")
Answer = Callable[[bytes, bool], bytes | None]


class DnsServer:
    """Answers on two sockets that are already bound. `serve`, then `close`."""

    def __init__(self, zones: ServedZones, *, udp: socket.socket, tcp: socket.socket) -> None:
        self._zones = zones
        self._sockets = (udp, tcp)
        self._datagrams: asyncio.DatagramTransport | None = None
        self._streams: asyncio.Server | None = None
        self._conversations: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Starts answering; returns at once."""
        udp, tcp = self._sockets
        loop = asyncio.get_running_loop()
        self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._answer), sock=udp)
        self._streams = await asyncio.start_server(self._converse, sock=tcp)

    async def close(self) -> None:
        """Stops answering and ends the connections."""
        if self._datagrams is not None:
            self._datagrams.close()
        if self._streams is not None:
            self._streams.close()
        for task in self._conversations:
            task.cancel()
        await asyncio.gather(*self._conversations, return_exceptions=True)

    def _answer(self, packet: bytes, over_tcp: bool) -> bytes | None:
        try:
            return answer(packet, self._zones, over_tcp=over_tcp)
        except Exception:
            # The one broad net: whatever a stranger's packet sets off, the server goes on and says so.
            _log.exception("dns answer failed")
            return broken_answer(packet)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._conversations) >= MAX_CONNECTIONS:
            writer.close()
            return
        self._conversations.add(task)
        try:
            with contextlib.suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._conversations.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One question and its answer; False when the connection is to end."""
        async with asyncio.timeout(IDLE_SECONDS):
            length = int.from_bytes(await reader.readexactly(2))
            if length > MAX_QUERY_BYTES:
                return False
            message = self._answer(await reader.readexactly(length), True)
            if message is None:
                return False
            writer.write(len(message).to_bytes(2) + message)
            await writer.drain()
            return True


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answer_packet: Answer) -> None:
        self._answer = answer_packet
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own is no subclass of it

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        message = self._answer(data, False)
        if message is not None and self._transport is not None:
            self._transport.sendto(message, addr)
