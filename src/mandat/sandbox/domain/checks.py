"""What a record or a start of authority must be like to be staged. Says which member is wrong, and why."""

from typing import NamedTuple

from mandat.sandbox.dns.names import TargetFault, parse_absolute, parse_labels, parse_owner
from mandat.sandbox.dns.targets import parse_target
from mandat.sandbox.dns.zone import parse_mailbox
from mandat.sandbox.zone_content import Soa, ZoneRecord

SMALLEST_TTL_SECONDS = 60  # wire.md 10: 0 or at least 60
LARGEST_SECONDS = (1 << 31) - 1  # RFC 2181 8: a time to live has 31 bits
LARGEST_SERIAL = (1 << 32) - 1  # RFC 1035 3.3.13


class MemberFault(NamedTuple):
    """The member that is wrong, by its name in the API, and why."""

    member: str
    why: str


def check_record(zone_name: str, record: ZoneRecord) -> MemberFault | None:
    """What keeps `record` out of the zone, or None."""
    apex = parse_labels(zone_name)
    if record.ttl != 0 and not SMALLEST_TTL_SECONDS <= record.ttl <= LARGEST_SECONDS:
        return MemberFault("ttl", f"must be 0 or from {SMALLEST_TTL_SECONDS} to {LARGEST_SECONDS}")
    if record.field_type == "CNAME" and not record.sub_domain:
        return MemberFault("subDomain", "must not be empty for CNAME: the zone itself has other records")
    try:
        parse_owner(record.sub_domain, apex)
    except TargetFault as fault:
        return MemberFault("subDomain", f"is not a name in the zone: {fault}")
    try:
        parse_target(record.field_type, record.target, apex)
    except TargetFault as fault:
        return MemberFault("target", f"does not fit {record.field_type}: {fault}")
    return None


def check_soa(soa: Soa) -> MemberFault | None:
    """What keeps `soa` from being served, or None."""
    try:
        parse_absolute(soa.server)
    except TargetFault:
        return MemberFault("server", "must be a host name")
    try:
        parse_mailbox(soa.email)
    except TargetFault:
        return MemberFault("email", "must be a mail address such as hostmaster@example.org")
    if not 0 <= soa.serial <= LARGEST_SERIAL:
        return MemberFault("serial", f"must be from 0 to {LARGEST_SERIAL}")
    times = {"refresh": soa.refresh, "expire": soa.expire, "nxDomainTtl": soa.nx_domain_ttl, "ttl": soa.ttl}
    for member, seconds in times.items():
        if not 0 < seconds <= LARGEST_SECONDS:
            return MemberFault(member, f"must be from 1 to {LARGEST_SECONDS}")
    return None
