"""The ledger: every call that came with a valid assertion, whatever its answer, in the transaction of its effect."""

import sqlite3
from dataclasses import dataclass
from typing import Any

_COLUMNS = "at, account, application, credential, method, path, status, query_id, changed, fault"
KEPT_ENTRIES = 100_000  # about 20 MB; a sandbox that runs for months does not fill the disk


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One call.

    Attributes:
        at: Unix seconds.
        path: as sent, with its query.
        status: what was answered; 0 when nothing was.
        query_id: None when the gateway gave none.
        changed: it was carried out and may have changed something: no GET, and not the repetition of a creating call.
        fault: what the fault switch did to it, in words; None for an undisturbed call.
        id: its place in the ledger, which only grows; 0 before it has one.
    """

    at: int
    account: str
    application: int
    credential: int
    method: str
    path: str
    status: int
    query_id: str | None
    changed: bool = False
    fault: str | None = None
    id: int = 0


def note_call(connection: sqlite3.Connection, entry: LedgerEntry) -> None:
    """Adds `entry` and forgets the entry that makes the ledger too long."""
    cursor = connection.execute(
        f"INSERT INTO ledger ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            entry.at, entry.account, entry.application, entry.credential, entry.method, entry.path, entry.status,
            entry.query_id, entry.changed, entry.fault,
        ),
    )  # fmt: skip
    connection.execute("DELETE FROM ledger WHERE id <= ?", ((cursor.lastrowid or 0) - KEPT_ENTRIES,))


def list_calls(connection: sqlite3.Connection, account: str | None = None) -> list[LedgerEntry]:
    """The calls made for `account`, or for anybody, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS}, id FROM ledger WHERE account = ? OR ? IS NULL ORDER BY id",  # noqa: S608
        (account, account),
    )
    return [_entry(row) for row in rows]


def _entry(row: Any) -> LedgerEntry:
    *plain, changed, fault, entry_id = row
    at, account, application, credential, method, path, status, query_id = plain
    return LedgerEntry(
        at, account, application, credential, method, path, status, query_id, bool(changed), fault, entry_id
    )
