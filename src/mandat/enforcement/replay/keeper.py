"""Serves one node's replay memory to its gateway workers, on a unix stream socket (design.md 2 and 4).

Runs inside the supervisor's loop, so that the memory outlives any worker. What is admitted is decided in
`memory`; who may connect is decided by the folder's mode.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from mandat.enforcement.replay.memory import ReplayMemory
from mandat.enforcement.replay.wire import ADMITTED, FRAME_BYTES, REFUSED, decode_write


class _Worker(asyncio.Protocol):
    """One worker's connection."""

    def __init__(self, memory: ReplayMemory, now: Callable[[], float]) -> None:
        self._memory = memory
        self._now = now
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport, not its class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        whole = len(data) - len(data) % FRAME_BYTES
        now = self._now()
        verdicts = b"".join(
            ADMITTED if self._memory.admit(decode_write(data[begin : begin + FRAME_BYTES]), now) else REFUSED
            for begin in range(0, whole, FRAME_BYTES)
        )
        self._rest = data[whole:]
        if self._transport is not None and verdicts:
            self._transport.write(verdicts)


async def serve_replay(path: Path, memory: ReplayMemory) -> asyncio.Server:
    """Start serving `memory` at `path`, which is replaced if a dead keeper left it. Close the returned server to stop.

    `memory` must have been made with `started_monotonic` from the running loop's clock.

    Raises:
        OSError: the socket cannot be made.
    """
    loop = asyncio.get_running_loop()
    path.unlink(missing_ok=True)  # noqa: ASYNC240 once, before anything is served
    server = await loop.create_unix_server(lambda: _Worker(memory, loop.time), str(path))
    path.chmod(0o600)  # noqa: ASYNC240 as above
    return server
