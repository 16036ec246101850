"""Keeps the processes of a node alive: each has a task that starts it again when it ends.

Processes belong to a generation: a reload starts the next one and ends those of the one before. Programs that outlive
reloads are of generation 0. Source: design.md 2.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from mandat.server.layout import Layout
from mandat.server.problems import Problem
from mandat.server.processes.children import Child, ChildSpec, start_child

RESTART_FIRST_SECONDS = 0.1
RESTART_LONGEST_SECONDS = 5.0
"""A dead child is started again at once, then less and less eagerly while it keeps dying."""

DOORS = ("gateway", "forward-auth")
"""Processes that calls go through; they end before what stands behind them."""

Keeper = asyncio.Task[None]
"""Keeps one process alive; cancelled, it stops the process."""

log = structlog.get_logger("supervisor")


class Keepers:
    """The keepers of all processes that run. `layout` says which keys each process may see in its environment."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._running: dict[Keeper, tuple[str, int]] = {}

    async def keep(self, spec: ChildSpec, *, generation: int, after: "asyncio.Task[None] | None" = None) -> None:
        """Starts a child and leaves a keeper behind. `after`: what must have come first; see `start_child`.

        Raises:
            Problem: the first start fails.
        """
        child = await start_child(replace(spec, hidden=self._hidden_from(spec)), after=after)
        log.info("started", process=spec.name, pid=child.pid, generation=generation)
        keeper = asyncio.get_running_loop().create_task(_keep_alive(child))
        self._running[keeper] = (spec.name, generation)
        keeper.add_done_callback(lambda task: self._running.pop(task, None))

    def since(self, generation: int) -> list[Keeper]:
        """Those of this generation and later ones."""
        return [keeper for keeper, (_, theirs) in self._running.items() if theirs >= generation]

    async def end(self, keepers: Sequence[Keeper]) -> None:
        """Ends doors first, so that running exchanges still find the authority and the other programs."""
        doors = [keeper for keeper in keepers if self._running.get(keeper, ("", 0))[0].startswith(DOORS)]
        for group in (doors, [keeper for keeper in keepers if keeper not in doors]):
            for keeper in group:
                keeper.cancel()
            await asyncio.gather(*group, return_exceptions=True)

    def _hidden_from(self, spec: ChildSpec) -> frozenset[str]:
        """Each process gets the keys that are its own, and no others."""
        sources = self._layout.key_sources
        if sources is None:
            return frozenset()
        own = sources.authority if spec.name == "authority" else sources.node if spec.name.startswith(DOORS) else None
        return sources.hidden - ({own.variable} if own is not None else set())


async def _keep_alive(child: Child) -> None:
    """Restarts the child whenever it ends; on cancellation stops it."""
    pause = RESTART_FIRST_SECONDS
    try:
        while True:
            began = asyncio.get_running_loop().time()
            status = await child.wait()
            if asyncio.get_running_loop().time() - began > 10 * RESTART_LONGEST_SECONDS:
                pause = RESTART_FIRST_SECONDS
            log.error("process ended, starting it again", process=child.spec.name, pid=child.pid, status=status)
            child = await _start_again(child.spec, pause)
            pause = min(pause * 2, RESTART_LONGEST_SECONDS)
    finally:
        await child.stop()


async def _start_again(spec: ChildSpec, pause: float) -> Child:
    while True:
        await asyncio.sleep(pause)
        try:
            child = await start_child(spec)
        except Problem as problem:
            log.error("cannot start", process=spec.name, problem=problem.sentence)
            pause = min(pause * 2, RESTART_LONGEST_SECONDS)
        else:
            log.info("started again", process=spec.name, pid=child.pid)
            return child
