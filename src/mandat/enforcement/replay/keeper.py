"""Serves one node's replay memory to its gateway workers, on a unix stream socket (design.md 2 and 4).

Runs inside the supervisor's loop, so that the memory outlives any worker. What is admitted is decided in
`memory`; who may connect is decided by the folder's mode.
"""

import asyncio
from pathlib import Path

from mandat.enforcement.node_link import serve_link
from mandat.enforcement.replay.memory import ReplayMemory
from mandat.enforcement.replay.wire import ADMITTED, FRAME_BYTES, REFUSED, decode_write


async def serve_replay(path: Path, memory: ReplayMemory) -> asyncio.Server:
    """Start serving `memory` at `path`, see `serve_link`. Close the returned server to stop.

    `memory` must have been made with `started_monotonic` from the running loop's clock.

    Raises:
        OSError: the socket cannot be made.
    """
    return await serve_link(
        path, FRAME_BYTES, lambda frame, now: ADMITTED if memory.admit(decode_write(frame), now) else REFUSED
    )
