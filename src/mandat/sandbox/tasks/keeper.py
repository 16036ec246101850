"""Lets tasks happen when they are due, also when nobody calls."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from mandat.sandbox.api.operation import Desk
from mandat.sandbox.effects import Effects
from mandat.sandbox.store.database import Database
from mandat.sandbox.tasks.life import Performers, settle

SHORTEST_SECONDS = 0.05
LONGEST_SECONDS = 5.0  # a clock that was set is noticed by then

_log = logging.getLogger("mandat.sandbox")


class TaskKeeper:
    """Settles tasks. `make_desk` gives a desk for a transaction."""

    def __init__(
        self,
        database: Database,
        performers: Performers,
        *,
        make_desk: Callable[[sqlite3.Connection], Desk],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._performers = performers
        self._make_desk = make_desk
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is a new task, or one that is due at another time than before."""
        self._woken.set()

    async def keep(self, follow: Callable[[Effects], None]) -> None:
        """Keeps until cancelled. `follow` carries out what tasks have done."""
        while True:
            self._woken.clear()
            pause = await self._settle(follow)
            try:
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _settle(self, follow: Callable[[Effects], None]) -> float | None:
        """Seconds until something is due; None when nothing waits."""
        try:
            due, effects = await self._database.run(self._settle_in)
        except sqlite3.Error as fault:
            _log.error("tasks cannot be settled", extra={"fault": str(fault)})
            return LONGEST_SECONDS
        follow(effects)
        return None if due is None else min(max(due - self._clock(), SHORTEST_SECONDS), LONGEST_SECONDS)

    def _settle_in(self, connection: sqlite3.Connection) -> tuple[float | None, Effects]:
        desk = self._make_desk(connection)
        return settle(desk, self._performers), desk.effects
