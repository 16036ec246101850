"""Handlers that replace or show a whole zone: import, export, reset, and its earlier states.

Import and restore are tasks: accepted at once, in effect, on DNS too, when the task is done. What cannot come true is
refused when it is asked for, never when the task ends.
"""

import base64
from collections.abc import Sequence
from dataclasses import asdict, replace

from mandat.protocol.messages import wire_datetime
from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.arguments import bad_parameter
from mandat.sandbox.api.data_types import parse_datetime
from mandat.sandbox.api.operation import Answer, Answered, Arguments, Desk, Refused
from mandat.sandbox.domain.checks import check_record, check_soa
from mandat.sandbox.domain.records_api import MAX_RECORDS
from mandat.sandbox.domain.service_models import task_fields
from mandat.sandbox.domain.zone_file_writing import print_zone_file
from mandat.sandbox.domain.zones_api import refresh_now
from mandat.sandbox.store.records import draw_record_id, list_records, replace_records
from mandat.sandbox.store.restore_points import find_restore_point, list_restore_points
from mandat.sandbox.store.tasks import Task
from mandat.sandbox.store.zones import Zone, find_zone, set_soa
from mandat.sandbox.tasks.life import Order, TaskFault, start_task
from mandat.sandbox.zone_content import Soa, ZoneContent, ZoneRecord

PRODUCT = "zone"
IMPORT = "ZoneImport"
RESTORE = "ZoneRestore"

_NO_SUCH_POINT = Refused(Reason.UNKNOWN_OBJECT, "This restore point does not exist")


def import_zone(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Starts a task that puts a zone file in the place of all records."""
    # 8 MB and 0.1 s that a sandbox without imports need not spend.
    from mandat.sandbox.domain.zone_file_reading import ZoneFileFault, parse_zone_file  # noqa: PLC0415

    try:
        file = parse_zone_file(str(arguments.body["zoneFile"]), zone.name)
    except ZoneFileFault as fault:
        return bad_parameter("body", "zoneFile", str(fault))
    records = _with_name_servers(file.records, list_records(desk.connection, zone.name))
    why = _why_not(zone, file.soa, records)
    if why is not None:
        return bad_parameter("body", "zoneFile", why)
    return _start(desk, zone, IMPORT, file.soa, records)


def export_zone(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """What is staged, as a zone file."""
    records = tuple(list_records(desk.connection, zone.name))
    return Answered(print_zone_file(ZoneContent(zone.name, zone.soa, records)))


def reset_zone(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Leaves the zone's name servers and the given records, and puts that into effect."""
    kept = [record for record in list_records(desk.connection, zone.name) if _is_name_server(record)]
    wanted = arguments.body.get("DnsRecords", [])
    assert isinstance(wanted, list)
    for index, item in enumerate(wanted):
        assert isinstance(item, dict)
        record = ZoneRecord(0, str(item["fieldType"]), "", str(item["target"]), 0)
        fault = check_record(zone.name, record)
        if fault is not None:
            member = "target" if fault.member == "target" else "fieldType"
            return bad_parameter("body", f"DnsRecords[{index}].{member}", fault.why)
        kept.append(record)
    replace_records(desk.connection, zone.name, [_with_id(desk, record) for record in kept])
    refresh_now(desk, zone)
    return Answered()


def list_history(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """When the zone was refreshed, oldest first, as far as it can be restored."""
    earliest = parse_datetime(arguments.query.get("creationDate.from", ""))
    latest = parse_datetime(arguments.query.get("creationDate.to", ""))
    return Answered(
        [
            wire_datetime(at)
            for at in list_restore_points(desk.connection, zone.name)
            if (earliest is None or at >= earliest) and (latest is None or at <= latest)
        ]
    )


def get_restore_point(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """An earlier state; its file travels in the URL itself, so that nobody else has to serve it."""
    content = _find_point(desk, arguments, zone)
    if content is None:
        return _NO_SUCH_POINT
    file = base64.b64encode(print_zone_file(content).encode()).decode("ascii")
    return Answered(
        {
            "creationDate": wire_datetime(_moment(arguments)),
            "zoneFileUrl": f"data:text/dns;charset=utf-8;base64,{file}",
        }
    )


def restore_zone(desk: Desk, arguments: Arguments, zone: Zone) -> Answer:
    """Starts a task that puts an earlier state back."""
    content = _find_point(desk, arguments, zone)
    if content is None:
        return _NO_SUCH_POINT
    return _start(desk, zone, RESTORE, content.soa, list(content.records))


def replace_zone(desk: Desk, task: Task) -> None:
    """What an import or a restore does when it ends: its records and start of authority, in effect at once.

    Raises:
        TaskFault: the zone is gone.
    """
    zone = find_zone(desk.connection, task.account, task.subject)
    if zone is None:
        raise TaskFault("This service does not exist")
    assert isinstance(task.payload, dict)
    soa, records = task.payload["soa"], task.payload["records"]
    assert isinstance(records, list)
    replace_records(desk.connection, zone.name, [_with_id(desk, ZoneRecord(**record)) for record in records])  # type: ignore[arg-type]
    if isinstance(soa, dict):
        # The serial number stays ours: one that fell would be ignored by everybody who remembers the higher one.
        zone = replace(zone, soa=replace(Soa(**soa), serial=zone.soa.serial))  # type: ignore[arg-type]
        set_soa(desk.connection, zone.name, zone.soa)
    refresh_now(desk, zone)


def _start(desk: Desk, zone: Zone, function: str, soa: Soa | None, records: list[ZoneRecord]) -> Answer:
    payload: JsonValue = {
        "soa": None if soa is None else asdict(soa),
        "records": [asdict(record) for record in records],
    }
    return Answered(task_fields(start_task(desk, Order(PRODUCT, zone.name, function, payload))))


def _with_name_servers(wanted: Sequence[ZoneRecord], present: list[ZoneRecord]) -> list[ZoneRecord]:
    """A zone without name servers is none, so a file that names none keeps those that are there."""
    records = list(wanted)
    if any(_is_name_server(record) for record in records):
        return records
    return [record for record in present if _is_name_server(record)] + records


def _is_name_server(record: ZoneRecord) -> bool:
    return record.field_type == "NS" and not record.sub_domain


def _why_not(zone: Zone, soa: Soa | None, records: list[ZoneRecord]) -> str | None:
    if len(records) > MAX_RECORDS:
        return f"has more than {MAX_RECORDS} records, which is the most a zone can have"
    fault = None if soa is None else check_soa(soa)
    if fault is not None:
        return f"has a start of authority whose {fault.member} {fault.why}"
    for record in records:
        fault = check_record(zone.name, record)
        if fault is not None:
            return (
                f"has a record {record.sub_domain[:40] or '@'!a} {record.field_type} whose {fault.member} {fault.why}"
            )
    return None


def _with_id(desk: Desk, record: ZoneRecord) -> ZoneRecord:
    return replace(record, id=draw_record_id(desk.connection, desk.entropy))


def _find_point(desk: Desk, arguments: Arguments, zone: Zone) -> ZoneContent | None:
    return find_restore_point(desk.connection, zone.name, _moment(arguments))


def _moment(arguments: Arguments) -> int:
    return int(parse_datetime(str(arguments.path["creationDate"])) or 0)
