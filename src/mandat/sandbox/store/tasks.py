"""Tasks: what was accepted and happens later. What may become of one is decided in `mandat.sandbox.tasks.life`."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mandat.protocol.strict_json import JsonValue

KEPT_TASKS = 1000  # for each subject; the oldest that ended go first

_COLUMNS = "id, account, product, subject, function, state, created, starts, ends, updated, payload, doomed, comment"
_LOWEST_ID = 1 << 32
_RANDOM_BYTES = 4


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        product, subject: what it works on, such as `zone` and `example.org`.
        function: what it does there. payload: what it needs for that.
        state: todo, doing, done, error, cancelled.
        created, starts, ends, updated: Unix seconds; `starts` and `ends` are plans until they are reached.
        doomed: the fault switch wants it to end in an error.
        comment: why it ended in an error.
    """

    id: int
    account: str
    product: str
    subject: str
    function: str
    state: str
    created: float
    starts: float
    ends: float
    updated: float
    payload: JsonValue
    doomed: bool = False
    comment: str | None = None


def draw_task_id(connection: sqlite3.Connection, entropy: Callable[[int], bytes]) -> int:
    """An id that no task has, between 2^32 and 2^33."""
    while True:
        drawn = _LOWEST_ID + int.from_bytes(entropy(_RANDOM_BYTES))
        if connection.execute("SELECT 1 FROM task WHERE id = ?", (drawn,)).fetchone() is None:
            return drawn


def put_task(connection: sqlite3.Connection, task: Task) -> None:
    """Stores a new task, or the new state of one."""
    connection.execute(
        f"INSERT INTO task ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        " ON CONFLICT (id) DO UPDATE SET state = excluded.state, starts = excluded.starts, ends = excluded.ends,"
        " updated = excluded.updated, doomed = excluded.doomed, comment = excluded.comment",
        (
            task.id, task.account, task.product, task.subject, task.function, task.state, task.created, task.starts,
            task.ends, task.updated, json.dumps(task.payload), task.doomed, task.comment,
        ),
    )  # fmt: skip


def forget_old_tasks(connection: sqlite3.Connection, product: str, subject: str) -> None:
    """Forgets what ended longest ago when a subject has more tasks than are kept."""
    connection.execute(
        "DELETE FROM task WHERE id IN (SELECT id FROM task WHERE product = ? AND subject = ?"
        " AND state NOT IN ('todo', 'doing') ORDER BY position DESC LIMIT -1 OFFSET ?)",
        (product, subject, KEPT_TASKS),
    )


def list_tasks(connection: sqlite3.Connection, product: str, subject: str) -> list[Task]:
    """The tasks of a subject, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM task WHERE product = ? AND subject = ? ORDER BY position",  # noqa: S608
        (product, subject),
    )
    return [_task(row) for row in rows]


def find_task(connection: sqlite3.Connection, product: str, subject: str, task_id: int) -> Task | None:
    """The task `task_id` of that subject; None when it has none of this id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM task WHERE id = ? AND product = ? AND subject = ?",  # noqa: S608
        (task_id, product, subject),
    ).fetchone()
    return None if row is None else _task(row)


def find_waiting_task(connection: sqlite3.Connection) -> Task | None:
    """Of the tasks that are not over, the one that something happens to first; None when all are over."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM task WHERE state IN ('todo', 'doing')"  # noqa: S608
        " ORDER BY CASE state WHEN 'todo' THEN starts ELSE ends END, position LIMIT 1"
    ).fetchone()
    return None if row is None else _task(row)


def _task(row: Any) -> Task:
    task_id, account, product, subject, function, state, created, starts, ends, updated, payload, doomed, comment = row
    return Task(
        task_id, account, product, subject, function, state, created, starts, ends, updated, json.loads(payload),
        bool(doomed), comment,
    )  # fmt: skip
