"""A server that says it is an old PostgreSQL and knows one answer. For what is asked before anything else is."""

import socket
import struct
import threading
from contextlib import suppress

_SSL_REQUEST = 80_877_103
_GSS_REQUEST = 80_877_104


class OldPostgres:
    """Listens on loopback; `version` is what it says it is. Close it."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, struct.error), connection.makefile("rb") as incoming:
            while True:
                (length,) = struct.unpack("!i", incoming.read(4))
                (code,) = struct.unpack("!i", incoming.read(length - 4)[:4])
                if code not in {_SSL_REQUEST, _GSS_REQUEST}:
                    break
                connection.sendall(b"N")
            parameter = b"server_version\0" + self._version.encode() + b"\0"
            connection.sendall(_message(b"R", struct.pack("!i", 0)) + _message(b"S", parameter) + _READY)
            while (kind := incoming.read(1)) not in {b"", b"X"}:
                (length,) = struct.unpack("!i", incoming.read(4))
                incoming.read(length - 4)
                if kind == b"Q":
                    connection.sendall(_FALSE + _READY)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


_READY = _message(b"Z", b"I")
_FALSE = (
    _message(b"T", struct.pack("!h", 1) + b"answer\0" + struct.pack("!ihihih", 0, 0, 16, 1, -1, 0))
    + _message(b"D", struct.pack("!hi", 1, 1) + b"f")
    + _message(b"C", b"SELECT 1\0")
)
