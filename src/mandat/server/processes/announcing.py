"""A uvicorn server that tells the supervisor when it listens."""

import socket

import uvicorn

from mandat.server.processes.children import say_ready


class AnnouncingServer(uvicorn.Server):
    """Says on `ready_fd` that it is ready as soon as it listens."""

    def __init__(self, config: uvicorn.Config, ready_fd: int) -> None:
        super().__init__(config)
        self._ready_fd = ready_fd

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn; then the supervisor is told."""
        await super().startup(sockets)
        say_ready(self._ready_fd)
