"""Faults that were ordered: which operation they disturb, for whom, how, and how often still.

Written by the command line in a process of its own, read and counted down by the running sandbox; SQLite's locks are
what they talk through.
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class FaultAction(StrEnum):
    """What is done to a call. `BREAK` lets the call succeed and what it started end in an error."""

    FAIL = "fail"
    HANG = "hang"
    LATE = "late"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Fault:
    """An ordered fault.

    Attributes:
        operation: method and path as the description has them, such as `POST /domain/zone/{zoneName}/record`.
        account: whose calls; None for everybody's.
        after_effect: the call is carried out first, and only its answer is disturbed.
        status, message: what a failing call answers.
        seconds: how late a late call is answered.
        remaining: how many more calls; None for all.
        hits: how many it met. created: Unix seconds. id: 0 before it has one.
    """

    operation: str
    action: FaultAction
    created: int
    account: str | None = None
    after_effect: bool = False
    status: int | None = None
    message: str | None = None
    seconds: float | None = None
    remaining: int | None = 1
    hits: int = 0
    id: int = 0

    def in_words(self) -> str:
        """What it does, in short, for ledger and lists: `fail 503 after its effect`."""
        detail = f" {self.status}" if self.action is FaultAction.FAIL else ""
        if self.action is FaultAction.LATE:
            detail = f" by {self.seconds:g} s"
        return f"{self.action}{detail}{' after its effect' if self.after_effect else ''}"


_COLUMNS = "operation, action, created, account, after_effect, status, message, seconds, remaining, hits"


def add_fault(connection: sqlite3.Connection, fault: Fault) -> int:
    """Orders `fault`; gives its id."""
    cursor = connection.execute(
        f"INSERT INTO fault ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            fault.operation, fault.action, fault.created, fault.account, fault.after_effect, fault.status,
            fault.message, fault.seconds, fault.remaining, fault.hits,
        ),
    )  # fmt: skip
    return cursor.lastrowid or 0


def list_faults(connection: sqlite3.Connection) -> list[Fault]:
    """All that are ordered, used up ones included, oldest first."""
    rows = connection.execute(f"SELECT {_COLUMNS}, id FROM fault ORDER BY id")  # noqa: S608
    return [_fault(row) for row in rows]


def delete_faults(connection: sqlite3.Connection, fault_id: int | None = None) -> int:
    """Forgets one, or all; gives how many there were."""
    return connection.execute("DELETE FROM fault WHERE id = ? OR ? IS NULL", (fault_id, fault_id)).rowcount


def take_fault(connection: sqlite3.Connection, operation: str, account: str) -> Fault | None:
    """The oldest fault that this call meets, counted down by one; None when it meets none."""
    row = connection.execute(
        f"SELECT {_COLUMNS}, id FROM fault"  # noqa: S608
        " WHERE operation = ? AND (account IS NULL OR account = ?) AND (remaining IS NULL OR remaining > 0)"
        " ORDER BY id LIMIT 1",
        (operation, account),
    ).fetchone()
    if row is None:
        return None
    fault = _fault(row)
    connection.execute("UPDATE fault SET hits = hits + 1, remaining = remaining - 1 WHERE id = ?", (fault.id,))
    return fault


def _fault(row: Any) -> Fault:
    operation, action, created, account, after_effect, status, message, seconds, remaining, hits, fault_id = row
    return Fault(
        operation, FaultAction(action), created, account, bool(after_effect), status, message, seconds, remaining, hits,
        fault_id,
    )  # fmt: skip
