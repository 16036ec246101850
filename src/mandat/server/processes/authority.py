"""The authority as a process: pages and API on a unix socket, usage intake, pruning, descriptions.

It listens on nothing else: only a gateway may speak for an account (design.md 2).
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import structlog
import uvicorn
import uvloop

from mandat.authority.interfaces import StorageUnavailable
from mandat.server.configuration.reading import Config, RetentionConfig, load_config
from mandat.server.layout import Layout, layout_of
from mandat.server.logs import configure_logs
from mandat.server.nature import clock
from mandat.server.node_access import emptied_run_folder
from mandat.server.observation.authority_report import authority_report
from mandat.server.observation.report import reporting
from mandat.server.problems import Problem
from mandat.server.processes.announcing import AnnouncingServer
from mandat.server.processes.children import child_options, say_problem
from mandat.server.processes.descriptions import keep_described
from mandat.server.processes.forgetting import forget_old
from mandat.server.processes.gateway import reports_path
from mandat.server.processes.sockets import listen_privately
from mandat.server.processes.usage_intake import serve_usage
from mandat.server.request_log import log_with_query_id
from mandat.server.supervision.wrong_clock import is_vouched_for, refuse_wrong_clock
from mandat.server.wiring import Wired, wire_authority
from mandat.web.application import make_web_app
from mandat.web.settings import PageSettings

PRUNE_SECONDS = 300.0

log = structlog.get_logger("authority")


async def serve(config: Config, layout: Layout, *, generation: int, ready_fd: int) -> None:
    """Serves until SIGTERM.

    Raises:
        Problem: keys or databases cannot be used, or the clock is far behind.
    """
    if layout.place is not None and not layout.epoch.exists():
        raise emptied_run_folder(layout)
    wired = wire_authority(config, layout)
    try:
        refuse_wrong_clock(clock(), await wired.storage.audit.last_at(), is_vouched_for=is_vouched_for())
        settings = PageSettings(
            public_origins=tuple(url.rstrip("/") for url in config.public_urls),
            form_secrets=lambda: wired.storage.live.form_token_secrets(clock()),
            pages_url=config.pages_url.rstrip("/") or None,
            max_body_bytes=config.limits.max_body_bytes,
            product_name=config.name,
            marketplace_url=config.marketplace_url or None,
        )
        server = AnnouncingServer(
            uvicorn.Config(
                log_with_query_id(make_web_app(wired.authority, settings)),
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                date_header=True,
                # The gateway drops an idle connection after 4 s, so that it is never the authority that closes first.
                timeout_keep_alive=30,
                timeout_graceful_shutdown=5,
                proxy_headers=False,
            ),
            ready_fd,
        )
        listener = listen_privately(layout.authority_socket(generation))
        async with (
            reporting(reports_path(config, layout), lambda: authority_report(wired.storage)),
            _beside(
                _prune_regularly(wired, config.retention),
                keep_described(wired.catalogue, config.upstream),
            ),
        ):
            intake = await serve_usage(layout.usage_socket(generation), wired.storage.usage.record)
            await server.serve(sockets=[listener])
            intake.close()
    finally:
        wired.close()


@contextlib.asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _prune_regularly(wired: Wired, retention: RetentionConfig) -> None:
    while True:
        try:
            await wired.authority.prune()
            await forget_old(wired.storage, retention, now=clock())
        except StorageUnavailable as fault:
            log.warning("pruning put off", why=str(fault))
        await asyncio.sleep(PRUNE_SECONDS)


def main(arguments: list[str]) -> int:
    """A child's entry: options as `ChildSpec` gives them."""
    options = child_options(arguments)
    config_file, ready_fd = Path(str(options["config"])), int(str(options["ready_fd"]))
    try:
        config = load_config(config_file)
        configure_logs(config.log.level)
        layout = layout_of(config, config_file)
        generation = int(str(options["generation"]))
        # uvicorn raises SIGTERM anew when it has stopped; by then the databases are still to be closed.
        signal.signal(signal.SIGTERM, lambda *_: None)
        uvloop.run(serve(config, layout, generation=generation, ready_fd=ready_fd))
    except Problem as problem:
        say_problem(ready_fd, problem.sentence)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
