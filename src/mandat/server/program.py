"""What the command line starts. Each function runs one program to its end and gives the process's exit status.

A start that cannot be raises `Problem`; the command line prints its sentence. Heavy imports wait until they are needed.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mandat.server.configuration.template import TEMPLATE
from mandat.server.logs import configure_logs
from mandat.server.problems import Problem


def serve(config_file: Path) -> int:
    """`mandat serve`: authority and gateways under one supervisor, in the foreground."""
    from mandat.server.configuration.reading import load_config
    from mandat.server.supervision.supervisor import serve_until_stopped

    configure_logs(load_config(config_file).log.level)
    asyncio.run(serve_until_stopped(config_file))
    return 0


def demo(
    folder: Path, port: int, public_urls: list[str], *, on_ready: Callable[[dict[str, object]], None] = lambda _: None
) -> int:
    """`mandat demo`: everything on loopback. `on_ready` gets what demo.json says, once all processes serve."""
    from mandat.server.demo.running import DemoPlaces, prepared_demo, run_demo

    configure_logs("warning")
    places = DemoPlaces(folder=folder.resolve(), port=port)
    with prepared_demo(places, public_urls) as is_fresh:
        if is_fresh:
            _seed(places.folder, port)
        asyncio.run(run_demo(places, on_ready=on_ready))
    return 0


def _seed(folder: Path, port: int) -> None:
    # In a process of its own: seeding needs the storage and password libraries, which the supervisor should not carry.
    outcome = subprocess.run(
        [sys.executable, "-m", "mandat.server.demo.seed", str(folder), str(port)],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if outcome.returncode != 0:
        raise Problem(outcome.stderr.strip().splitlines()[-1] if outcome.stderr.strip() else "Seeding the demo failed.")


def run_sandbox(
    folder: Path,
    port: int,
    dns_port: int | None,
    issuer: str,
    jwks_url: str,
    audience: str,
    *,
    instance_port: int | None = None,
) -> int:
    """`mandat sandbox`: the sandbox provider alone, behind a gateway that runs elsewhere."""
    from mandat.server.processes.sandbox import run

    configure_logs("info")
    return run(
        folder=folder,
        port=port,
        dns_port=dns_port,
        issuer=issuer,
        jwks_url=jwks_url,
        audience=audience,
        instance_port=instance_port,
    )


def run_marketplace(
    folder: Path, port: int, endpoint: str, public_url: str | None, *, new_setup_code: bool, database: str | None = None
) -> int:
    """`mandat marketplace`: the reference marketplace, against any endpoint."""
    from mandat.server.processes.marketplace import run

    configure_logs("info")
    return run(
        folder=folder,
        port=port,
        endpoint=endpoint,
        public_url=public_url,
        new_setup_code=new_setup_code,
        database=database,
    )


def write_config(path: Path) -> None:
    """`mandat init`: writes the commented configuration file.

    Raises:
        Problem: the file exists already or cannot be written.
    """
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise Problem(f"{path} exists already; it was left as it is.") from None
    except OSError as fault:
        raise Problem(f"{path} cannot be written ({fault.strerror}); choose another place.") from None
