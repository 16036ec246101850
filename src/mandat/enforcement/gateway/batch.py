"""Work that came in together is done together: what one wake-up of the loop read is judged, then sent, in one go.

Two things are paid once for many connections instead of once for each. The freshness of grants: it is checked after
everything that is judged with it was read from its socket, so no call is older than the check (design.md 6). And waking
peers: a write makes the kernel wake whoever waits for it, which costs more than the write; written back to back, the
first wakes the peer for all. Order on each connection is kept. Source: design.md 8.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol

_log = logging.getLogger("mandat.enforcement.gateway")

FLUSH_CONNECTIONS: Final = 16
"""So many connections' bytes are sent at once: enough to wake peers seldom, few enough to keep them busy meanwhile."""

MOST_KEPT_BYTES: Final = 16_384
"""More is not kept back on one connection: only what is written can make the transport ask for a pause."""


class Reader(Protocol):
    """A connection that has received something."""

    def advance(self) -> None:
        """Do what can be done with it."""


class Outlet:
    """The bytes on their way out of one connection. `transport` is set while there is a connection."""

    __slots__ = ("_batch", "_kept_bytes", "_pieces", "transport")

    def __init__(self, batch: "Batch") -> None:
        self._batch = batch
        self._pieces: list[bytes] = []
        self._kept_bytes = 0
        self.transport: asyncio.Transport | None = None

    @property
    def is_empty(self) -> bool:
        """Whether everything was handed to the transport."""
        return not self._pieces

    def write(self, data: bytes) -> None:
        """Send bytes at the end of this wake-up, or at once when they are many."""
        pieces = self._pieces
        if not pieces:
            self._batch.add_outlet(self)
        pieces.append(data)
        self._kept_bytes += len(data)
        if self._kept_bytes >= MOST_KEPT_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand what is kept to the transport. May pause the connection's writing."""
        pieces, self._pieces, self._kept_bytes = self._pieces, [], 0
        if pieces and self.transport is not None:
            self.transport.write(pieces[0] if len(pieces) == 1 else b"".join(pieces))

    def discard(self) -> None:
        """What is kept will not be sent."""
        self._pieces, self._kept_bytes = [], 0


class Batch:
    """The readers and outlets of one worker that wait for the end of this wake-up."""

    def __init__(self, hold: Callable[[], bool], release: Callable[[], None]) -> None:
        """
        Args:
            hold: makes grants fresh for all that is judged until `release`; True when it did.
            release: from here on grants are checked again.
        """
        self._hold = hold
        self._release = release
        self._readers: list[Reader] = []
        self._outlets: list[Outlet] = []
        self._call_soon = asyncio.get_running_loop().call_soon
        self._is_scheduled = False

    def add_reader(self, reader: Reader) -> None:
        """A connection has received something, and is not on the list yet."""
        self._readers.append(reader)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._call_soon(self._run)

    def add_outlet(self, outlet: Outlet) -> None:
        """A connection has something to send, and had nothing before."""
        self._outlets.append(outlet)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._call_soon(self._run)

    def _run(self) -> None:
        self._is_scheduled = False
        readers = self._readers
        if readers:
            self._readers = []
            # Everything that these readers hold came in before this check.
            is_held = self._hold()
            try:
                for reader in readers:
                    try:
                        reader.advance()
                    except Exception:
                        _log.exception("a bug in the gateway; the other connections go on")
                    if len(self._outlets) >= FLUSH_CONNECTIONS:
                        self._flush()
            finally:
                if is_held:
                    self._release()
        self._flush()

    def _flush(self) -> None:
        outlets, self._outlets = self._outlets, []
        for outlet in outlets:
            try:
                outlet.flush()
            except Exception:
                _log.exception("a bug in the gateway; the other connections go on")
