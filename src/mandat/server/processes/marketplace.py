"""The reference marketplace as a process: alone (`mandat marketplace`) or as a child of the demo's supervisor."""

import sys
from collections.abc import Callable
from pathlib import Path

from mandat.marketplace.problems import StartRefused
from mandat.marketplace.program import run as run_program
from mandat.marketplace.settings import MarketplaceSettings
from mandat.server.logs import configure_logs
from mandat.server.nature import clock, entropy
from mandat.server.problems import Problem
from mandat.server.processes.children import child_options, say_problem, say_ready


def run(
    *,
    folder: Path,
    port: int,
    endpoint: str,
    public_url: str | None,
    dns_server: str | None = None,
    rights_url: str | None = None,
    new_setup_code: bool = False,
    database: str | None = None,
    on_ready: Callable[[], None] = lambda: None,
) -> int:
    """Serves until SIGTERM or SIGINT.

    Raises:
        Problem: it cannot start.
    """
    settings = MarketplaceSettings(
        folder=folder,
        port=port,
        endpoint=endpoint,
        public_url=public_url,
        dns_server=dns_server,
        rights_url=rights_url,
        new_setup_code=new_setup_code,
        database=database,
    )
    try:
        run_program(settings, on_ready=on_ready, clock=clock, entropy=entropy)
    except StartRefused as refused:
        raise Problem(refused.sentence) from None
    return 0


def main(arguments: list[str]) -> int:
    """A child's entry: options as `ChildSpec` gives them."""
    options = child_options(arguments)
    configure_logs("warning")
    ready_fd = int(str(options["ready_fd"]))
    try:
        return run(
            folder=Path(str(options["folder"])),
            port=int(str(options["port"])),
            endpoint=str(options["endpoint"]),
            public_url=str(options["public_url"]),
            dns_server=str(options["dns_server"]),
            rights_url=str(options["rights_url"]),
            on_ready=lambda: say_ready(ready_fd),
        )
    except Problem as problem:
        say_problem(ready_fd, problem.sentence)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
