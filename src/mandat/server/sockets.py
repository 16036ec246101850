"""Unix sockets between the processes of a node."""

import socket
from pathlib import Path

BACKLOG = 1024


def listen_privately(path: Path) -> socket.socket:
    """A listening unix socket at `path` that only this user may connect to; replaces what a dead process left there."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
