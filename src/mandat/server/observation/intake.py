"""Takes the processes' reports on a unix socket: one connection for each process, one line of JSON for each report."""

import asyncio
import contextlib
import logging
from pathlib import Path

import msgspec

from mandat.server.observation.collected import Collected
from mandat.server.observation.definitions import METRICS
from mandat.server.observation.report import Report
from mandat.server.processes.sockets import listen_privately

MAX_LINE_BYTES = 4_194_304
"""A report has some hundred numbers, and more only with thousands of upstreams."""

_log = logging.getLogger("mandat.metrics")


async def serve_reports(path: Path, collected: Collected) -> asyncio.Server:
    """Starts taking reports at `path`; close the returned server to stop."""
    decoder = msgspec.json.Decoder(Report)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        process = collected.welcome()
        try:
            while line := await reader.readline():
                report = decoder.decode(line)
                told = {number.metric for number in report.numbers} | {spread.metric for spread in report.spreads}
                if not told <= METRICS.keys():
                    raise ValueError("a metric of another version")
                collected.take(process, report)
        except (msgspec.DecodeError, ValueError, ConnectionError) as fault:
            _log.warning("a report was dropped: %s", fault)
        finally:
            collected.part(process)
            with contextlib.suppress(ConnectionError):
                writer.close()

    return await asyncio.start_unix_server(take, sock=listen_privately(path), limit=MAX_LINE_BYTES)
