"""Accepts connections that begin with a TLS handshake, and ends without losing those that have just come.

Certificates and versions are the context's, which is made elsewhere.
"""

import asyncio
import copy
import socket
import ssl
from typing import Final

from mandat.enforcement.gateway.caller import CallerDesk
from mandat.enforcement.gateway.client.connection import ClientConnection
from mandat.enforcement.gateway.door import Door

TLS_ARRIVAL_SECONDS: Final = 1.0
"""How long before a stop a TLS connection may have come and still get its first answer: the handshake and the request
take three round trips, and during a reload nobody else could give that answer."""

TLS_GOODBYE_SECONDS: Final = 1.0
"""How long a closing connection waits for the other end's close_notify, which many clients never send."""


class TlsArrivals:
    """Connections that begin with a handshake. Their `door` shares all but the desk, which knows their scheme."""

    def __init__(self, door: Door) -> None:
        self._loop = asyncio.get_running_loop()
        self._last = -TLS_ARRIVAL_SECONDS
        self.door = copy.copy(door)
        self.door.desk = CallerDesk(door.settings.public_urls, door.settings.trusted_proxies, scheme="https")

    async def accept(self, listener: socket.socket, context: ssl.SSLContext) -> asyncio.Server:
        """Begin to accept."""
        return await self._loop.create_server(
            self._welcome,
            sock=listener,
            ssl=context,
            ssl_handshake_timeout=self.door.limits.head_seconds,
            ssl_shutdown_timeout=TLS_GOODBYE_SECONDS,
        )

    def _welcome(self) -> ClientConnection:
        """Called before the handshake; the door hears of the connection only after it."""
        self._last = self._loop.time()
        return ClientConnection(self.door)

    async def wait_for_the_last(self) -> None:
        """Once nothing is accepted any more: give those their time who came just before."""
        await asyncio.sleep(max(0.0, self._last + TLS_ARRIVAL_SECONDS - self._loop.time()))
