"""Addresses as a configuration writes them, taken apart strictly: what is not surely meant is refused."""

import re
from ipaddress import IPv6Address
from typing import Final

_ORIGIN: Final = re.compile(
    r"(?P<scheme>https?)://(?:(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)|\[(?P<six>[0-9A-Fa-f:.]+)\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
"""No user, path, query or fragment; names in ASCII, because that is how clients sign them."""


def split_address(text: str) -> tuple[str, int]:
    """Host, without brackets, and port of "HOST:PORT".

    Raises:
        ValueError: there is no host, or no port between 1 and 65535.
    """
    host, _, port = text.rpartition(":")
    if not host or host.split() != [host]:
        # An empty host would mean every address of the machine; whoever wants that may write 0.0.0.0.
        raise ValueError("no host")
    return host.strip("[]"), _port(port)


def split_origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host without brackets, and port, if any, of "scheme://host[:port]".

    Raises:
        ValueError: it is something else; says what.
    """
    found = _ORIGIN.fullmatch(url)
    if found is None:
        raise ValueError("lower-case http or https, then a host in ASCII, then perhaps a port")
    if found["six"] is not None:
        IPv6Address(found["six"])
    port = None if found["port"] is None else _port(found["port"])
    return found["scheme"], found["name"] or found["six"], port


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65_536):
        raise ValueError("a port lies between 1 and 65535")
    return int(text)
