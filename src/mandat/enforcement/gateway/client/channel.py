"""The socket side of a client's connection: sends, breaks, closes, and reads no more than can be used.

What the bytes mean, and when to do which, is `connection`'s work. Source: design.md 8.
"""

import asyncio
import socket
import struct
from typing import Final, cast

from mandat.enforcement.gateway.batch import Outlet
from mandat.enforcement.gateway.caller import Caller, plain_address
from mandat.enforcement.gateway.door import Door

_MAX_WAITING_BYTES: Final = 65_536
"""What a client may send ahead while an exchange is under way; then it is not read any more."""

_LINGER_BYTES: Final = 4_194_304
"""What is still read, and thrown away, after a last answer, so that a reset does not take the answer back."""

_RESET: Final = struct.pack("ii", 1, 0)
_NOBODY: Final = Caller("", (), "")


class ClientChannel(asyncio.Protocol):
    """See the module. `deadline` is on the loop's clock, `peer` is the text of the other end's address.

    `stranger` is its caller as long as nothing else is known; `is_proxy` says that it is a trusted proxy. `_buffer` is
    what was received and not used yet.
    """

    __slots__ = (
        "_buffer",
        "_door",
        "_is_reading_paused",
        "_is_write_paused",
        "_lingered_bytes",
        "_outlet",
        "_transport",
        "deadline",
        "is_proxy",
        "peer",
        "stranger",
    )

    def __init__(self, door: Door) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self.is_proxy = False
        self._is_reading_paused = False
        self._is_write_paused = False
        self._lingered_bytes = 0
        self._outlet = Outlet(door.batch)
        self.peer = ""
        self.stranger = _NOBODY
        self.deadline = door.time.now + door.limits.head_seconds

    def write(self, data: bytes) -> None:
        """Send bytes to the client, if it is still there."""
        self._outlet.write(data)

    def _open(self, transport: asyncio.BaseTransport) -> None:
        """The connection is there: who is at the other end?"""
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = self._outlet.transport = cast(asyncio.Transport, transport)
        peername = transport.get_extra_info("peername")
        self.peer = (plain_address(peername[0]) if peername else None) or ""
        self.stranger = Caller(self.peer, (), "")
        self.is_proxy = self._door.desk.is_trusted(self.peer)

    def _break(self) -> None:
        """Close with a reset, and send nothing any more."""
        self._outlet.discard()
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def _finish(self) -> None:
        """Close once everything is written."""
        self._outlet.flush()
        if self._transport is not None:
            self._transport.close()

    def _finish_writing(self) -> None:
        """Nothing will be written any more; what the client sends is still received."""
        if self._transport is not None and self._transport.can_write_eof():
            self._outlet.flush()
            self._transport.write_eof()

    def _throw_away(self) -> bool:
        """Use what was received for nothing. False: that was too much of it."""
        self._lingered_bytes += len(self._buffer)
        self._buffer = b""
        return self._lingered_bytes <= _LINGER_BYTES

    def _throttle(self) -> None:
        """Stop reading while more has come than can be used; start again when it is used."""
        is_full = len(self._buffer) > _MAX_WAITING_BYTES
        if is_full is self._is_reading_paused or self._transport is None or self._transport.is_closing():
            return
        self._is_reading_paused = is_full
        if is_full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
