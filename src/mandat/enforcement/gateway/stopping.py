"""Ends a worker so that no call is lost: what was sent before the stop was known is still answered.

Source: design.md 2 and 8.
"""

import asyncio
from typing import Final

from mandat.enforcement.gateway.door import Door, OpenConnection

LAST_REQUESTS_SECONDS: Final = 0.5
"""How long a kept connection must be silent before a stopping worker closes it: a client that calls more often than
this is told with its last answer that the connection ends, and loses no call by a reload."""

_LOOKS: Final = 25
_LOOKS_AT_LEAST: Final = 5
"""So that a connection that was just accepted is known before the worker looks whether any is left."""


async def drain(door: Door, tls_door: Door) -> None:
    """Event streams end at once, silent connections soon; running exchanges get `stop_seconds`, then they are cut."""
    loop = asyncio.get_running_loop()
    door.is_stopping = tls_door.is_stopping = True
    until = loop.time() + door.limits.stop_seconds
    # Counted in looks, not in time: a worker that gets no processor for that long must still read what was sent to it
    # before it closes. What is read is answered, with the wish to close.
    silent: dict[OpenConnection, int] = {}
    looks = 0
    while looks < _LOOKS_AT_LEAST or (door.connections and loop.time() < until):
        await asyncio.sleep(LAST_REQUESTS_SECONDS / _LOOKS)
        looks += 1
        silent = {one: silent.get(one, 0) + 1 for one in door.connections if one.is_idle}
        for connection in list(door.connections):
            if connection.is_stream or silent.get(connection, 0) >= _LOOKS:
                connection.close()
    for connection in list(door.connections):
        if connection.is_idle:
            connection.close()
        else:
            connection.reset()
    await asyncio.sleep(0)
