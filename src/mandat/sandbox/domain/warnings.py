"""What is legal in a staged zone but probably not meant. Shown by `/status`; nothing is refused or repaired for it."""

from collections import defaultdict
from collections.abc import Sequence

from mandat.sandbox.zone_content import ZoneRecord

_HOST_TYPES = ("CNAME", "DNAME", "MX", "NS", "PTR", "SRV")
MAX_WARNINGS = 100  # a zone of thousands of wrong records makes no answer of megabytes


def find_warnings(zone: str, records: Sequence[ZoneRecord]) -> list[str]:
    """Sentences about `records` of `zone`, at most MAX_WARNINGS."""
    warnings = [_forgotten_stop(zone, record) for record in records]
    by_name: dict[str, list[ZoneRecord]] = defaultdict(list)
    for record in records:
        by_name[record.sub_domain.lower()].append(record)
    warnings += [_crowded_alias(name, there) for name, there in by_name.items()]
    return [warning for warning in warnings if warning][:MAX_WARNINGS]


def _forgotten_stop(zone: str, record: ZoneRecord) -> str:
    host = record.target.rpartition(" ")[2].lower()
    if record.field_type in _HOST_TYPES and (host == zone or host.endswith(f".{zone}")):
        return (
            f"{record.field_type} {record.sub_domain or zone}: the target {host} has no final full stop, "
            f"so it means {host}.{zone}."
        )
    return ""


def _crowded_alias(name: str, records: list[ZoneRecord]) -> str:
    if len(records) > 1 and any(record.field_type == "CNAME" for record in records):
        return f"CNAME {name}: an alias must be the only record of its name (RFC 1034 3.6.2)"
    return ""
