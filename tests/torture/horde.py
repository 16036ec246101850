"""Clients that begin a request and never end it: `python -m torture.horde PORT COUNT SECONDS`, in a process of its own.

Each sends half a head, then one byte every two seconds. Prints a line of JSON when all are open, and another one when
all were closed by the server, or after SECONDS: how many were closed, and how long after its beginning the last was.
"""

import asyncio
import json
import sys
import time

BATCH = 250
"""So many connect at once, so that the listener's backlog takes them."""

_HALF = b"GET /1.0/auth/time HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


async def _hold(port: int, ages: list[float]) -> None:
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_HALF)
    asyncio.get_running_loop().create_task(_until_closed(reader, writer, began, ages))


async def _until_closed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, began: float, ages: list[float]
) -> None:
    closed = asyncio.ensure_future(reader.read())
    while not closed.done():
        await asyncio.wait([closed], timeout=2)
        if not closed.done():
            writer.write(b"a")
    closed.exception()
    ages.append(time.monotonic() - began)
    writer.close()


async def main(port: int, count: int, seconds: float) -> None:
    """See the module."""
    ages: list[float] = []
    began = time.monotonic()
    for first in range(0, count, BATCH):
        await asyncio.gather(*(_hold(port, ages) for _ in range(first, min(first + BATCH, count))))
    print(json.dumps({"open": count, "seconds": time.monotonic() - began}), flush=True)
    while len(ages) < count and time.monotonic() - began < seconds:
        await asyncio.sleep(0.1)
    print(json.dumps({"closed": len(ages), "oldest": max(ages, default=0.0)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
