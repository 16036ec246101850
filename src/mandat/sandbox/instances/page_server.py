"""What runs inside an instance: a web server for the files of the folder it is started in. A program of its own.

It imports nothing of Mandat and nothing outside the standard library, because nothing else is there. It has no network:
its standard input is a socket over which it says that it is ready, and over which connections come, one after the
other, as open sockets (`mandat.sandbox.instances.relay`). When that closes, the sandbox is gone and so is this. HTTP is
the standard library's.
"""

import sys

# http.client imports it when it can, for 2 MB and 10 ms that nobody here has a use for.
sys.modules["ssl"] = None  # type: ignore[assignment]

import os  # noqa: E402
import socket  # noqa: E402
import threading  # noqa: E402
from http import HTTPStatus  # noqa: E402
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer  # noqa: E402

READY = b"r"
SLOWEST_SECONDS = 10.0  # how long a request may take to arrive, piece by piece
_STACK_BYTES = 256 * 1024
_TEXT_KINDS = (".html", ".htm", ".css", ".js", ".txt", ".svg", ".xml", ".json", ".md")


class SiteHandler(SimpleHTTPRequestHandler):
    """GET and HEAD of files, `index.html` for folders, no listings. Texts are UTF-8: that is how they came."""

    timeout = SLOWEST_SECONDS

    def version_string(self) -> str:
        """What answers say they come from: no version of anything."""
        return "mandat-sandbox"

    def list_directory(self, path: object) -> None:
        """A folder without a page of its own is none."""
        self.send_error(HTTPStatus.NOT_FOUND)

    def guess_type(self, path: object) -> str:
        """The media type by the name's end, with the character set where it is text."""
        kind = super().guess_type(str(path))
        return f"{kind}; charset=utf-8" if str(path).endswith(_TEXT_KINDS) else kind

    def log_message(self, *_: object) -> None:
        """Nobody reads it, and nothing may be written."""


class SiteServer(ThreadingHTTPServer):
    """Takes its connections from standard input instead of accepting them."""

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """The next connection; ends the program when there will be no more."""
        data, descriptors, _, _ = socket.recv_fds(self.socket, 1, 1)
        if not data:
            os._exit(0)
        if not descriptors:
            raise OSError("a connection was announced and is not there")
        return socket.socket(fileno=descriptors[0]), ("", 0)


def main() -> None:
    """Serves until standard input closes."""
    threading.stack_size(_STACK_BYTES)
    server = SiteServer(("", 0), SiteHandler, bind_and_activate=False)
    server.socket.close()
    server.socket = socket.socket(fileno=0)
    server.socket.sendall(READY)
    server.serve_forever(poll_interval=None)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
