"""The demo: the whole system on one machine, on loopback, with people and zones to play with.

A fresh folder is seeded once (mandat.server.demo.seed); an existing one is kept as it is. Every port follows from one.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mandat.server.configuration.addresses import split_origin
from mandat.server.configuration.reading import load_config
from mandat.server.configuration.template import demo_config
from mandat.server.demo.certificates import prepare_demo_tls
from mandat.server.layout import layout_of
from mandat.server.locks import take_lock
from mandat.server.nature import clock
from mandat.server.problems import Problem
from mandat.server.processes.children import ChildSpec
from mandat.server.supervision.supervisor import serve_until_stopped

FIRST_ZONE = "example.org"
FIRST_CUSTOMER_ZONES = (FIRST_ZONE, "first.example", "other.example")
SECOND_CUSTOMER_ZONES = ("second.example",)
AUDIENCE = "sandbox"


@dataclass(frozen=True, slots=True)
class DemoPlaces:
    """Where everything of a demo is."""

    folder: Path
    port: int

    @property
    def config_file(self) -> Path:
        """The configuration of its authority and gateways."""
        return self.folder / "mandat.toml"

    @property
    def seed_file(self) -> Path:
        """What was seeded, passwords included; readable by its owner only."""
        return self.folder / "seed.json"

    @property
    def announcement(self) -> Path:
        """`demo.json`: there while the demo is ready, for scripts."""
        return self.folder / "demo.json"

    @property
    def gateway(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def marketplace(self) -> str:
        """Another host name than the gateway's, so that the two are different sites to a browser."""
        return f"http://localhost:{self.port + 1}"

    @property
    def marketplace_port(self) -> int:
        """Where the marketplace listens."""
        return self.port + 1

    @property
    def sandbox_port(self) -> int:
        """Where the sandbox provider listens."""
        return self.port + 2

    @property
    def dns_port(self) -> int:
        """Where the sandbox's DNS server listens, UDP and TCP."""
        return self.port + 3

    @property
    def instance_port(self) -> int:
        """Where each of the sandbox's instances serves its site, at a loopback address of its own."""
        return self.port + 5

    @property
    def tls_gateway(self) -> str:
        """The public address for clients that insist on https."""
        return f"https://127.0.0.1:{self.port + 4}"

    @property
    def tls_authority(self) -> Path:
        """What such clients have to trust."""
        return self.folder / "tls" / "ca.pem"


@contextmanager
def prepared_demo(places: DemoPlaces, public_urls: list[str]) -> Iterator[bool]:
    """Makes the folder, writes its configuration, and keeps other demos out of it for the length of the block.

    Yields:
        Whether the folder still has to be seeded.

    Raises:
        Problem: the folder cannot be written, another demo runs in it, or the ports do not fit.
    """
    if not 0 < places.port <= 65_000:
        raise Problem(f"--port {places.port} does not leave room for the demo's other ports; use 1024 to 65000.")
    try:
        places.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = take_lock(places.folder / "demo.lock")
        if lock is None:
            raise Problem(f"A demo runs in {places.folder} already; stop it first, or use another --data.")
        places.config_file.write_text(demo_config(places.port, public_urls), encoding="utf-8")
        places.announcement.unlink(missing_ok=True)
        _prepare_tls(places)
    except OSError as fault:
        raise Problem(f"The folder {places.folder} cannot be written ({fault.strerror}); use another --data.") from None
    with lock:
        yield not places.seed_file.exists()


def _prepare_tls(places: DemoPlaces) -> None:
    config = load_config(places.config_file)
    files = layout_of(config, places.config_file).tls
    if files is not None:
        hosts = dict.fromkeys(split_origin(url)[1] for url in config.public_urls)
        prepare_demo_tls(files, places.tls_authority, list(hosts), now=clock())


async def run_demo(places: DemoPlaces, *, on_ready: Callable[[dict[str, object]], None]) -> None:
    """Runs a prepared and seeded demo until it is stopped.

    Args:
        on_ready: gets the announcement when everything serves.

    Raises:
        Problem: a process could not start.
    """
    announcement = announcement_of(places, json.loads(places.seed_file.read_text(encoding="utf-8")))

    async def announce() -> None:
        write_private(places.announcement, json.dumps(announcement, indent=2) + "\n")
        on_ready(announcement)

    try:
        await serve_until_stopped(places.config_file, extra=_programs(places), on_ready=announce)
    finally:
        places.announcement.unlink(missing_ok=True)


def announcement_of(places: DemoPlaces, seed: dict[str, object]) -> dict[str, object]:
    """What `demo.json` says; scripts rely on these names."""
    return {
        "endpoint": f"{places.gateway}/1.0",
        "marketplace": places.marketplace,
        "dns": f"127.0.0.1:{places.dns_port}",
        "instance_port": places.instance_port,
        "zone": FIRST_ZONE,
        "accounts": seed["accounts"],
        "application": seed["application"],
        "tls": {"endpoint": f"{places.tls_gateway}/1.0", "ca": str(places.tls_authority)},
    }


def _programs(places: DemoPlaces) -> tuple[ChildSpec, ...]:
    return (
        ChildSpec(
            "sandbox",
            "mandat.server.processes.sandbox",
            {
                "folder": str(places.folder / "sandbox"),
                "port": places.sandbox_port,
                "dns_port": places.dns_port,
                "instance_port": places.instance_port,
                "issuer": places.gateway,
                "audience": AUDIENCE,
                "jwks_url": f"{places.gateway}/.well-known/mandat/jwks.json",
            },
        ),
        ChildSpec(
            "marketplace",
            "mandat.server.processes.marketplace",
            {
                "folder": str(places.folder / "marketplace"),
                "port": places.marketplace_port,
                "endpoint": f"{places.gateway}/1.0",
                "public_url": places.marketplace,
                "dns_server": f"127.0.0.1:{places.dns_port}",
                "rights_url": f"{places.gateway}/account/applications",
            },
        ),
    )


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
