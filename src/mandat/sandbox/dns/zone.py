"""Refreshed zones in memory, indexed for answering. Built once per refresh, never changed, swapped as a whole."""

from dataclasses import dataclass
from typing import NamedTuple

from dnslib import QTYPE, RD, SOA, DNSLabel

from mandat.sandbox.dns.names import (
    MAX_LABEL_BYTES,
    Labels,
    TargetFault,
    check_length,
    fold,
    parse_absolute,
    parse_labels,
    parse_owner,
)
from mandat.sandbox.dns.targets import parse_target, served_type
from mandat.sandbox.zone_content import Soa, ZoneContent

RETRY_SECONDS = 3600  # served in the SOA record; the API has no such member, and nobody transfers these zones


class ServedRecord(NamedTuple):
    """One record as it goes out."""

    type_number: int
    ttl_seconds: int
    data: RD


Node = dict[int, list[ServedRecord]]
"""The records of one name by their type number."""


@dataclass(frozen=True, slots=True)
class ServedZone:
    """A refreshed zone. `nodes`: every name with records; `names`: those, and what lies between them and the apex."""

    apex: Labels
    start_of_authority: ServedRecord
    negative_ttl_seconds: int
    nodes: dict[Labels, Node]
    names: frozenset[Labels]


class ServedZones:
    """The zones that are answered for. `put` may be called from another thread than `find`: it swaps one reference."""

    def __init__(self) -> None:
        self._zones: dict[Labels, ServedZone] = {}

    def put(self, zone: ServedZone) -> None:
        """Answers for `zone` from now on, instead of an earlier state of it."""
        self._zones = {**self._zones, zone.apex: zone}

    def find(self, name: Labels) -> ServedZone | None:
        """The innermost zone that `name` (in lower case) lies in, or None."""
        zones = self._zones
        for start in range(len(name)):
            zone = zones.get(name[start:])
            if zone is not None:
                return zone
        return None


def build_zone(content: ZoneContent) -> ServedZone:
    """Indexes `content`, which was checked when its records came in.

    Raises:
        TargetFault: a record that was never checked.
    """
    apex = fold(parse_absolute(content.name))
    authority = _start_of_authority(content.soa)
    nodes: dict[Labels, Node] = {apex: {authority.type_number: [authority]}}
    seen: set[tuple[Labels, int, str]] = set()
    for record in content.records:
        owner = fold(parse_owner(record.sub_domain, apex))
        number = served_type(record.field_type)
        if (owner, number, record.target) in seen:  # one set of records has no duplicates (RFC 2181 5)
            continue
        seen.add((owner, number, record.target))
        data = parse_target(record.field_type, record.target, apex)
        served = ServedRecord(number, record.ttl or content.soa.ttl, data)
        nodes.setdefault(owner, {}).setdefault(number, []).append(served)
    names = frozenset(owner[start:] for owner in nodes for start in range(len(owner) - len(apex) + 1))
    return ServedZone(apex, authority, min(content.soa.ttl, content.soa.nx_domain_ttl), nodes, names)


def _start_of_authority(soa: Soa) -> ServedRecord:
    times = (soa.serial, soa.refresh, RETRY_SECONDS, soa.expire, soa.nx_domain_ttl)
    data = SOA(DNSLabel(parse_absolute(soa.server)), DNSLabel(parse_mailbox(soa.email)), times)
    return ServedRecord(int(QTYPE.SOA), soa.ttl, data)


def parse_mailbox(email: str) -> Labels:
    """A mail address as the SOA record has it: its local part, dots and all, is the first label (RFC 1035 3.3.13).

    Raises:
        TargetFault: neither `hostmaster@example.org` nor `hostmaster.example.org`.
    """
    local, at, host = email.partition("@")
    if not at:
        return parse_absolute(email)
    parse_labels(local)
    if len(local) > MAX_LABEL_BYTES:
        raise TargetFault(f"the part before @ is longer than {MAX_LABEL_BYTES} bytes")
    return check_length((local.encode("ascii"), *parse_absolute(host)))
