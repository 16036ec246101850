"""A gateway worker as a process. Imports no web framework, no ORM, no structured-logging library (design.md 3)."""

import asyncio
import contextlib
import gc
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvloop

from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.assertion import AssertionSigner, jwks_document
from mandat.enforcement.counting.usage import UsageSender
from mandat.enforcement.gateway.run import Entrances, counters_for, run_gateway
from mandat.enforcement.settings import GatewaySettings, Limits, Upstream
from mandat.server.configuration.reading import Config, UpstreamConfig, load_config
from mandat.server.key_sources import node_keys
from mandat.server.layout import Layout, layout_of
from mandat.server.nature import clock, entropy
from mandat.server.node_access import call_quotas, grant_source, redis_need, replay_memory
from mandat.server.observation.door_report import ObservedDoor
from mandat.server.observation.report import reporting
from mandat.server.problems import Problem
from mandat.server.processes.children import child_options, say_problem, say_ready
from mandat.server.processes.sockets import Listeners, inherited_listeners
from mandat.server.processes.tls import TlsIdentity, follow_files
from mandat.storage.faults import StorageFault
from mandat.storage.keys.keyrings import NodeKeys
from mandat.web.routes import open_routes

GARBAGE_THRESHOLD = 20_000
"""Container objects made between two looks for cycles; Python's own 700 would mean a look for every few dozen calls."""


async def serve(config: Config, layout: Layout, *, listeners: Listeners, generation: int, ready_fd: int) -> None:
    """Serves until SIGTERM.

    Raises:
        Problem: keys, databases or the TLS files cannot be used.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tls = None if layout.tls is None else TlsIdentity(layout.tls)
    try:
        keys = node_keys(layout.keys, layout.key_sources)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
    settings = gateway_settings(config, layout, keys, generation=generation)
    usage = UsageSender(str(layout.usage_socket(generation)))
    access_log = AccessLog(log_writer(config, layout))
    counters = counters_for(settings)
    beside = [loop.create_task(usage.run()), loop.create_task(access_log.run())]
    if tls is not None:
        beside.append(loop.create_task(follow_files(tls)))
    async with (
        grant_source(config, layout, keys) as source,
        replay_memory(config, layout) as replay,
        call_quotas(config, layout) as quotas,
        reporting(
            reports_path(config, layout),
            ObservedDoor("gateway", settings, counters, source, usage, access_log, redis_need(config)).report,
        ),
    ):
        _settle_memory()
        await run_gateway(
            settings,
            Entrances(listeners.plain, listeners.tls, None if tls is None else tls.context),
            source=source,
            replay=replay,
            usage=usage,
            signer=AssertionSigner(keys.assertion_key, keys.assertion_key_id, settings.issuer),
            access_log=access_log,
            clock=clock,
            entropy=entropy,
            stop=stop,
            counters=counters,
            quotas=quotas,
            on_ready=partial(say_ready, ready_fd),
        )
    for task in beside:
        task.cancel()
    await asyncio.gather(*beside, return_exceptions=True)


def _settle_memory() -> None:
    """What a worker was started with stays until its end, and a call leaves no cycles: look for garbage seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)


def reports_path(config: Config, layout: Layout) -> str | None:
    """Where this process reports how it is doing; None when nobody watches."""
    return str(layout.metrics_socket) if config.metrics.listen else None


def gateway_settings(config: Config, layout: Layout, keys: NodeKeys, *, generation: int) -> GatewaySettings:
    """What the configuration means to a gateway worker."""
    public_urls = tuple(url.rstrip("/") for url in config.public_urls)
    sections = sorted({"auth", "me", *(upstream.prefix.split("/")[1] for upstream in config.upstream)})
    return GatewaySettings(
        public_urls=public_urls,
        authority=Upstream(
            name="authority",
            prefix="",
            address=f"unix:{layout.authority_socket(generation)}",
            encoded_slash="refuse",
            trusted=True,
        ),
        upstreams=tuple(_upstream(upstream) for upstream in config.upstream),
        open_routes=frozenset(open_routes(sections)),
        trusted_proxies=tuple(ipaddress.ip_network(block, strict=False) for block in config.trusted_proxies),
        issuer=public_urls[0],
        jwks=jwks_document({keys.assertion_key_id: keys.assertion_public_key}),
        host_name=socket.gethostname().split(".")[0],
        window_seconds=config.limits.timestamp_window_seconds,
        limits=Limits(
            max_body_bytes=config.limits.max_body_bytes,
            buffer_bytes=config.limits.body_budget_bytes,
            failures_burst=config.limits.failures_burst,
            failures_per_second=config.limits.failures_per_second,
        ),
    )


def _upstream(upstream: UpstreamConfig) -> Upstream:
    name = upstream.name or upstream.prefix.strip("/").replace("/", "-")
    return Upstream(
        name=name,
        prefix=upstream.prefix,
        address=upstream.url.rstrip("/"),
        encoded_slash=upstream.encoded_slash,
        timeout_seconds=upstream.timeout_seconds,
        audience=upstream.audience or name,
    )


def log_writer(config: Config, layout: Layout) -> Callable[[bytes], object]:
    """Where lines of the access log go; several processes append to one file."""
    if config.log.access == "off":
        return len
    if layout.access_log is None:
        return _write_to_standard_output
    try:
        descriptor = os.open(layout.access_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError as fault:
        raise Problem(
            f"The access log {layout.access_log} cannot be written ({fault.strerror}); set log.access to another file."
        ) from None
    return lambda lines: os.write(descriptor, lines)


def _write_to_standard_output(lines: bytes) -> int:
    return os.write(1, lines)


def main(arguments: list[str]) -> int:
    """A child's entry: options as `ChildSpec` gives them."""
    options = child_options(arguments)
    config_file, ready_fd = Path(str(options["config"])), int(str(options["ready_fd"]))
    with contextlib.closing(inherited_listeners(options)) as listeners:
        try:
            config = load_config(config_file)
            layout = layout_of(config, config_file)
            generation = int(str(options["generation"]))
            uvloop.run(serve(config, layout, listeners=listeners, generation=generation, ready_fd=ready_fd))
        except Problem as problem:
            say_problem(ready_fd, problem.sentence)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
