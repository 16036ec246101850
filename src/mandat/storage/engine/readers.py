"""Reads of the authority: in threads, on connections that cannot write, never behind a writer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from mandat.authority.interfaces import StorageUnavailable
from mandat.storage.engine.writer import first_line

Answer = TypeVar("Answer")


class Readers:
    """Runs queries. Each query sees one state of the database from its start to its end.

    Args:
        name: what is read, for messages.
        engine: a pool of connections that cannot write, as many as `threads`.
        threads: reads at once.
        driver_fault: what the driver raises when it fails before SQLAlchemy could wrap it.
    """

    def __init__(self, name: str, engine: Engine, *, threads: int, driver_fault: type[Exception]) -> None:
        self._name = name
        self._engine = engine
        self._faults = (SQLAlchemyError, driver_fault)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=f"reader-{name}")

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
                raise StorageUnavailable(f"{self._name} is closed") from fault
            raise

    def close(self) -> None:
        """Waits for running queries and closes the connections."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()

    def attempt(self, query: Callable[[Connection], Answer]) -> Answer:
        """Runs `query` once, on a connection that is thrown away when the database fails."""
        with self._engine.connect() as connection:
            try:
                return query(connection)
            except SQLAlchemyError:
                connection.invalidate()
                raise

    def _query(self, query: Callable[[Connection], Answer]) -> Answer:
        try:
            return self.attempt(query)
        except self._faults as fault:
            words = fault.orig if isinstance(fault, DBAPIError) else fault
            raise StorageUnavailable(f"{self._name}: {first_line(words)}") from fault
