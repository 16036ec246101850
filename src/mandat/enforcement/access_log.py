"""One JSON line for each exchange, without secrets, written off the hot path.

What is logged and what never is: docs/reference/access-log.md. The path is logged without its query string, because
queries carry tokens (`/auth/?credentialToken=`) and personal data; keys, signatures, cookies and bodies never.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

FLUSH_SECONDS: Final = 0.1
FLUSH_LINES: Final = 4_096
MAX_BUFFERED_LINES: Final = 16_384
"""When the disk is slower than the calls, lines beyond this are dropped and counted, not waited for."""

_BLOCK_LINES: Final = 128
"""Lines written at once, about 32 KB. Encoding so many keeps the loop waiting for 0.1 ms, writing them does not."""


class LogLine(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One line of the access log. Field meanings and examples: docs/reference/access-log.md."""

    time: float
    query_id: str
    address: str
    method: str
    path: str
    status: int
    seconds: float
    received_bytes: int = 0
    sent_bytes: int = 0
    upstream: str = ""
    reason: str = ""
    account: str = ""
    application: int = 0
    credential: int = 0
    is_cut_short: bool = False
    trace: str = ""
    details: dict[str, str] | None = None


class AccessLog:
    """Collects lines and hands them to `write` in a thread of its own, at most every 0.1 s or 4,096 lines."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """`write` takes whole lines; it may block. An OSError of it loses those lines and nothing else."""
        self._write = write
        self._encode_lines = msgspec.json.Encoder().encode_lines
        self._lines: list[LogLine] = []
        self._writing: asyncio.Future[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="access-log")
        self.dropped = 0

    def note(self, line: LogLine) -> None:
        """One exchange has ended. Never blocks and never raises."""
        lines = self._lines
        if len(lines) >= FLUSH_LINES:
            if len(lines) >= MAX_BUFFERED_LINES:
                self.dropped += 1
                return
            self._flush()
        self._lines.append(line)

    async def run(self) -> None:
        """Write regularly until cancelled; then write what is left."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                self._flush()
        finally:
            if self._writing is not None:
                await asyncio.wait([self._writing])
            self._flush()
            if self._writing is not None:
                await asyncio.wait([self._writing])
            self._thread.shutdown()

    def _flush(self) -> None:
        if not self._lines or (self._writing is not None and not self._writing.done()):
            return
        lines, self._lines = self._lines, []
        self._writing = asyncio.get_running_loop().run_in_executor(self._thread, self._write_lines, lines)

    def _write_lines(self, lines: list[LogLine]) -> None:
        for start in range(0, len(lines), _BLOCK_LINES):
            block = lines[start : start + _BLOCK_LINES]
            try:
                self._write(self._encode_lines(block))
            except OSError:
                self.dropped += len(block)
