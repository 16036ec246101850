"""What a DNS zone of the sandbox holds, as values: its records and its start of authority.

Stored by `store`, spoken by `api`, served by `dns`. Times are seconds.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ZoneRecord:
    """One record as the caller sent it. `sub_domain` "" is the zone itself; `ttl` 0 means the zone's default."""

    id: int
    field_type: str
    sub_domain: str
    target: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Soa:
    """A zone's start of authority, without `retry`, which the API does not have (wire.md 10)."""

    server: str
    email: str
    serial: int
    refresh: int
    expire: int
    nx_domain_ttl: int
    ttl: int


@dataclass(frozen=True, slots=True)
class ZoneContent:
    """A zone at one moment: as staged, or as refreshed and therefore served."""

    name: str
    soa: Soa
    records: tuple[ZoneRecord, ...]
