"""`mandat sandbox ledger`: what happened in a sandbox."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mandat.cli.options import JsonFlag, Switch
from mandat.cli.output import say_json, say_table
from mandat.cli.sandbox.data import explained, find_folder, shown

if TYPE_CHECKING:
    from mandat.sandbox.store.ledger import LedgerEntry


def ledger(
    *, account: str | None = None, changes: Switch = False, data: Path | None = None, as_json: JsonFlag = False
) -> int:
    """Print what happened in the sandbox: every call that was let in, oldest first.

    Parameters
    ----------
    account
        Only calls of this account.
    changes
        Only calls that were carried out and may have changed something; repetitions of a creating call are none.
    data
        The sandbox's folder or a demo's; else ./mandat-demo, else ./mandat-sandbox.
    as_json
        Print a list of {"id", "at", "account", "application", "credential", "method", "path", "status", "queryId",
        "changed", "fault"}.
    """
    from mandat.sandbox.operating.inspection import read_ledger

    with explained():
        entries = [each for each in read_ledger(find_folder(data), account) if each.changed or not changes]
    if as_json:
        say_json([_entry_fields(entry) for entry in entries])
    else:
        rows = [[shown(value) for value in _entry_row(entry)] for entry in entries]
        say_table("Ledger", ("at", "account", "call", "status", "fault"), rows)
    return 0


def _entry_fields(entry: "LedgerEntry") -> dict[str, object]:
    return {
        "id": entry.id,
        "at": entry.at,
        "account": entry.account,
        "application": entry.application,
        "credential": entry.credential,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "queryId": entry.query_id,
        "changed": entry.changed,
        "fault": entry.fault,
    }


def _entry_row(entry: "LedgerEntry") -> tuple[object, ...]:
    at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
    return at, entry.account, f"{entry.method} {entry.path}", entry.status or "no answer", entry.fault or ""
