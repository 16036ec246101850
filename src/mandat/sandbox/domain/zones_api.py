"""Handlers of `/domain/zone` without its records: list, look, state, start of authority, refresh."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime

from mandat.protocol.refusals import Reason
from mandat.sandbox.api.arguments import bad_parameter
from mandat.sandbox.api.operation import Answer, Answered, Arguments, Desk, Handler, Refused
from mandat.sandbox.dns.names import parse_host, parse_labels
from mandat.sandbox.dns.zone import build_zone
from mandat.sandbox.domain.checks import LARGEST_SERIAL, check_soa
from mandat.sandbox.domain.models import soa_fields, zone_fields
from mandat.sandbox.domain.warnings import find_warnings
from mandat.sandbox.store.records import list_records
from mandat.sandbox.store.zones import Zone, find_zone, list_zones, refresh_zone, set_soa
from mandat.sandbox.zone_content import Soa

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
    fault = check_soa(soa)
    if fault is not None:
        return bad_parameter("body", fault.member, fault.why)
    set_soa(desk.connection, zone.name, soa)
    return Answered()


def refresh(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Serves what is staged."""
    refresh_now(desk, zone)
    return Answered()


def refresh_now(desk: Desk, zone: Zone) -> None:
    """Serves what is staged in `zone`. The serial number rises, to today's first one when it was older."""
    today = int(datetime.fromtimestamp(desk.now, UTC).strftime("%Y%m%d")) * 100
    serial = max(zone.soa.serial + 1, today)
    soa = replace(zone.soa, serial=serial if serial <= LARGEST_SERIAL else 1)
    desk.effects.refreshed.append(build_zone(refresh_zone(desk.connection, zone, soa=soa, now=desk.now)))


_SOA_MEMBERS = {
    "server": "server",
    "email": "email",
    "serial": "serial",
    "refresh": "refresh",
    "expire": "expire",
    "nxDomainTtl": "nx_domain_ttl",
    "ttl": "ttl",
}
