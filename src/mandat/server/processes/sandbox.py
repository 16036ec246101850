"""The sandbox provider as a process: alone (`mandat sandbox`) or as a child of the demo's supervisor."""

import sys
from collections.abc import Callable
from pathlib import Path

from mandat.sandbox.problems import SandboxStartError
from mandat.sandbox.program import run as run_program
from mandat.sandbox.settings import SandboxSettings
from mandat.server.logs import configure_logs
from mandat.server.problems import Problem
from mandat.server.processes.children import child_options, say_problem, say_ready


def run(
    *,
    folder: Path,
    port: int,
    dns_port: int | None,
    issuer: str,
    jwks_url: str,
    audience: str,
    instance_port: int | None = None,
    on_ready: Callable[[], None] | None = None,
) -> int:
    """Serves until SIGTERM or SIGINT. `dns_port` None means the port after `port`, `instance_port` None the next one.

    Raises:
        Problem: it cannot start.
    """
    settings = SandboxSettings(
        folder=folder,
        port=port,
        dns_port=port + 1 if dns_port is None else dns_port,
        issuer=issuer,
        audience=audience,
        jwks_url=jwks_url,
        instance_port=instance_port,
    )
    try:
        run_program(settings, on_ready=on_ready)
    except SandboxStartError as fault:
        raise Problem(str(fault)) from None
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
            dns_port=int(str(options["dns_port"])),
            issuer=str(options["issuer"]),
            audience=str(options["audience"]),
            jwks_url=str(options["jwks_url"]),
            instance_port=int(str(options["instance_port"])),
            on_ready=lambda: say_ready(ready_fd),
        )
    except Problem as problem:
        say_problem(ready_fd, problem.sentence)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
