"""Ends a worker so that no call is lost: what was sent before the stop was known is still answered.

Source: design.md 2 and 8.
"""

import asyncio
from typing import Final

from mandat.enforcement.gateway.door import Door

LAST_REQUESTS_SECONDS: Final = 0.1
"""How long a stopping worker still looks for requests on kept connections: under load, no call is lost by a reload."""

_LOOKS: Final = 10


async def drain(door: Door, tls_door: Door) -> None:
    """Idle connections and event streams end at once; running exchanges get `stop_seconds`, then they are cut."""
    loop = asyncio.get_running_loop()
    door.is_stopping = tls_door.is_stopping = True
    # What was sent before the stop was known is still read and answered, with the wish to close.
    # In steps: a worker that gets no processor for that long must still look at its sockets before it closes them.
    for _ in range(_LOOKS):
        await asyncio.sleep(LAST_REQUESTS_SECONDS / _LOOKS)
    for connection in list(door.connections):
        if connection.is_idle:
            connection.close()
    until = loop.time() + door.limits.stop_seconds
    while door.connections and loop.time() < until:  # noqa: ASYNC110 looked at 250 times at most, once in a life
        await asyncio.sleep(0.02)
    for connection in list(door.connections):
        connection.reset()
    await asyncio.sleep(0)
