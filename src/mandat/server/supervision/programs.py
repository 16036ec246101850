"""Which programs a node consists of, and what each of them is told."""

import os
from pathlib import Path

from mandat.server.configuration.reading import Config
from mandat.server.processes.children import ChildSpec
from mandat.server.processes.sockets import Listeners

_PROCESSES = "mandat.server.processes"


def authority(config_file: Path, *, generation: int) -> ChildSpec:
    """The authority: pages, API, everything that is written."""
    return ChildSpec("authority", f"{_PROCESSES}.authority", _common(config_file, generation))


def doors(config: Config, config_file: Path, listeners: Listeners, *, generation: int) -> list[ChildSpec]:
    """The gateways, and as many processes that answer other proxies, when any may ask."""
    common, count = _common(config_file, generation), worker_count(config)
    gateways = [
        ChildSpec(
            f"gateway-{number}",
            f"{_PROCESSES}.gateway",
            {**common, **listeners.as_options(), "worker": number},
            listeners.fds(),
        )
        for number in range(count)
    ]
    if listeners.asked is None:
        return gateways
    fd = listeners.asked.fileno()
    options = {**common, "listener_fd": fd}
    answering = [
        ChildSpec(f"forward-auth-{number}", f"{_PROCESSES}.forward_auth", options, (fd,)) for number in range(count)
    ]
    return gateways + answering


def observers(config: Config, config_file: Path, listeners: Listeners) -> list[ChildSpec]:
    """Who shows metrics and who sends spans, if any. They outlive reloads: no span comes twice."""
    found = []
    options: dict[str, object] = {"config": str(config_file)}
    if listeners.observed is not None:
        fd = listeners.observed.fileno()
        found.append(ChildSpec("metrics", f"{_PROCESSES}.metrics", {**options, "listener_fd": fd}, (fd,)))
    if config.tracing.endpoint:
        found.append(ChildSpec("tracing", f"{_PROCESSES}.tracing", options))
    return found


def worker_count(config: Config) -> int:
    """How many gateways: as configured, or one per processor this process may use."""
    if config.workers == "auto":
        return len(os.sched_getaffinity(0))
    return config.workers


def _common(config_file: Path, generation: int) -> dict[str, object]:
    return {"config": str(config_file), "generation": generation}
