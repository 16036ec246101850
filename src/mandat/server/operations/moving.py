"""`mandat migrate`: a SQLite installation becomes one on PostgreSQL."""

import os
from dataclasses import dataclass
from pathlib import Path

from mandat.server.configuration.reading import load_config
from mandat.server.key_sources import authority_keys
from mandat.server.layout import layout_of
from mandat.server.locks import take_lock
from mandat.server.problems import Problem
from mandat.storage.engine.files import has_databases
from mandat.storage.faults import StorageFault
from mandat.storage.postgres.moving import move
from mandat.storage.postgres.place import is_postgres, parse_place


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved where. `rows` by table."""

    to: str
    rows: dict[str, int]


def move_installation(config_file: Path, url: str) -> Moved:
    """Moves the databases of a configuration whose supervisor is stopped, and verifies them.

    Args:
        config_file: which installation.
        url: the new `storage`.

    Raises:
        Problem: it runs, it is on PostgreSQL already, or one of the databases cannot be used; nothing was moved.
    """
    config = load_config(config_file)
    layout = layout_of(config, config_file)
    if layout.place is not None:
        raise Problem(f"This installation is on PostgreSQL already ({layout.place}).")
    if not is_postgres(url):
        raise Problem("--to takes a URL such as postgresql://USER@HOST:PORT/DATABASE.")
    if not has_databases(layout.data):
        raise Problem(f"There is no installation in {layout.data}; set `storage` to the URL and start `mandat serve`.")
    lock = take_lock(layout.lock)
    if lock is None:
        raise Problem(f"A supervisor serves the data in {layout.data}; stop it first, so that nothing is lost.")
    with lock:
        try:
            place = parse_place(url, password=os.environ.get("MANDAT_STORAGE_PASSWORD"))
            return Moved(str(place), move(layout.data, place, authority_keys(layout.keys, layout.key_sources)))
        except StorageFault as fault:
            raise Problem(fault.sentence) from None
