"""Projects, their keys, their instances, and the operations that created instances."""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Project:
    """A project of one account. `created` is Unix seconds."""

    id: str
    account: str
    description: str
    created: int


@dataclass(frozen=True, slots=True)
class SshKey:
    """A public key of a project, usable in `regions`."""

    id: str
    project: str
    name: str
    public_key: str
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance.

    Attributes:
        status: BUILD, ACTIVE or ERROR; a deleted instance is not there.
        created: Unix seconds.
        address: where its site is served, from the first time it was.
        site: text by path below the site's root.
        ssh_key: a copy of the key it was created with, which may be gone since.
        doomed: the fault switch wants it to end in an error.
    """

    id: str
    project: str
    region: str
    name: str
    flavor_id: str
    image_id: str
    status: str
    created: int
    site: dict[str, str]
    ssh_key: SshKey | None = None
    monthly: bool = False
    address: str | None = None
    doomed: bool = False


def add_project(connection: sqlite3.Connection, project: Project) -> None:
    """Stores `project` unless there is one of this id."""
    connection.execute(
        "INSERT INTO project (id, account, description, created) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
        (project.id, project.account, project.description, project.created),
    )


def list_projects(connection: sqlite3.Connection, account: str) -> list[str]:
    """The ids of the projects of `account`, oldest first."""
    rows = connection.execute("SELECT id FROM project WHERE account = ? ORDER BY created, id", (account,))
    return [project_id for (project_id,) in rows]


def find_project(connection: sqlite3.Connection, account: str, project_id: str) -> Project | None:
    """The project when it is of `account`; None when it does not exist and when it is of another account."""
    row = connection.execute(
        "SELECT id, account, description, created FROM project WHERE id = ? AND account = ?", (project_id, account)
    ).fetchone()
    return None if row is None else Project(*row)


_KEY_COLUMNS = "id, project, name, public_key, regions"


def add_key(connection: sqlite3.Connection, key: SshKey) -> None:
    """Stores a new key.

    Raises:
        sqlite3.IntegrityError: the project has a key of this name.
    """
    connection.execute(
        f"INSERT INTO ssh_key ({_KEY_COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
        (key.id, key.project, key.name, key.public_key, json.dumps(key.regions)),
    )


def list_keys(connection: sqlite3.Connection, project: str) -> list[SshKey]:
    """The keys of `project`, oldest first."""
    rows = connection.execute(
        f"SELECT {_KEY_COLUMNS} FROM ssh_key WHERE project = ? ORDER BY position",  # noqa: S608
        (project,),
    )
    return [_key(row, json.loads(row[4])) for row in rows]


def delete_key(connection: sqlite3.Connection, project: str, key_id: str) -> bool:
    """Forgets the key; False when the project has none of this id."""
    return connection.execute("DELETE FROM ssh_key WHERE project = ? AND id = ?", (project, key_id)).rowcount > 0


_INSTANCE_COLUMNS = (
    "id, project, region, name, flavor_id, image_id, status, created, site, ssh_key, monthly, address, doomed"
)


def add_instance(connection: sqlite3.Connection, instance: Instance) -> None:
    """Stores a new instance."""
    key = instance.ssh_key
    connection.execute(
        f"INSERT INTO instance ({_INSTANCE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            instance.id, instance.project, instance.region, instance.name, instance.flavor_id, instance.image_id,
            instance.status, instance.created, json.dumps(instance.site),
            None if key is None else json.dumps([key.id, key.project, key.name, key.public_key, key.regions]),
            instance.monthly, instance.address, instance.doomed,
        ),
    )  # fmt: skip


def list_instances(connection: sqlite3.Connection, project: str | None = None) -> list[Instance]:
    """The instances of `project`, or of everybody, oldest first."""
    rows = connection.execute(
        f"SELECT {_INSTANCE_COLUMNS} FROM instance WHERE project = ? OR ? IS NULL ORDER BY position",  # noqa: S608
        (project, project),
    )
    return [_instance(row) for row in rows]


def find_instance(connection: sqlite3.Connection, project: str, instance_id: str) -> Instance | None:
    """The instance of `project`; None when it has none of this id."""
    row = connection.execute(
        f"SELECT {_INSTANCE_COLUMNS} FROM instance WHERE project = ? AND id = ?",  # noqa: S608
        (project, instance_id),
    ).fetchone()
    return None if row is None else _instance(row)


def count_instances(connection: sqlite3.Connection, project: str | None = None) -> int:
    """How many instances `project` has, or everybody."""
    (count,) = connection.execute(
        "SELECT count(*) FROM instance WHERE project = ? OR ? IS NULL", (project, project)
    ).fetchone()
    return int(count)


def set_instance_state(
    connection: sqlite3.Connection, instance_id: str, *, status: str, address: str | None = None
) -> None:
    """Notes what became of an instance; its address stays when none is given. Nothing happens when it is gone."""
    connection.execute(
        "UPDATE instance SET status = ?, address = coalesce(?, address) WHERE id = ?", (status, address, instance_id)
    )


def delete_instance(connection: sqlite3.Connection, instance_id: str) -> None:
    """Forgets the instance."""
    connection.execute("DELETE FROM instance WHERE id = ?", (instance_id,))


def _instance(row: Any) -> Instance:
    instance_id, project, region, name, flavor_id, image_id, status, created, site, key, monthly, address, doomed = row
    return Instance(
        instance_id, project, region, name, flavor_id, image_id, status, created, json.loads(site),
        ssh_key=None if key is None else _key(json.loads(key)),
        monthly=bool(monthly), address=address, doomed=bool(doomed),
    )  # fmt: skip


def _key(row: Any, regions: Any = None) -> SshKey:
    """A key from its columns; `regions` where they are not read yet."""
    key_id, project, name, public_key, own_regions = row
    return SshKey(key_id, project, name, public_key, tuple(own_regions if regions is None else regions))
