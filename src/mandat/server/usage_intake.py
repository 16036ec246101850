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

    path.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(take, str(path), limit=MAX_LINE_BYTES)
    path.chmod(0o600)
    return server
