"""Handlers of `/domain/zone/{zoneName}/record`: list, create, read, change, delete. All staged until a refresh."""

from dataclasses import replace

from mandat.protocol.refusals import Reason
from mandat.sandbox.api.arguments import bad_parameter
from mandat.sandbox.api.operation import Answer, Answered, Arguments, Desk, Refused
from mandat.sandbox.domain.checks import check_record
from mandat.sandbox.domain.models import RECORD, record_fields
from mandat.sandbox.store.records import (
    add_record,
    count_records,
    delete_record,
    draw_record_id,
    find_record,
    list_records,
    set_record,
)
from mandat.sandbox.store.zones import Zone
from mandat.sandbox.zone_content import ZoneRecord

MAX_RECORDS = 5_000  # for each zone; a refresh rebuilds the whole zone and must stay well below a second

_NO_SUCH_RECORD = Refused(Reason.UNKNOWN_OBJECT, "This record does not exist")
"""Another text than for a zone: octodns takes that one to mean that the whole zone is absent."""


def list_zone_records(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Ids of the records, oldest first, narrowed by type and by exact name without regard to case."""
    field_type, sub_domain = arguments.query.get("fieldType"), arguments.query.get("subDomain")
    return Answered(
        [
            record.id
            for record in list_records(desk.connection, zone.name)
            if field_type in (None, record.field_type)
            and (sub_domain is None or sub_domain.lower() == record.sub_domain.lower())
        ]
    )


def create_record(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Stages a record and answers with all of it."""
    body = arguments.body
    record = ZoneRecord(
        id=draw_record_id(desk.connection, desk.entropy),
        field_type=str(body["fieldType"]),
        sub_domain=str(body.get("subDomain", "")),
        target=str(body["target"]),
        ttl=_whole(body.get("ttl", 0)),
    )
    refused = _refusal_of(zone, record)
    if refused is not None:
        return refused
    if count_records(desk.connection, zone.name) >= MAX_RECORDS:
        return Refused(Reason.FORBIDDEN, f"This zone has {MAX_RECORDS} records already, which is the most it can have")
    add_record(desk.connection, zone.name, record)
    return Answered(record_fields(zone, record))


def get_record(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """The record as staged."""
    record = find_record(desk.connection, zone.name, _whole(arguments.path["id"]))
    return _NO_SUCH_RECORD if record is None else Answered(record_fields(zone, record))


def put_record(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Stages the members that are given. What cannot be changed may be repeated: terraform sends the type along."""
    before = find_record(desk.connection, zone.name, _whole(arguments.path["id"]))
    if before is None:
        return _NO_SUCH_RECORD
    current = record_fields(zone, before)
    body = arguments.body
    for member in RECORD.properties:
        if member.read_only and body.get(member.name, current[member.name]) != current[member.name]:
            return bad_parameter("body", member.name, "cannot be changed")
    if not body:
        return Refused(Reason.BAD_PARAMETER, "The body names nothing to change", "body")
    record = replace(
        before,
        sub_domain=str(body.get("subDomain", before.sub_domain)),
        target=str(body.get("target", before.target)),
        ttl=_whole(body.get("ttl", before.ttl)),
    )
    refused = _refusal_of(zone, record)
    if refused is not None:
        return refused
    set_record(desk.connection, record)
    return Answered()


def remove_record(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Stages the record's removal."""
    record = find_record(desk.connection, zone.name, _whole(arguments.path["id"]))
    if record is None:
        return _NO_SUCH_RECORD
    delete_record(desk.connection, record.id)
    return Answered()


def _refusal_of(zone: Zone, record: ZoneRecord) -> Refused | None:
    fault = check_record(zone.name, record)
    return None if fault is None else bad_parameter("body", fault.member, fault.why)


def _whole(value: object) -> int:
    """`value`, which the table's check found to be a whole number."""
    assert isinstance(value, int)
    return value
