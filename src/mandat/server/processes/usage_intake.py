"""Takes the gateways' usage reports on a unix socket and hands them to storage: one line, one JSON list of `Use`.

Best effort: a line that cannot be read or stored is logged and dropped; the gateways do not wait (design.md 6).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from mandat.authority.interfaces import StorageUnavailable
from mandat.enforcement.interfaces import Use
from mandat.server.processes.sockets import listen_privately

MAX_LINE_BYTES = 16_777_216
"""20,000 uses, the most a gateway sends at once, of at most some 800 bytes."""

log = structlog.get_logger("usage")


async def serve_usage(path: Path, record: Callable[[Sequence[Use]], Awaitable[None]]) -> asyncio.Server:
    """Starts taking reports at `path`; close the returned server to stop."""
    decoder = msgspec.json.Decoder(list[Use])

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                await record(decoder.decode(line))
        except (msgspec.DecodeError, ValueError, StorageUnavailable, ConnectionError) as fault:
            log.warning("a usage report was dropped", why=str(fault))
        finally:
            writer.close()

    return await asyncio.start_unix_server(take, sock=listen_privately(path), limit=MAX_LINE_BYTES)
