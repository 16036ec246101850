"""Blocks of addresses as the wire writes them (`ipBlock`), and whether a caller's address lies in one.

An IPv4 address may arrive dressed as IPv6 (`::ffff:192.0.2.1`), because the listener is dual-stack or because somebody
hopes to slip past an IPv4 block. Both addresses and blocks are therefore undressed before anything is compared.
Source: wire.md 1.1 (`allowedIPs`), 5.1.
"""

from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
"""A block of addresses; a single address is a block of one (`/32`, `/128`)."""

# The longest IPv6 text with a mapped IPv4 part and a prefix length has 49 characters; more is not an address.
_MAX_TEXT_CHARACTERS = 49
_MAPPED_PREFIX_BITS = 96


def parse_network(text: str) -> Network | None:
    """One address or one block in CIDR form. None when it is neither.

    Blocks with bits set beyond the prefix (`192.0.2.1/24`) are no blocks: guessing which of two meanings was wanted
    could widen a right. Netmasks (`/255.255.255.0`) and zone names (`fe80::1%eth0`) are refused too.
    """
    address, slash, prefix = text.partition("/")
    if len(text) > _MAX_TEXT_CHARACTERS or "%" in text:
        return None
    if slash and not (prefix.isascii() and prefix.isdigit() and len(prefix) <= 3):
        return None
    try:
        network = ip_network(text if slash else address)
    except ValueError:
        return None
    return _unmapped_network(network)


def _unmapped_network(network: Network) -> Network:
    """`::ffff:192.0.2.0/120` is `192.0.2.0/24`; everything else stays as it is."""
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_PREFIX_BITS:
        inner = network.network_address.ipv4_mapped
        if inner is not None:
            return IPv4Network((inner, network.prefixlen - _MAPPED_PREFIX_BITS))
    return network


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """A caller's address, undressed when it is IPv4 in IPv6. None when it is no address."""
    try:
        address = ip_address(text)
    except (ValueError, AddressValueError):
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


def is_address_allowed(text: str, networks: Sequence[Network]) -> bool:
    """Whether the address lies in one of the blocks. Text that is no address lies in none."""
    address = parse_address(text)
    return address is not None and any(address in network for network in networks)
