"""Operations of `/cloud`: what a creating call started, one part for each instance."""

import sqlite3
from dataclasses import dataclass

_PART_COLUMNS = "id, instance, status, started, completed"


@dataclass(frozen=True, slots=True)
class OperationPart:
    """The creation of one instance. `status`: created, in-progress, completed, in-error. Times are Unix seconds."""

    id: str
    instance: str
    status: str = "created"
    started: float | None = None
    completed: float | None = None


@dataclass(frozen=True, slots=True)
class CloudOperation:
    """One creating call. It is as far as the part that is least far."""

    id: str
    project: str
    action: str
    region: str
    created: float
    parts: tuple[OperationPart, ...]


def add_operation(connection: sqlite3.Connection, operation: CloudOperation) -> None:
    """Stores a new operation with its parts."""
    connection.execute(
        "INSERT INTO operation (id, project, action, region, created) VALUES (?, ?, ?, ?, ?)",
        (operation.id, operation.project, operation.action, operation.region, operation.created),
    )
    for part in operation.parts:
        connection.execute(
            f"INSERT INTO operation_part (operation, {_PART_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608
            (operation.id, part.id, part.instance, part.status, part.started, part.completed),
        )


def find_operation(connection: sqlite3.Connection, project: str, operation_id: str) -> CloudOperation | None:
    """The operation of `project`; None when it has none of this id."""
    row = connection.execute(
        "SELECT id, project, action, region, created FROM operation WHERE project = ? AND id = ?",
        (project, operation_id),
    ).fetchone()
    if row is None:
        return None
    parts = connection.execute(
        f"SELECT {_PART_COLUMNS} FROM operation_part WHERE operation = ? ORDER BY position",  # noqa: S608
        (operation_id,),
    )
    return CloudOperation(row[0], row[1], row[2], row[3], row[4], tuple(OperationPart(*part) for part in parts))


def list_operation_ids(connection: sqlite3.Connection, project: str) -> list[str]:
    """The operations of `project`, oldest first."""
    rows = connection.execute("SELECT id FROM operation WHERE project = ? ORDER BY created, id", (project,))
    return [operation_id for (operation_id,) in rows]


def list_operations_on(connection: sqlite3.Connection, instance: str) -> list[str]:
    """The operations that are still creating `instance`."""
    rows = connection.execute(
        "SELECT operation FROM operation_part WHERE instance = ? AND status IN ('created', 'in-progress')",
        (instance,),
    )
    return [operation_id for (operation_id,) in rows]


def start_part(connection: sqlite3.Connection, instance: str, *, now: float) -> None:
    """Notes that the creation of `instance` has begun."""
    connection.execute(
        "UPDATE operation_part SET status = 'in-progress', started = ? WHERE instance = ? AND status = 'created'",
        (now, instance),
    )


def end_part(connection: sqlite3.Connection, instance: str, *, status: str, now: float) -> None:
    """Notes how the creation of `instance` ended: completed or in-error."""
    connection.execute(
        "UPDATE operation_part SET status = ?, started = coalesce(started, ?), completed = ?"
        " WHERE instance = ? AND status IN ('created', 'in-progress')",
        (status, now, now, instance),
    )
