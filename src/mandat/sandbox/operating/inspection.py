"""Looking into the data of a sandbox from outside, running or not."""

from contextlib import closing
from pathlib import Path

from mandat.sandbox.store.database import find_folder, open_database
from mandat.sandbox.store.ledger import LedgerEntry, list_calls


def read_ledger(data: Path, account: str | None = None) -> list[LedgerEntry]:
    """What happened in the sandbox of `data` (its folder, or that of a demo), to one account or to all, oldest first.

    Raises:
        SandboxStartError: there is no sandbox's data, or it cannot be read.
    """
    with closing(open_database(find_folder(data))) as connection:
        return list_calls(connection, account)
