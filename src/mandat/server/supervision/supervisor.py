"""The supervisor: binds the listeners, keeps replay memory and quotas, starts the processes, restarts what dies.

SIGHUP starts a new generation beside the running one and ends the old one when the new one serves: the listeners are
inherited, so no connection is lost (design.md 2). SIGTERM and SIGINT end everything. Page work and judging happen in
the children only.
"""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import structlog

from mandat.enforcement.quotas.buckets import Buckets
from mandat.enforcement.quotas.node import serve_buckets
from mandat.enforcement.replay.keeper import serve_replay
from mandat.enforcement.replay.memory import ReplayMemory
from mandat.server.configuration.reading import load_config
from mandat.server.layout import layout_of
from mandat.server.nature import clock
from mandat.server.node_access import quotas_of
from mandat.server.problems import Problem
from mandat.server.processes.children import ChildSpec
from mandat.server.processes.sockets import Listeners, allow_many_descriptors, listen_publicly
from mandat.server.processes.tls import CHECK_SECONDS, TlsIdentity
from mandat.server.supervision import programs
from mandat.server.supervision.database_watch import refuse_bad_gateway_role, refuse_unreplicated, report_replication
from mandat.server.supervision.ground import lock_data, prepare_folders, refuse_fixed_changes, tls_identity
from mandat.server.supervision.keeping import Keepers
from mandat.server.supervision.redis_watch import refuse_bad_redis, report_redis
from mandat.server.supervision.service_manager import READY, STOPPING, tell_service_manager

log = structlog.get_logger("supervisor")


class Supervisor:
    """All processes of one node. `extra` are further programs that run beside (the demo's sandbox and marketplace)."""

    def __init__(self, config_file: Path, *, extra: Sequence[ChildSpec] = ()) -> None:
        self._config_file = config_file
        self._extra = extra
        self._config = load_config(config_file)
        self._layout = layout_of(self._config, config_file)
        self._generation = 0
        self._keepers = Keepers(self._layout)
        self._stopping = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._tls: TlsIdentity | None = None
        self._buckets = Buckets(quotas_of(self._config))

    async def run(self, *, on_ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Serves until SIGTERM or SIGINT.

        Args:
            on_ready: called once, when every process serves.

        Raises:
            Problem: the start failed (taken port, locked data, unwritable folder, a child's own reason).
        """
        self._tls = tls_identity(self._layout)
        prepare_folders(self._layout)
        lock = lock_data(self._layout)
        await refuse_bad_redis(self._config)
        allow_many_descriptors()
        await refuse_unreplicated(self._config, self._layout)
        listeners = listen_publicly(self._config)
        memory = ReplayMemory(
            window_seconds=self._config.limits.timestamp_window_seconds,
            started=clock(),
            started_monotonic=asyncio.get_running_loop().time(),
        )
        replay = await serve_replay(self._layout.replay_socket, memory)
        quotas = await serve_buckets(self._layout.quota_socket, self._buckets)
        reports = [
            asyncio.get_running_loop().create_task(report)
            for report in (
                self._report_certificates(),
                report_redis(self._config),
                report_replication(self._config, self._layout),
            )
        ]
        try:
            self._watch_signals(listeners)
            if await self._start_or_stop(listeners):
                if on_ready is not None:
                    await on_ready()
                log.info("ready", listen=self._config.listen, public_urls=list(self._config.public_urls))
                tell_service_manager(READY)
                await self._stopping.wait()
                tell_service_manager(STOPPING)
        finally:
            for report in reports:
                report.cancel()
            listeners.close()
            await self._keepers.end(self._keepers.since(0))
            replay.close()
            quotas.close()
            lock.close()

    async def _start_or_stop(self, listeners: Listeners) -> bool:
        """Starts everything at once. False when it was told to stop meanwhile; the first Problem ends the others."""
        beside = [*self._extra, *programs.observers(self._config, self._config_file, listeners)]
        kept = (self._keepers.keep(spec, generation=0) for spec in beside)
        work = asyncio.gather(self._start_generation(listeners), *kept)
        stopped = asyncio.ensure_future(self._stopping.wait())
        either: set[asyncio.Future[Any]] = {work, stopped}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if self._stopping.is_set():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            return False
        await work
        return True

    async def _report_certificates(self) -> None:
        """Logs what the gateways do by themselves when the TLS files change (mandat.server.processes.tls)."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                if self._tls is not None and self._tls.refresh():
                    log.info("new certificate, shown to new connections")
            except Problem as problem:
                log.error("new certificate refused, the running one stays", problem=problem.sentence)

    def _watch_signals(self, listeners: Listeners) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        reloads: set[asyncio.Task[None]] = set()

        async def reload_in_turn() -> None:
            # One at a time: each ends the generation before it, and must know which that is.
            async with self._reloading:
                await self._reload(listeners)

        def reload() -> None:
            task = loop.create_task(reload_in_turn())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)

    async def _reload(self, listeners: Listeners) -> None:
        try:
            config = load_config(self._config_file)
            refuse_fixed_changes(self._config, config)
            tls = tls_identity(layout_of(config, self._config_file))
            old = self._keepers.since(1)
            previous, self._config = self._config, config
            try:
                await self._start_generation(listeners)
            except Problem:
                self._config = previous
                await self._keepers.end(self._keepers.since(self._generation))
                raise
            self._tls = tls
            self._buckets.change(quotas_of(config))
            await self._keepers.end(old)
            log.info("reloaded", generation=self._generation)
        except Problem as problem:
            log.error("reload refused, the running configuration stays", problem=problem.sentence)

    async def _start_generation(self, listeners: Listeners) -> None:
        self._generation += 1
        generation = self._generation
        # Loading their code takes the doors about as long as the authority needs: they do it side by side.
        authority = asyncio.get_running_loop().create_task(self._start_authority(generation))
        doors = [
            self._keepers.keep(spec, generation=generation, after=authority)
            for spec in programs.doors(self._config, self._config_file, listeners, generation=generation)
        ]
        # All of them come to their end, well or not, before the first problem is told: nobody starts behind our back.
        for outcome in await asyncio.gather(authority, *doors, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _start_authority(self, generation: int) -> None:
        """It makes keys and databases when they are missing, so nobody else may look at them before."""
        await self._keepers.keep(programs.authority(self._config_file, generation=generation), generation=generation)
        await refuse_bad_gateway_role(self._layout)


async def serve_until_stopped(
    config_file: Path, *, extra: Sequence[ChildSpec] = (), on_ready: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Runs one supervisor; see `Supervisor.run`."""
    with contextlib.suppress(asyncio.CancelledError):
        await Supervisor(config_file, extra=extra).run(on_ready=on_ready)
