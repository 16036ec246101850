"""Keeps what runs equal to what the store says: starts what is to run, ends what is gone, starts again what died.

The store is the truth. After any crash of the sandbox nothing runs (processes die with it), and the keeper starts
everything from the store again; an instance that is deleted while it starts is ended as soon as it is there.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

from mandat.sandbox.instances.jail import Isolation
from mandat.sandbox.instances.processes import end_leftovers
from mandat.sandbox.instances.running import (
    FIRST_NUMBER,
    LAST_NUMBER,
    InstanceFault,
    RunningInstance,
    number_of,
    remove_site,
    start_instance,
)
from mandat.sandbox.store.cloud import Instance, list_instances, set_instance_state
from mandat.sandbox.store.database import Database
from mandat.sandbox.store.operations import end_part, start_part

FOLDER_NAME = "instances"
AT_ONCE = 4  # starting at one time: more only take the processors from each other
MOST_FAILURES = 5  # starts that failed and sudden deaths of one instance, before it is given up
PAUSE_SECONDS = 0.5  # before a further try

_FAILED = "ERROR"

_log = logging.getLogger("mandat.sandbox")


class InstanceKeeper:
    """Runs the instances of one sandbox. `obstacle` and `http_port` are what handlers know of it."""

    def __init__(self, database: Database, *, folder: Path, http_port: int, clock: Callable[[], float]) -> None:
        self._database = database
        self._folder = folder.resolve() / FOLDER_NAME
        self._http_port = http_port
        self._clock = clock
        self._isolation = Isolation(hidden=folder.resolve())
        self._running: dict[str, RunningInstance] = {}
        self._starting: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: dict[str, int] = {}
        self._gone: set[str] = set()  # a list that was read just before a deletion still has what was deleted
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._woken = asyncio.Event()
        self._next_number = FIRST_NUMBER

    @property
    def http_port(self) -> int:
        """The port of every instance's site."""
        return self._http_port

    def obstacle(self) -> str | None:
        """Why no instance can run here; None when they can. Tries it, so it may take a moment."""
        found = self._isolation.jail()
        return found if isinstance(found, str) else None

    def wake(self) -> None:
        """There are instances to start."""
        self._woken.set()

    def end(self, instances: Iterable[str]) -> None:
        """Ends instances that are gone from the store; when this returns, their addresses refuse connections."""
        for instance_id in instances:
            self._gone.add(instance_id)
            starting = self._starting.pop(instance_id, None)
            if starting is not None:
                starting.cancel()
            running = self._running.pop(instance_id, None)
            if running is not None:
                running.end()
            self._failures.pop(instance_id, None)
            remove_site(self._folder / instance_id)

    async def keep(self) -> None:
        """Keeps until cancelled, then ends everything."""
        try:
            wanted = await self._wanted(also_failed=True)
            self._next_number = max((number_of(each.address) for each in wanted if each.address), default=0) + 1
            await asyncio.to_thread(self._remove_strangers, {each.id for each in wanted})
            while True:
                for instance in wanted:
                    if not any(instance.id in known for known in (self._running, self._starting, self._gone)):
                        self._start(instance)
                await self._woken.wait()
                self._woken.clear()
                wanted = await self._wanted()
        finally:
            await self._end_all()

    async def _wanted(self, *, also_failed: bool = False) -> list[Instance]:
        """What is to run. Waits for storage that does not answer: without it nothing can be decided.

        `also_failed`: what ran once and was given up is tried again; what failed it may be gone, as after a restart.
        """
        while True:
            try:
                found = await self._database.run(list_instances)
            except sqlite3.Error as fault:
                _log.error("instances cannot be read", extra={"fault": str(fault)})
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return [each for each in found if each.status != _FAILED or (also_failed and each.address is not None)]

    def _start(self, instance: Instance) -> None:
        task = asyncio.create_task(self._bring_up(instance))
        self._starting[instance.id] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _bring_up(self, instance: Instance) -> None:
        """Starts one instance, however often it takes, and notes what became of it."""
        async with self._slots:
            await self._note(lambda connection: start_part(connection, instance.id, now=self._clock()))
            running = await self._try_until_it_runs(instance)
            if running is None:
                await self._note_end(instance, status=_FAILED, part="in-error", address=None)
            else:
                self._running[instance.id] = running
                self._watch(instance.id, running)
                await self._note_end(instance, status="ACTIVE", part="completed", address=running.address)
        self._starting.pop(instance.id, None)

    async def _try_until_it_runs(self, instance: Instance) -> RunningInstance | None:
        while not instance.doomed and self._failures.get(instance.id, 0) < MOST_FAILURES:
            number, self._next_number = self._next_number, self._next_number % LAST_NUMBER + 1
            try:
                jail = await asyncio.to_thread(self._isolation.jail)
                if isinstance(jail, str):
                    raise InstanceFault(jail)
                return await start_instance(
                    instance, jail, folder=self._folder / instance.id, http_port=self._http_port, number=number
                )
            except (InstanceFault, OSError) as fault:
                self._count_failure(instance.id, str(fault))
                await asyncio.sleep(PAUSE_SECONDS)
        return None

    def _watch(self, instance_id: str, running: RunningInstance) -> None:
        task = asyncio.create_task(self._await_death(instance_id, running))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _await_death(self, instance_id: str, running: RunningInstance) -> None:
        """Starts an instance again that ended although nobody wanted it to."""
        status = await running.process.wait()
        if self._running.get(instance_id) is not running:
            return
        running.end()
        self._count_failure(instance_id, f"its web server ended with status {status}")
        await asyncio.sleep(PAUSE_SECONDS)
        if self._running.get(instance_id) is running:
            del self._running[instance_id]
            self.wake()

    def _count_failure(self, instance_id: str, why: str) -> None:
        self._failures[instance_id] = self._failures.get(instance_id, 0) + 1
        _log.error("instance failed", extra={"instance": instance_id, "why": why})

    async def _note_end(self, instance: Instance, *, status: str, part: str, address: str | None) -> None:
        def note(connection: sqlite3.Connection) -> None:
            set_instance_state(connection, instance.id, status=status, address=address)
            end_part(connection, instance.id, status=part, now=self._clock())

        await self._note(note)

    async def _note(self, work: Callable[[sqlite3.Connection], None]) -> None:
        while True:
            try:
                await self._database.run(work)
            except sqlite3.Error as fault:
                _log.error("instances cannot be noted", extra={"fault": str(fault)})
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                return

    def _remove_strangers(self, known: set[str]) -> None:
        ended = end_leftovers(self._folder)
        if ended:
            _log.warning("ended what an earlier run left behind", extra={"processes": ended})
        if self._folder.is_dir():
            for folder in self._folder.iterdir():
                if folder.name not in known:
                    remove_site(folder)

    async def _end_all(self) -> None:
        for task in [*self._starting.values(), *self._tasks]:
            task.cancel()
        running = list(self._running.values())
        self._running.clear()
        for instance in running:
            instance.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(instance.wait_until_ended() for instance in running))
