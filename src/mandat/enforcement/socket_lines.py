"""Sends lines over a unix stream socket to another process of the node, best effort: nobody ever waits for them."""

import asyncio
from typing import Final

_DEADLINE_SECONDS: Final = 1.0


class SocketLines:
    """One connection, made when it is needed and made anew after a failure. Belongs to one event loop."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, line: bytes) -> bool:
        """Send one line, which has no line end yet. False: it was dropped."""
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                if self._writer is None or self._writer.is_closing():
                    _, self._writer = await asyncio.open_unix_connection(self._path)
                self._writer.write(line + b"\n")
                await self._writer.drain()
        except (OSError, TimeoutError):
            self.close()
            return False
        return True

    def close(self) -> None:
        """Close the connection; what was sent still arrives."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None
