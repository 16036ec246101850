"""The staged records of zones. Ids are drawn, not counted: an account learns nothing of another's records from hers."""

import sqlite3
from collections.abc import Callable, Sequence

from mandat.sandbox.zone_content import ZoneRecord

_COLUMNS = "id, field_type, sub_domain, target, ttl"
_LOWEST_ID = 1 << 32  # clients must cope with ids above 2^31 (wire.md 10); with 2^53 JavaScript loses the last digits
_RANDOM_BYTES = 6


def draw_record_id(connection: sqlite3.Connection, entropy: Callable[[int], bytes]) -> int:
    """An id that no record has, between 2^32 and 2^49."""
    while True:
        drawn = _LOWEST_ID + int.from_bytes(entropy(_RANDOM_BYTES))
        if connection.execute("SELECT 1 FROM record WHERE id = ?", (drawn,)).fetchone() is None:
            return drawn


def add_record(connection: sqlite3.Connection, zone: str, record: ZoneRecord) -> None:
    """Stages a new record."""
    connection.execute(
        "INSERT INTO record (id, zone, field_type, sub_domain, target, ttl) VALUES (?, ?, ?, ?, ?, ?)",
        (record.id, zone, record.field_type, record.sub_domain, record.target, record.ttl),
    )


def list_records(connection: sqlite3.Connection, zone: str) -> list[ZoneRecord]:
    """The records of `zone`, oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM record WHERE zone = ? ORDER BY position", (zone,))  # noqa: S608
    return [ZoneRecord(*row) for row in rows]


def count_records(connection: sqlite3.Connection, zone: str) -> int:
    """How many records `zone` has staged."""
    (count,) = connection.execute("SELECT count(*) FROM record WHERE zone = ?", (zone,)).fetchone()
    return int(count)


def find_record(connection: sqlite3.Connection, zone: str, record_id: int) -> ZoneRecord | None:
    """The record `record_id` of `zone`; None when that zone has none of this id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM record WHERE zone = ? AND id = ?",  # noqa: S608
        (zone, record_id),
    ).fetchone()
    return None if row is None else ZoneRecord(*row)


def set_record(connection: sqlite3.Connection, record: ZoneRecord) -> None:
    """Stages new values for the record of this id; its type stays."""
    connection.execute(
        "UPDATE record SET sub_domain = ?, target = ?, ttl = ? WHERE id = ?",
        (record.sub_domain, record.target, record.ttl, record.id),
    )


def delete_record(connection: sqlite3.Connection, record_id: int) -> None:
    """Stages the removal of a record."""
    connection.execute("DELETE FROM record WHERE id = ?", (record_id,))


def replace_records(connection: sqlite3.Connection, zone: str, records: Sequence[ZoneRecord]) -> None:
    """Stages `records` in place of all that the zone had."""
    connection.execute("DELETE FROM record WHERE zone = ?", (zone,))
    for record in records:
        add_record(connection, zone, record)
