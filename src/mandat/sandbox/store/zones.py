"""Zones: whose they are, their start of authority, and their state when they were last refreshed."""

import json
import sqlite3
from dataclasses import asdict, dataclass

from mandat.sandbox.store.records import list_records
from mandat.sandbox.store.restore_points import add_restore_point, decode_content, encode_content
from mandat.sandbox.zone_content import Soa, ZoneContent


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of one account. `last_update` is Unix seconds of the last refresh; `soa` as staged; `dnssec` a flag."""

    name: str
    account: str
    last_update: int
    soa: Soa
    dnssec: bool = False
    created: int = 0


def list_zones(connection: sqlite3.Connection, account: str) -> list[str]:
    """The names of the zones of `account`, sorted."""
    rows = connection.execute("SELECT name FROM zone WHERE account = ? ORDER BY name", (account,))
    return [name for (name,) in rows]


def find_zone(connection: sqlite3.Connection, account: str, name: str) -> Zone | None:
    """The zone `name` when it is of `account`; None when it does not exist and when it is of another account."""
    row = connection.execute(
        "SELECT name, account, last_update, soa, dnssec, created FROM zone WHERE name = ? AND account = ?",
        (name, account),
    ).fetchone()
    if row is None:
        return None
    return Zone(row[0], row[1], row[2], Soa(**json.loads(row[3])), dnssec=bool(row[4]), created=row[5])


def zone_exists(connection: sqlite3.Connection, name: str) -> bool:
    """Whether any account has the zone. For seeding only: no answer to a caller may depend on it."""
    return connection.execute("SELECT 1 FROM zone WHERE name = ?", (name,)).fetchone() is not None


def add_zone(connection: sqlite3.Connection, zone: Zone) -> None:
    """Stores a new zone without records, as if refreshed.

    Raises:
        sqlite3.IntegrityError: the zone exists.
    """
    connection.execute(
        "INSERT INTO zone (name, account, last_update, soa, refreshed, created) VALUES (?, ?, ?, ?, ?, ?)",
        (
            zone.name,
            zone.account,
            zone.last_update,
            json.dumps(asdict(zone.soa)),
            encode_content(ZoneContent(zone.name, zone.soa, ())),
            zone.created,
        ),
    )


def set_soa(connection: sqlite3.Connection, name: str, soa: Soa) -> None:
    """Stages the start of authority of the zone `name`."""
    connection.execute("UPDATE zone SET soa = ? WHERE name = ?", (json.dumps(asdict(soa)), name))


def set_dnssec(connection: sqlite3.Connection, name: str, *, enabled: bool) -> None:
    """Sets the flag of the zone `name`."""
    connection.execute("UPDATE zone SET dnssec = ? WHERE name = ?", (enabled, name))


def refresh_zone(connection: sqlite3.Connection, zone: Zone, *, soa: Soa, now: float) -> ZoneContent:
    """Makes what is staged, with `soa`, the state that DNS serves; gives it back."""
    content = ZoneContent(zone.name, soa, tuple(list_records(connection, zone.name)))
    connection.execute(
        "UPDATE zone SET soa = ?, refreshed = ?, last_update = ? WHERE name = ?",
        (json.dumps(asdict(soa)), encode_content(content), int(now), zone.name),
    )
    add_restore_point(connection, content, at=int(now))
    return content


def list_refreshed(connection: sqlite3.Connection) -> list[ZoneContent]:
    """Every account's zones as they were when last refreshed."""
    return [decode_content(*row) for row in connection.execute("SELECT name, refreshed FROM zone")]
