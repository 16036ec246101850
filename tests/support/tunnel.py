"""A proxy for clients that know only OVHcloud's own addresses: it leads those to the demo, and everything else nowhere.

It joins connections and sees nothing of what goes through them: TLS is between client and demo.
"""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

HOSTS = ("api.ovh.com", "eu.api.ovh.com")
"""The demo of the tests has them among its public URLs and in its certificate."""


@contextmanager
def tunnel_to(port: int) -> Iterator[str]:
    """Runs the proxy for the length of the block; gives its URL. CONNECT to one of HOSTS leads to loopback `port`."""

    class Tunnel(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            words = self.rfile.readline(4096).split()
            while self.rfile.readline(4096).strip():
                pass
            wanted = words[1].decode().partition(":")[0] if len(words) == 3 and words[0] == b"CONNECT" else ""
            if wanted not in HOSTS:
                self.wfile.write(b"HTTP/1.1 403 Not from here\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", port)) as far:
                self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                back = threading.Thread(target=_pour, args=(far, self.connection))
                back.start()
                _pour(self.connection, far)
                back.join()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Tunnel) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
