"""Backup and restore as commands, on the databases of a configuration."""

import asyncio
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from mandat.server.configuration.reading import load_config
from mandat.server.key_sources import authority_keys
from mandat.server.layout import Layout, layout_of
from mandat.server.locks import take_lock
from mandat.server.nature import clock, entropy
from mandat.server.operations.sqlite_only import sqlite_layout
from mandat.server.problems import Problem
from mandat.storage.faults import StorageFault
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.operations.backup import Manifest, write_backup
from mandat.storage.operations.restore import Restore, Restored

if TYPE_CHECKING:
    from mandat.storage.postgres.place import PostgresPlace


def back_up(config_file: Path, file: Path) -> Manifest:
    """Writes a backup to `file`, running or not.

    Raises:
        Problem: it cannot be written, or the databases cannot be read.
    """
    try:
        return write_backup(_layout(config_file).data, file, at=int(clock()), version=version("mandat"))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


def restore(config_file: Path, source: str, *, revive: bool, only_look: bool) -> Restored:
    """Puts the backup in `source` in the place of the databases; nothing may run on them.

    Args:
        config_file: which installation.
        source: a file of `back_up`; on PostgreSQL the URL of a database that pg_restore filled.
        revive: leave valid what was taken back since.
        only_look: change nothing.

    Raises:
        Problem: something runs, or the backup, the keys or the databases cannot be used. Nothing was changed then.
    """
    layout = layout_of(load_config(config_file), config_file)
    try:
        keys = authority_keys(layout.keys, layout.key_sources)
        if layout.place is not None:
            return _restore_postgres(layout.place, source, keys, revive=revive, only_look=only_look)
        layout.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = take_lock(layout.lock)
        if lock is None:
            raise Problem(f"Mandat runs on the data in {layout.data}; stop it first.")
        with lock:
            work = Restore(layout.data, keys, clock=clock, entropy=entropy)
            return asyncio.run(work.restore(Path(source), revive=revive, only_look=only_look))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
    except OSError as fault:
        raise Problem(f"The folder {layout.data} cannot be written ({fault.strerror}).") from None


def _restore_postgres(
    current: "PostgresPlace", source: str, keys: AuthorityKeys, *, revive: bool, only_look: bool
) -> Restored:
    from mandat.storage.postgres.place import is_postgres, parse_place  # noqa: PLC0415 - the driver, where it is used
    from mandat.storage.postgres.restoring import PostgresRestore  # noqa: PLC0415

    if not is_postgres(source):
        raise Problem(
            "This installation is on PostgreSQL: restore with pg_restore into another database, and give this command "
            "its URL (docs/guide/postgresql.md)."
        )
    restored = parse_place(source, password=os.environ.get("MANDAT_STORAGE_PASSWORD"), setting="FILE")
    work = PostgresRestore(current, restored, keys, clock=clock, entropy=entropy)
    return asyncio.run(work.restore(revive=revive, only_look=only_look))


def _layout(config_file: Path) -> Layout:
    return sqlite_layout(config_file, instead="back it up with pg_dump (docs/guide/postgresql.md)")
