"""Commands that run programs in the foreground: serve, demo, sandbox, marketplace; and init, which prepares serve."""

import os
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from mandat.cli.options import DEMO_FOLDER, AdminOptions, UsageFault, find_config
from mandat.cli.output import say, say_table


def serve(*, config: Path | None = None) -> int:
    """Run an authority and its gateways until SIGTERM; SIGHUP reloads.

    Parameters
    ----------
    config
        The configuration file; else $MANDAT_CONFIG, else ./mandat.toml.
    """
    from mandat.server import program

    return program.serve(find_config(AdminOptions(config=config)))


def demo(
    *,
    data: Path = DEMO_FOLDER,
    port: int = 8700,
    public_url: Annotated[list[str] | None, Parameter(negative_iterable="")] = None,
) -> int:
    """Run everything on this machine: gateway, authority, sandbox API with DNS, marketplace.

    Parameters
    ----------
    data
        Its folder; a fresh one is filled with accounts and zones, an existing one is kept.
    port
        The gateway's port; marketplace, sandbox and DNS take the three after it.
    public_url
        A further base URL that clients may have signed, such as https://eu.api.ovh.com. May be repeated.
    """
    from mandat.server import program

    return program.demo(data, _port("port", port, below=65_000), public_url or [], on_ready=_show_demo)


def sandbox(
    *,
    issuer: str,
    jwks_url: str,
    audience: str = "sandbox",
    data: Path = Path("mandat-sandbox"),
    port: int = 8702,
    dns_port: int | None = None,
    instance_port: int | None = None,
) -> int:
    """Run the sandbox provider alone, behind a gateway that runs elsewhere.

    Parameters
    ----------
    issuer
        Who must have signed the assertion on each call: the gateway's first public URL.
    jwks_url
        Where the signing keys are published: /.well-known/mandat/jwks.json of that gateway.
    audience
        What the assertions must be made for; the upstream's `audience` in the gateway's configuration.
    data
        Its folder.
    port
        Where its API listens on 127.0.0.1.
    dns_port
        Where its DNS server listens on 127.0.0.1, UDP and TCP; the port after --port when not given.
    instance_port
        Where each instance serves its site, at a loopback address of its own; the port after --dns-port when not given.
    """
    from mandat.server import program

    return program.run_sandbox(
        data,
        _port("port", port),
        None if dns_port is None else _port("dns-port", dns_port),
        issuer,
        jwks_url,
        audience,
        instance_port=None if instance_port is None else _port("instance-port", instance_port),
    )


def marketplace(
    *,
    endpoint: str | None = None,
    data: Path = Path("mandat-marketplace"),
    database: str | None = None,
    port: int = 8701,
    public_url: str | None = None,
    setup_code: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Run the reference marketplace against any endpoint.

    Parameters
    ----------
    endpoint
        The API it works with: a name such as ovh-eu, or an http(s) URL; else $OVH_ENDPOINT.
    data
        Its folder.
    database
        A PostgreSQL database that several marketplaces share, postgresql://USER@HOST/NAME; the password in $PGPASSWORD.
    port
        Where it listens on 127.0.0.1.
    public_url
        How browsers reach it; http://localhost:PORT when not given.
    setup_code
        Print a code that the first-run page then asks for: the way to give it other application keys.
    """
    from mandat.server import program

    endpoint = endpoint or os.environ.get("OVH_ENDPOINT")
    if not endpoint:
        raise UsageFault("Which API does the marketplace work with? Give --endpoint, or set OVH_ENDPOINT.")
    return program.run_marketplace(
        data, _port("port", port), endpoint, public_url, new_setup_code=setup_code, database=database
    )


def init(config: Path = Path("mandat.toml")) -> int:
    """Write a commented configuration file for `mandat serve`.

    Parameters
    ----------
    config
        The file to write; an existing one is left as it is.
    """
    from mandat.server import program

    program.write_config(config)
    say(f"Wrote {config}. Read it, then start: mandat serve --config {config}")
    return 0


def _port(name: str, port: int, *, below: int = 65_536) -> int:
    if not 0 < port < below:
        raise UsageFault(f"--{name} {port} is no port: give a number from 1 to {below - 1}.")
    return port


def _show_demo(announcement: dict[str, Any]) -> None:
    origin = str(announcement["endpoint"]).removesuffix("/1.0")
    application = announcement["application"]
    links = [
        ("Marketplace", str(announcement["marketplace"]), "shop here as a customer; first run: paste the keys"),
        ("Register an application", f"{origin}/createApp/", "as the developer"),
        ("Connected applications", f"{origin}/account/applications", "as the customer: see and revoke"),
        ("My applications", f"{origin}/developer/applications", "as the developer"),
        ("API", str(announcement["endpoint"]), "for clients: OVH_ENDPOINT"),
        ("API by TLS", str(announcement["tls"]["endpoint"]), f"trust {announcement['tls']['ca']}"),
        ("DNS", str(announcement["dns"]), _dig(str(announcement["dns"]), str(announcement["zone"]))),
    ]
    people = [
        (person["role"], person["login"], person["password"], person["account"]) for person in announcement["accounts"]
    ]
    say()
    say_table("Mandat demo is ready", ("what", "where", "for"), links)
    say()
    say_table("Who can log in", ("role", "login", "password", "account"), people)
    say()
    say_table("Ready-made application", ("key", "secret"), [(application["key"], application["secret"])])
    say("\nStop it with Ctrl-C.")


def _dig(dns: str, zone: str) -> str:
    host, _, port = dns.rpartition(":")
    return f"dig @{host} -p {port} {zone} NS"
