"""The ledger: every call that came with a valid assertion, whatever its answer, in the transaction of its effect."""

import sqlite3
from dataclasses import dataclass

KEPT_ENTRIES = 100_000  # about 20 MB; a sandbox that runs for months does not fill the disk


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One call. `at` is Unix seconds; `path` as sent, with its query; `query_id` None when the gateway gave none."""

    at: int
    account: str
    application: int
    credential: int
    method: str
    path: str
    status: int
    query_id: str | None


def note_call(connection: sqlite3.Connection, entry: LedgerEntry) -> None:
    """Adds `entry` and forgets the entry that makes the ledger too long."""
    cursor = connection.execute(
        "INSERT INTO ledger (at, account, application, credential, method, path, status, query_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.at, entry.account, entry.application, entry.credential, entry.method, entry.path, entry.status,
            entry.query_id,
        ),
    )  # fmt: skip
    connection.execute("DELETE FROM ledger WHERE id <= ?", ((cursor.lastrowid or 0) - KEPT_ENTRIES,))


def list_calls(connection: sqlite3.Connection, account: str) -> list[LedgerEntry]:
    """The calls made for `account`, oldest first."""
    rows = connection.execute(
        "SELECT at, account, application, credential, method, path, status, query_id"
        " FROM ledger WHERE account = ? ORDER BY id",
        (account,),
    )
    return [LedgerEntry(*row) for row in rows]
