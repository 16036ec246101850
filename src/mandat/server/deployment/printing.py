"""Fills the configuration of one proxy from a configuration file of ours."""

from pathlib import Path
from typing import Final

from mandat.server.configuration.reading import load_config
from mandat.server.deployment import caddy, envoy, nginx, traefik
from mandat.server.deployment.values import deployment_of

RENDERERS: Final = {
    "nginx": nginx.render,
    "caddy": caddy.render,
    "envoy": envoy.render,
    "traefik": traefik.render,
}
"""By the names of `forward_auth.style`."""


def render_deployment(style: str, config_file: Path, *, listen: str) -> str:
    """What the proxy's operator includes or starts it with.

    Args:
        style: a key of RENDERERS.
        config_file: ours.
        listen: where the proxy is to listen, HOST:PORT.

    Raises:
        Problem: our configuration cannot be read, or does not fit.
    """
    return RENDERERS[style](deployment_of(load_config(config_file), listen=listen, style=style))
