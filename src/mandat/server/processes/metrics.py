"""The metrics process: takes the reports of the others and answers /metrics, /healthz and /readyz.

A process of its own, so that nobody who watches a node can slow it down. It outlives reloads; started again after its
death, it has everything but what processes counted that ended before.
"""

import contextlib
import ipaddress
import signal
import socket
import sys
from pathlib import Path

import uvicorn
import uvloop

from mandat.server.configuration.reading import Config, load_config
from mandat.server.layout import Layout, layout_of
from mandat.server.logs import configure_logs
from mandat.server.nature import monotonic
from mandat.server.observation.collected import Collected
from mandat.server.observation.intake import serve_reports
from mandat.server.observation.page import WatchPage
from mandat.server.observation.readiness import ReadinessCheck
from mandat.server.problems import Problem
from mandat.server.processes.announcing import AnnouncingServer
from mandat.server.processes.children import child_options, say_problem
from mandat.server.supervision.redis_watch import redis_answers


async def serve(config: Config, layout: Layout, *, listener: socket.socket, ready_fd: int) -> None:
    """Serves until SIGTERM."""
    collected = Collected(monotonic)
    peers = tuple(ipaddress.ip_network(block, strict=False) for block in config.metrics.trusted_peers)
    readiness = ReadinessCheck(
        collected, monotonic, is_leaving=layout.leaving.exists, redis_answers=lambda: redis_answers(config)
    )
    page = WatchPage(collected, readiness, peers)
    server = AnnouncingServer(
        uvicorn.Config(
            page,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            limit_concurrency=64,
            timeout_graceful_shutdown=1,
            proxy_headers=False,
        ),
        ready_fd,
    )
    intake = await serve_reports(layout.metrics_socket, collected)
    await server.serve(sockets=[listener])
    intake.close()


def main(arguments: list[str]) -> int:
    """A child's entry: options as `ChildSpec` gives them."""
    options = child_options(arguments)
    config_file, ready_fd = Path(str(options["config"])), int(str(options["ready_fd"]))
    with contextlib.closing(socket.socket(fileno=int(str(options["listener_fd"])))) as listener:
        try:
            config = load_config(config_file)
            configure_logs(config.log.level)
            # uvicorn raises SIGTERM anew when it has stopped.
            signal.signal(signal.SIGTERM, lambda *_: None)
            uvloop.run(serve(config, layout_of(config, config_file), listener=listener, ready_fd=ready_fd))
        except Problem as problem:
            say_problem(ready_fd, problem.sentence)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
