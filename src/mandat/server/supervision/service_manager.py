"""Tells the service manager that started us how far we are: systemd's notification protocol, a datagram of lines.

Without `NOTIFY_SOCKET` in the environment nobody wants to know, and nothing is sent. Source: sd_notify(3).
"""

import contextlib
import os
import socket

READY = "READY=1"
STOPPING = "STOPPING=1"


def tell_service_manager(*states: str) -> None:
    """Sends the states, such as READY. A manager that cannot be reached stops waiting by itself."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        # "@" stands for the NUL byte that begins an abstract address.
        sender.sendto("\n".join(states).encode(), address.replace("@", "\0", 1))
