"""Earlier states of zones: one for each refresh, the newest kept."""

import json
import sqlite3
from dataclasses import asdict

from mandat.sandbox.zone_content import Soa, ZoneContent, ZoneRecord

KEPT_POINTS = 30


def add_restore_point(connection: sqlite3.Connection, content: ZoneContent, *, at: int) -> None:
    """Keeps `content` as what the zone was at that second (Unix), and forgets the oldest points beyond those kept."""
    connection.execute(
        "INSERT OR REPLACE INTO restore_point (zone, at, content) VALUES (?, ?, ?)",
        (content.name, at, encode_content(content)),
    )
    connection.execute(
        "DELETE FROM restore_point WHERE zone = ? AND at NOT IN"
        " (SELECT at FROM restore_point WHERE zone = ? ORDER BY at DESC LIMIT ?)",
        (content.name, content.name, KEPT_POINTS),
    )


def list_restore_points(connection: sqlite3.Connection, zone: str) -> list[int]:
    """The seconds at which `zone` has restore points, oldest first."""
    return [at for (at,) in connection.execute("SELECT at FROM restore_point WHERE zone = ? ORDER BY at", (zone,))]


def find_restore_point(connection: sqlite3.Connection, zone: str, at: int) -> ZoneContent | None:
    """What `zone` was at that second; None when it has no restore point there."""
    row = connection.execute("SELECT content FROM restore_point WHERE zone = ? AND at = ?", (zone, at)).fetchone()
    return None if row is None else decode_content(zone, row[0])


def encode_content(content: ZoneContent) -> str:
    """Start of authority and records as JSON text; the name is kept elsewhere."""
    return json.dumps({"soa": asdict(content.soa), "records": [asdict(record) for record in content.records]})


def decode_content(name: str, text: str) -> ZoneContent:
    """The content of the zone `name` from what `encode_content` gave."""
    document = json.loads(text)
    records = tuple(ZoneRecord(**record) for record in document["records"])
    return ZoneContent(name, Soa(**document["soa"]), records)
