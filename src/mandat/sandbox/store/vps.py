"""Virtual servers: whose they are and what state they are in."""

import json
import sqlite3
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class VpsSettings:
    """What a customer may set besides the name that is shown."""

    keymap: str | None = None
    netboot_mode: str = "local"
    sla_monitoring: bool = False


@dataclass(frozen=True, slots=True)
class Vps:
    """A virtual server. `state`: running, stopped, stopping, rebooting, installing."""

    name: str
    account: str
    image_id: str
    state: str = "running"
    display_name: str | None = None
    settings: VpsSettings = field(default_factory=VpsSettings)


def add_vps(connection: sqlite3.Connection, vps: Vps) -> None:
    """Stores `vps` unless there is one of this name."""
    connection.execute(
        "INSERT INTO vps (name, account, display_name, state, image_id, settings) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (name) DO NOTHING",
        (vps.name, vps.account, vps.display_name, vps.state, vps.image_id, json.dumps(asdict(vps.settings))),
    )


def list_vps(connection: sqlite3.Connection, account: str) -> list[str]:
    """The names of the servers of `account`, sorted."""
    return [name for (name,) in connection.execute("SELECT name FROM vps WHERE account = ? ORDER BY name", (account,))]


def find_vps(connection: sqlite3.Connection, owner: str, vps_name: str) -> Vps | None:
    """The server when it is of `owner`; None when it does not exist and when it is of another account."""
    row = connection.execute(
        "SELECT name, account, image_id, state, display_name, settings FROM vps WHERE name = ? AND account = ?",
        (vps_name, owner),
    ).fetchone()
    if row is None:
        return None
    name, account, image_id, state, display_name, settings = row
    return Vps(name, account, image_id, state, display_name, VpsSettings(**json.loads(settings)))


def set_vps(connection: sqlite3.Connection, vps: Vps) -> None:
    """Stores the new state of a server."""
    connection.execute(
        "UPDATE vps SET display_name = ?, state = ?, image_id = ?, settings = ? WHERE name = ?",
        (vps.display_name, vps.state, vps.image_id, json.dumps(asdict(vps.settings)), vps.name),
    )
