"""The supervisor: binds the listeners, keeps replay memory and quotas, starts the processes, restarts what dies.

SIGHUP starts a new generation beside the running one and ends the old one when the new one serves: the listeners are
inherited, so no connection is lost (design.md 2). SIGTERM and SIGINT end everything. Page work and judging happen in
the children only.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import structlog

from mandat.enforcement.quotas.buckets import Buckets
from mandat.enforcement.quotas.node import serve_buckets
from mandat.enforcement.replay.keeper import serve_replay
from mandat.enforcement.replay.memory import ReplayMemory
from mandat.server.configuration.reading import Config, load_config
from mandat.server.layout import Layout, layout_of
from mandat.server.locks import take_lock
from mandat.server.nature import clock
from mandat.server.node_access import quotas_of
from mandat.server.problems import Problem
from mandat.server.processes.children import Child, ChildSpec, start_child
from mandat.server.processes.database_watch import (
    refuse_bad_gateway_role,
    refuse_unreplicated,
    report_replication,
)
from mandat.server.processes.redis_watch import refuse_bad_redis, report_redis
from mandat.server.processes.service_manager import READY, STOPPING, tell_service_manager
from mandat.server.processes.sockets import Listeners, allow_many_descriptors, listen_publicly
from mandat.server.processes.tls import CHECK_SECONDS, TlsIdentity
from mandat.storage.postgres.node_epoch import create_epoch

RESTART_FIRST_SECONDS = 0.1
RESTART_LONGEST_SECONDS = 5.0
"""A dead child is started again at once, then less and less eagerly while it keeps dying."""

DOORS = ("gateway", "forward-auth")
"""Processes that calls go through; they end before what stands behind them."""

log = structlog.get_logger("supervisor")


class Supervisor:
    """All processes of one node. `extra` are further programs that run beside (the demo's sandbox and marketplace)."""

    def __init__(self, config_file: Path, *, extra: Sequence[ChildSpec] = ()) -> None:
        self._config_file = config_file
        self._extra = extra
        self._config = load_config(config_file)
        self._layout = layout_of(self._config, config_file)
        self._generation = 0
        self._keepers: dict[asyncio.Task[None], tuple[str, int]] = {}
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
        self._tls = _tls_identity(self._layout)
        _prepare_folders(self._layout)
        lock = _lock_data(self._layout)
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
            await self._end(list(self._keepers))
            replay.close()
            quotas.close()
            lock.close()

    async def _start_or_stop(self, listeners: Listeners) -> bool:
        """Starts everything at once. False when it was told to stop meanwhile; the first Problem ends the others."""
        beside = [*self._extra, *_metrics_spec(self._config_file, listeners), *self._tracing_spec()]
        work = asyncio.gather(self._start_generation(listeners), *(self._keep(spec, generation=0) for spec in beside))
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

    def _tracing_spec(self) -> list[ChildSpec]:
        """The process that sends spans, if any. It outlives reloads, so that no exchange has two."""
        if not self._config.tracing.endpoint:
            return []
        return [ChildSpec("tracing", "mandat.server.processes.tracing", {"config": str(self._config_file)})]

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
            if _fixed_values(config) != _fixed_values(self._config):
                raise Problem(
                    "listen, tls.listen, forward_auth.listen, metrics, tracing (and log.access with it), storage,"
                    " postgres, keys, gateway_keys, run and redis cannot change while running; restart for that."
                )
            tls = _tls_identity(layout_of(config, self._config_file))
            old = self._keepers_since(1)
            previous, self._config = self._config, config
            try:
                await self._start_generation(listeners)
            except Problem:
                self._config = previous
                await self._end(self._keepers_since(self._generation))
                raise
            self._tls = tls
            self._buckets.change(quotas_of(config))
            await self._end(old)
            log.info("reloaded", generation=self._generation)
        except Problem as problem:
            log.error("reload refused, the running configuration stays", problem=problem.sentence)

    async def _start_generation(self, listeners: Listeners) -> None:
        self._generation += 1
        generation = self._generation
        common: dict[str, object] = {"config": str(self._config_file), "generation": generation}
        # Loading their code takes the doors about as long as the authority needs: they do it side by side.
        authority = asyncio.get_running_loop().create_task(self._start_authority(common, generation))
        gateways = [
            self._keep(
                ChildSpec(
                    f"gateway-{number}",
                    "mandat.server.processes.gateway",
                    {**common, **listeners.as_options(), "worker": number},
                    listeners.fds(),
                ),
                generation=generation,
                after=authority,
            )
            for number in range(worker_count(self._config))
        ]
        # All of them come to their end, well or not, before the first problem is told: nobody starts behind our back.
        doors = [*gateways, *self._forward_auth_keepers(listeners, common, generation, after=authority)]
        for outcome in await asyncio.gather(authority, *doors, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _start_authority(self, common: dict[str, object], generation: int) -> None:
        """It makes keys and databases when they are missing, so nobody else may look at them before."""
        await self._keep(ChildSpec("authority", "mandat.server.processes.authority", common), generation=generation)
        await refuse_bad_gateway_role(self._layout)

    def _forward_auth_keepers(
        self, listeners: Listeners, common: dict[str, object], generation: int, *, after: "asyncio.Task[None]"
    ) -> list[Coroutine[Any, Any, None]]:
        """As many processes as gateways, when proxies may ask at all."""
        if listeners.asked is None:
            return []
        fd = listeners.asked.fileno()
        return [
            self._keep(
                ChildSpec(
                    f"forward-auth-{number}",
                    "mandat.server.processes.forward_auth",
                    {**common, "listener_fd": fd},
                    (fd,),
                ),
                generation=generation,
                after=after,
            )
            for number in range(worker_count(self._config))
        ]

    async def _keep(self, spec: ChildSpec, *, generation: int, after: "asyncio.Task[None] | None" = None) -> None:
        """Starts a child and leaves a task behind that restarts it; raises Problem when the first start fails."""
        child = await start_child(replace(spec, hidden=self._hidden_from(spec)), after=after)
        log.info("started", process=spec.name, pid=child.pid, generation=generation)
        keeper = asyncio.get_running_loop().create_task(_keep_alive(child))
        self._keepers[keeper] = (spec.name, generation)
        keeper.add_done_callback(lambda task: self._keepers.pop(task, None))

    def _hidden_from(self, spec: ChildSpec) -> frozenset[str]:
        """Each process gets the keys that are its own, and no others."""
        sources = self._layout.key_sources
        if sources is None:
            return frozenset()
        own = sources.authority if spec.name == "authority" else sources.node if spec.name.startswith(DOORS) else None
        return sources.hidden - ({own.variable} if own is not None else set())

    def _keepers_since(self, generation: int) -> list[asyncio.Task[None]]:
        """Those of this generation and later ones; the programs beside are of none."""
        return [keeper for keeper, (_, theirs) in self._keepers.items() if theirs >= generation]

    async def _end(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """Ends gateways first, so that running exchanges still find the authority and the other programs."""
        gateways = [keeper for keeper in keepers if self._keepers.get(keeper, ("", 0))[0].startswith(DOORS)]
        for group in (gateways, [keeper for keeper in keepers if keeper not in gateways]):
            for keeper in group:
                keeper.cancel()
            await asyncio.gather(*group, return_exceptions=True)


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


def _metrics_spec(config_file: Path, listeners: Listeners) -> list[ChildSpec]:
    """The process that shows the metrics, if any. It outlives reloads, so that no counter begins anew."""
    if listeners.observed is None:
        return []
    fd = listeners.observed.fileno()
    options: dict[str, object] = {"config": str(config_file), "listener_fd": fd}
    return [ChildSpec("metrics", "mandat.server.processes.metrics", options, (fd,))]


def worker_count(config: Config) -> int:
    """How many gateways: as configured, or one per processor this process may use."""
    if config.workers == "auto":
        return len(os.sched_getaffinity(0))
    return config.workers


def _fixed_values(config: Config) -> tuple[object, ...]:
    """What a reload cannot change: others hold on to it."""
    return (
        config.listen,
        config.tls.listen,
        config.forward_auth.listen,
        config.metrics,
        config.tracing,
        config.log.access if config.tracing.endpoint else None,
        config.storage,
        config.postgres.gateway_url,
        config.postgres.ha,
        config.keys,
        config.gateway_keys,
        config.run,
        config.redis.url,
        config.redis.when_unreachable,
    )


def _tls_identity(layout: Layout) -> TlsIdentity | None:
    return None if layout.tls is None else TlsIdentity(layout.tls)


def _prepare_folders(layout: Layout) -> None:
    data = [layout.data] if layout.place is None else []
    keys = [layout.keys] if layout.key_sources is None else []
    for folder in (*data, *keys, layout.run, *([layout.access_log.parent] if layout.access_log else [])):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as fault:
            raise Problem(
                f"The folder {folder} cannot be made ({fault.strerror}); choose one you may write to."
            ) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Problem(f"The folder {folder} is not writable; give this user the right or choose another folder.")
    owner = layout.run.stat()
    if owner.st_uid != os.getuid():
        raise Problem(f"The folder {layout.run} belongs to somebody else; set `run` to a folder of your own.")
    layout.run.chmod(0o700)
    layout.leaving.unlink(missing_ok=True)
    if layout.place is not None:
        create_epoch(layout.epoch)


def _lock_data(layout: Layout) -> IO[str]:
    lock = take_lock(layout.lock)
    if lock is None and layout.place is not None:
        raise Problem(f"Another supervisor uses {layout.run}; stop it first, or give each node a `run` of its own.")
    if lock is None:
        raise Problem(
            f"Another supervisor serves the data in {layout.data}; stop it first, or use another `storage` folder."
        )
    return lock


async def serve_until_stopped(
    config_file: Path, *, extra: Sequence[ChildSpec] = (), on_ready: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Runs one supervisor; see `Supervisor.run`."""
    with contextlib.suppress(asyncio.CancelledError):
        await Supervisor(config_file, extra=extra).run(on_ready=on_ready)
