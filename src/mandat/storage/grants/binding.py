"""Whose keys a data folder belongs to: the authority noted it when the folder was made."""

import sqlite3
from contextlib import closing
from pathlib import Path

from mandat.storage.engine.files import GRANTS, connect_reader
from mandat.storage.faults import DatabaseUnreadable


def bound_key(folder: Path) -> bytes | None:
    """The authority's public key; None when the folder has no database of ours yet.

    Raises:
        DatabaseUnreadable: it cannot be read.
    """
    database = GRANTS.within(folder)
    try:
        with closing(connect_reader(database)) as connection:
            row = connection.execute("SELECT value FROM installation WHERE name = 'authority_public_key'").fetchone()
    except sqlite3.Error as fault:
        raise DatabaseUnreadable(database, str(fault)) from fault
    return None if row is None else bytes(row[0])
