"""Handlers of `/domain/zone` without its records: list, look, state, start of authority, refresh."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime

from mandat.protocol.refusals import Reason
from mandat.sandbox.api.arguments import bad_parameter
from mandat.sandbox.api.operation import Answer, Answered, Arguments, Desk, Handler, Refused
from mandat.sandbox.api.zone_models import soa_fields, zone_fields
from mandat.sandbox.dns.names import TargetFault, parse_absolute, parse_host, parse_labels
from mandat.sandbox.dns.zone import build_zone, parse_mailbox
from mandat.sandbox.store.records import list_records
from mandat.sandbox.store.zones import Zone, find_zone, list_zones, refresh_zone, set_soa
from mandat.sandbox.warnings import find_warnings
from mandat.sandbox.zone_content import Soa

LARGEST_SECONDS = (1 << 31) - 1  # RFC 2181 8: a time to live has 31 bits
_LARGEST_SERIAL = (1 << 32) - 1  # RFC 1035 3.3.13

ZoneHandler = Callable[[Desk, Arguments, Zone], Answer]


def of_zone(handler: ZoneHandler) -> Handler:
    """`handler` with the zone of its path. A zone of another account is refused exactly as one that is not there."""

    def handle(desk: Desk, arguments: Arguments) -> Answer:
        zone = find_zone(desk.connection, desk.account, str(arguments.path["zoneName"]))
        if zone is None:
            return Refused(Reason.UNKNOWN_OBJECT)
        return handler(desk, arguments, zone)

    return handle


def list_own_zones(desk: Desk, arguments: Arguments) -> Answer:
    """The names of the account's zones."""
    return Answered([*list_zones(desk.connection, desk.account)])


def get_zone(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """The zone and its name servers, which are what the NS records at its apex say."""
    apex = parse_labels(zone.name)
    servers = [
        b".".join(parse_host(record.target, apex)).decode("ascii")
        for record in list_records(desk.connection, zone.name)
        if record.field_type == "NS" and not record.sub_domain
    ]
    return Answered(zone_fields(zone, servers))


def get_status(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Zones here are always served, so clients that insist on it can go on; what looks wrong is a warning."""
    warnings = find_warnings(zone.name, list_records(desk.connection, zone.name))
    return Answered({"isDeployed": True, "errors": None, "warnings": [*warnings] or None})


def get_soa(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """The start of authority as staged."""
    return Answered(soa_fields(zone.soa))


def put_soa(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Stages the members that are given."""
    if not arguments.body:
        return Refused(Reason.BAD_PARAMETER, "The body names nothing to change", "body")
    given = {_SOA_MEMBERS[name]: value for name, value in arguments.body.items()}
    soa = Soa(**{**asdict(zone.soa), **given})
    refused = _check_soa(soa)
    if refused is not None:
        return refused
    set_soa(desk.connection, zone.name, soa)
    return Answered()


def refresh(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Serves what is staged. The serial number rises, to today's first one when it was older."""
    today = int(datetime.fromtimestamp(desk.now, UTC).strftime("%Y%m%d")) * 100
    serial = max(zone.soa.serial + 1, today)
    soa = replace(zone.soa, serial=serial if serial <= _LARGEST_SERIAL else 1)
    desk.refreshed.append(build_zone(refresh_zone(desk.connection, zone, soa=soa, now=desk.now)))
    return Answered()


_SOA_MEMBERS = {
    "server": "server",
    "email": "email",
    "serial": "serial",
    "refresh": "refresh",
    "expire": "expire",
    "nxDomainTtl": "nx_domain_ttl",
    "ttl": "ttl",
}


def _check_soa(soa: Soa) -> Refused | None:
    try:
        parse_absolute(soa.server)
    except TargetFault:
        return bad_parameter("body", "server", "must be a host name")
    try:
        parse_mailbox(soa.email)
    except TargetFault:
        return bad_parameter("body", "email", "must be a mail address such as hostmaster@example.org")
    if not 0 <= soa.serial <= _LARGEST_SERIAL:
        return bad_parameter("body", "serial", f"must be from 0 to {_LARGEST_SERIAL}")
    for name in ("refresh", "expire", "nxDomainTtl", "ttl"):
        if not 0 < getattr(soa, _SOA_MEMBERS[name]) <= LARGEST_SECONDS:
            return bad_parameter("body", name, f"must be from 1 to {LARGEST_SECONDS}")
    return None
