"""Does what was installed answer? One plain GET to an address that a step's output named, and nothing but its status.

Bounded in time and bytes, follows nothing, asks no name server. Which addresses may be visited at all is decided here,
so that a provider's answer cannot make the marketplace knock at doors of its own machine or network.
"""

import ipaddress
import re
import socket
import time
from collections.abc import Callable

from mandat.marketplace.stacks.expressions import Reference, Scope
from mandat.marketplace.stacks.values import Health

SECONDS = 5.0
MAX_BYTES = 4_096
"""Enough for a status line."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r]")

Visit = Callable[[str, str, int], str | None]
"""From host name, address and port to what is wrong; None when the page answers with 200."""


def why_not(address: str, port: int, *, provider_on_loopback: bool) -> str | None:
    """Why an address may not be visited; None when it may.

    A provider elsewhere may name public addresses, port 80. One on this machine, for trying things out, may name
    loopback addresses of its own: not 127.0.0.1, where everything else listens.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "the provider named no IP address"
    if not 1 <= port <= 65_535:
        return "the provider named no port"
    if found.is_global and not found.is_multicast:
        return None if port == 80 else "a public address is visited on port 80 only"
    if provider_on_loopback and found.version == 4 and found.is_loopback and address != "127.0.0.1":
        return None
    return f"{address} is no public address"


def site_of(health: Health, scope: Scope) -> tuple[str, int]:
    """Address and port as the steps' outputs say them; port 0 when that is no number."""
    port = scope.get(health.port) if isinstance(health.port, Reference) else health.port
    return str(scope.get(health.address)), port if isinstance(port, int) and not isinstance(port, bool) else 0


def visitor(*, provider_on_loopback: bool) -> Visit:
    """Visits what may be visited."""

    def look(host: str, address: str, port: int) -> str | None:
        return why_not(address, port, provider_on_loopback=provider_on_loopback) or visit(host, address, port)

    return look


def visit(host: str, address: str, port: int, *, clock: Callable[[], float] = time.monotonic) -> str | None:
    """GET / at `address`, asking for `host`."""
    ends = clock() + SECONDS
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: mandat-marketplace\r\nConnection: close\r\n\r\n"
    received = b""
    try:
        with socket.create_connection((address, port), timeout=SECONDS) as connection:
            connection.sendall(request.encode("ascii"))
            while b"\n" not in received and len(received) < MAX_BYTES and clock() < ends:
                connection.settimeout(max(0.05, ends - clock()))
                piece = connection.recv(1_024)
                if not piece:
                    break
                received += piece
    except (OSError, UnicodeEncodeError) as fault:
        return f"it cannot be reached ({getattr(fault, 'strerror', None) or type(fault).__name__})"
    match = _STATUS_LINE.match(received)
    if match is None:
        return "it does not speak HTTP"
    return None if match[1] == b"200" else f"it answers {match[1].decode('ascii')}"
