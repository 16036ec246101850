"""Rules, networks and details as text in a column, and back. Both sides of storage use this; neither trusts it alone.

JSON, because every tool of an operator reads it. A text that does not parse is a damaged row; the caller reports it as
it reports a signature that fails.
"""

from collections.abc import Sequence
from ipaddress import ip_network

import msgspec

from mandat.core.grant import Network
from mandat.protocol.access_rule import AccessRule

LARGEST_ID = 2**63 - 1
"""SQLite and PostgreSQL keep ids in 64 bits, signed."""

_rules_decoder = msgspec.json.Decoder(list[tuple[str, str]])
_texts_decoder = msgspec.json.Decoder(list[str])
_details_decoder = msgspec.json.Decoder(dict[str, str])
_encoder = msgspec.json.Encoder(order="deterministic")


class DamagedRow(Exception):
    """A column does not hold what was written there."""


def rules_text(rules: Sequence[AccessRule]) -> str:
    """`[["GET","/me"],...]`."""
    return _encoder.encode([(rule.method, rule.path) for rule in rules]).decode()


def read_rules(text: str) -> tuple[AccessRule, ...]:
    """Raises DamagedRow."""
    try:
        return tuple(AccessRule(method, path) for method, path in _rules_decoder.decode(text))
    except (msgspec.DecodeError, TypeError) as fault:
        raise DamagedRow("rules") from fault


def networks_text(networks: Sequence[Network] | None) -> str | None:
    """`["192.0.2.0/24",...]`; None stays None (any address)."""
    return None if networks is None else _encoder.encode([str(network) for network in networks]).decode()


def read_networks(text: str | None) -> tuple[Network, ...] | None:
    """Raises DamagedRow."""
    if text is None:
        return None
    try:
        return tuple(ip_network(network) for network in _texts_decoder.decode(text))
    except (msgspec.DecodeError, TypeError, ValueError) as fault:
        raise DamagedRow("networks") from fault


def details_text(details: dict[str, str]) -> str:
    """A flat JSON object, members in order of name."""
    return _encoder.encode(details).decode()


def read_details(text: str) -> dict[str, str]:
    """Raises DamagedRow."""
    try:
        return _details_decoder.decode(text)
    except (msgspec.DecodeError, TypeError) as fault:
        raise DamagedRow("details") from fault


def is_id(value: int) -> bool:
    """True when a row may have this id. Ids come from callers' URLs and may be any integer."""
    return 0 < value <= LARGEST_ID


def is_storable(text: str) -> bool:
    """True when `text` can be kept by every backend: no lone surrogate, no NUL."""
    if "\x00" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
