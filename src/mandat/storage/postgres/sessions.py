"""Reads of a gateway: a few sessions that cannot write, on the gateway's own event loop. psycopg only, no ORM.

Written for one promise: an answer or SourceUnavailable within the deadline, whatever state server and network are in.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import psycopg

from mandat.enforcement.interfaces import SourceUnavailable
from mandat.storage.postgres.place import PostgresPlace, is_hung_up

Session = psycopg.AsyncConnection[tuple[Any, ...]]

MOST_SESSIONS = 4
"""Of one gateway process. A read takes well under a millisecond; who finds all busy waits for one."""

DEADLINE_SECONDS = 1.0
"""For one read, connecting included."""


class ReadSessions:
    """Runs single statements, each for itself on the newest state of the database."""

    def __init__(
        self, place: PostgresPlace, *, most: int = MOST_SESSIONS, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        settings = read_settings(deadline_seconds)
        self._conninfos = [host.conninfo(role="gateway", settings=settings) for host in place.each_host()]
        self._deadline_seconds = deadline_seconds
        self._free = asyncio.Semaphore(most)
        self._idle: list[Session] = []
        self._running: set[asyncio.Task[Any]] = set()
        self.losses = 0
        """How many sessions ended by themselves: what was learnt before may have been another server's word."""

    async def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """All rows of `query`, whose parameters are written %s.

        Raises:
            SourceUnavailable: no answer within the deadline.
        """
        task = asyncio.get_running_loop().create_task(self._rows(query, parameters))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            # Not wait_for: it would wait until the cancelled task has ended, and ending may need the dead server.
            done, _ = await asyncio.wait({task}, timeout=self._deadline_seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            self.losses += 1
            raise SourceUnavailable("the database did not answer in time")
        try:
            return task.result()
        except (psycopg.Error, OSError) as fault:
            raise SourceUnavailable(" ".join(str(fault).split())) from fault

    def close(self) -> None:
        """Ends the sessions. A later read opens others."""
        for task in self._running:
            task.cancel()
        while self._idle:
            _hang_up(self._idle.pop())

    async def _rows(self, query: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        async with self._free:
            session = self._idle_session()
            if session is not None:
                with contextlib.suppress(psycopg.OperationalError):
                    return await self._run(session, query, parameters)
                # The server had ended that session, or does so just now. A read can be made again on another one.
            session = await _connect_any(self._conninfos)
            return await self._run(session, query, parameters)

    async def _run(self, session: Session, query: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            cursor = await session.execute(query.encode(), parameters, prepare=True)
            rows = await cursor.fetchall()
        except BaseException:
            self.losses += 1
            _hang_up(session)
            raise
        self._idle.append(session)
        return rows

    def _idle_session(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if not is_hung_up(session):
                return session
            self.losses += 1
            _hang_up(session)
        return None


def read_settings(deadline_seconds: float) -> dict[str, str]:
    """How the sessions of gateways are set up."""
    return {"default_transaction_read_only": "on", "statement_timeout": str(int(deadline_seconds * 1000))}


async def _connect_any(conninfos: Sequence[str]) -> Session:
    """A session on the host that is primary. All are asked at once: after a fail-over one may not answer at all.

    Raises:
        psycopg.Error: none is; why the last one is not.
    """
    attempts = [asyncio.ensure_future(psycopg.AsyncConnection.connect(one, autocommit=True)) for one in conninfos]
    chosen = None
    try:
        while chosen is None:
            running = [attempt for attempt in attempts if not attempt.done()]
            if running:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            ended = [attempt for attempt in attempts if attempt.done()]
            chosen = next((attempt for attempt in ended if attempt.exception() is None), None)
            if chosen is None and len(ended) == len(attempts):
                break
        return (chosen or attempts[-1]).result()
    finally:
        for attempt in attempts:
            if attempt is not chosen:
                attempt.cancel()
                attempt.add_done_callback(_discard)


def _discard(attempt: "asyncio.Future[Session]") -> None:
    """What came to its end after another was chosen."""
    if not attempt.cancelled() and attempt.exception() is None:
        _hang_up(attempt.result())


def _hang_up(session: Session) -> None:
    """Without a farewell to the server, which may not be there to take it."""
    session.pgconn.finish()
