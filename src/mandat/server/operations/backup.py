"""Backup and restore as commands, on the databases of a configuration."""

import asyncio
from importlib.metadata import version
from pathlib import Path

from mandat.server.layout import Layout
from mandat.server.locks import take_lock
from mandat.server.nature import clock, entropy
from mandat.server.operations.sqlite_only import sqlite_layout
from mandat.server.problems import Problem
from mandat.storage.faults import StorageFault
from mandat.storage.keys.keyrings import load_authority_keys
from mandat.storage.operations.backup import Manifest, write_backup
from mandat.storage.operations.restore import Restore, Restored


def back_up(config_file: Path, file: Path) -> Manifest:
    """Writes a backup to `file`, running or not.

    Raises:
        Problem: it cannot be written, or the databases cannot be read.
    """
    try:
        return write_backup(_layout(config_file).data, file, at=int(clock()), version=version("mandat"))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


def restore(config_file: Path, file: Path, *, revive: bool, only_look: bool) -> Restored:
    """Puts the backup in `file` in the place of the databases; nothing may run on them.

    Raises:
        Problem: something runs, or the backup, the keys or the folder cannot be used. Nothing was changed then.
    """
    layout = _layout(config_file)
    try:
        keys = load_authority_keys(layout.keys)
        layout.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = take_lock(layout.lock)
        if lock is None:
            raise Problem(f"Mandat runs on the data in {layout.data}; stop it first.")
        with lock:
            work = Restore(layout.data, keys, clock=clock, entropy=entropy)
            return asyncio.run(work.restore(file, revive=revive, only_look=only_look))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
    except OSError as fault:
        raise Problem(f"The folder {layout.data} cannot be written ({fault.strerror}).") from None


def _layout(config_file: Path) -> Layout:
    return sqlite_layout(config_file, instead="use pg_dump and pg_restore there")
