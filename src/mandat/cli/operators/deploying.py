"""`mandat deploy`: prints what a front proxy needs so that it asks Mandat about every call."""

from pathlib import Path
from typing import Literal

from mandat.cli.options import AdminOptions, find_config
from mandat.cli.output import say


def deploy(
    proxy: Literal["nginx", "caddy", "envoy", "traefik"], /, *, config: Path | None = None, listen: str = "0.0.0.0:80"
) -> int:
    """Print the configuration of a front proxy that asks this installation about calls, filled from its configuration.

    Parameters
    ----------
    proxy
        Which one; forward_auth.style must say the same.
    config
        The configuration file; else $MANDAT_CONFIG, else ./mandat.toml.
    listen
        Where the proxy is to listen, HOST:PORT.
    """
    from mandat.server.deployment.rendering import render_deployment

    say(render_deployment(proxy, find_config(AdminOptions(config=config)), listen=listen).rstrip("\n"))
    return 0
