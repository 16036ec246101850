"""Reads of the authority: in threads, on connections that cannot write, never behind a writer."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from mandat.authority.interfaces import StorageUnavailable
from mandat.storage.engine.files import connect_reader

Answer = TypeVar("Answer")

THREADS = 2
"""Reads at once for each file. They are short and hold Python's lock most of the time; more threads gain nothing."""


class Readers:
    """Runs queries on `database`. Each query sees one state of the file from its start to its end."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._engine = create_engine(
            "sqlite://",
            creator=lambda: connect_reader(database),
            poolclass=QueuePool,
            pool_size=THREADS,
            max_overflow=0,
        )
        event.listen(self._engine, "begin", _begin)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=f"reader-{database.stem}")

    async def run(self, query: Callable[[Connection], Answer]) -> Answer:
        """The answer of `query`.

        Raises:
            StorageUnavailable: the database did not answer.
            Exception: whatever `query` raised.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._query, query)
        except RuntimeError as fault:
            if "shutdown" in str(fault):
                raise StorageUnavailable(f"{self._database.name} is closed") from fault
            raise

    def close(self) -> None:
        """Waits for running queries and closes the connections."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()

    def _query(self, query: Callable[[Connection], Answer]) -> Answer:
        try:
            with self._engine.connect() as connection:
                try:
                    return query(connection)
                except SQLAlchemyError:
                    connection.invalidate()
                    raise
        except (SQLAlchemyError, sqlite3.Error) as fault:
            words = fault.orig if isinstance(fault, DBAPIError) else fault
            raise StorageUnavailable(f"{self._database.name}: {words}") from fault


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
