"""Free loopback ports."""

import random
import socket


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports that are all free for TCP and UDP on loopback just now."""
    for _ in range(200):
        first = random.randrange(20_000, 32_000)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise AssertionError("no free ports found")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True
