"""What the middleware takes, as frozen values. Says which installation is meant; opening it is `wiring`'s work."""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypedDict

from mandat.enforcement.doors.guard import GuardSettings
from mandat.enforcement.settings import Limits
from mandat.server.configuration.reading import Config, load_config
from mandat.server.configuration.values import LimitsConfig
from mandat.server.layout import Layout, layout_of

UNIX: Final = "unix"
"""In `trusted_proxies`: whoever connects over a unix socket."""

_OF_THE_INSTALLATION: Final = frozenset(
    ("data", "keys", "public_urls", "timestamp_window_seconds", "max_body_bytes", "cached_grants")
)
"""What a configuration file says, so that it cannot be said beside one."""


class MandatOptions(TypedDict, total=False):
    """What both middlewares take beside the application; either `config` or `public_urls` must be there.

    `config`: the configuration file of the installation, as `mandat serve` reads it; it replaces the next six, and its
    PostgreSQL database, Redis server, quotas and limits hold here too. `data`, `keys`: the folders of the installation
    ("data", "keys"). `public_urls`: the addresses clients sign. `timestamp_window_seconds`, `max_body_bytes`,
    `cached_grants`: as in the configuration.

    `run`: the folder of a `mandat serve` that runs on this machine; with `config` its own when left out, and None says
    that none does. `trusted_proxies`: addresses, networks, or "unix". `open_routes`: (method, path) pairs that pass
    unjudged. `opaque_prefixes`: paths below the version under which the application reads `%2F` as part of a segment.
    """

    config: str | Path
    data: str | Path
    keys: str | Path
    public_urls: Sequence[str]
    timestamp_window_seconds: int
    max_body_bytes: int
    cached_grants: int
    run: str | Path | None
    trusted_proxies: Sequence[str]
    open_routes: Sequence[tuple[str, str]]
    opaque_prefixes: Sequence[str]


@dataclass(frozen=True, slots=True)
class MiddlewareSettings:
    """What was read. `is_alone`: no `mandat serve` runs on this machine; then `layout.run` means nothing."""

    guard: GuardSettings
    config: Config
    layout: Layout
    is_alone: bool


def read_options(options: MandatOptions) -> MiddlewareSettings:
    """The options as values.

    Raises:
        TypeError, ValueError: an option is unknown, cannot be meant, or does not go with `config`.
        Problem: the configuration file cannot be used.
    """
    unknown = set(options) - set(MandatOptions.__annotations__)
    if unknown:
        raise TypeError(f"unknown option {min(unknown)!r}; there are {', '.join(MandatOptions.__annotations__)}")
    config, layout = _installation(options)
    run = options.get("run", layout.run if "config" in options else None)
    proxies = list(options.get("trusted_proxies", ()))
    return MiddlewareSettings(
        guard=GuardSettings(
            public_urls=tuple(url.rstrip("/") for url in config.public_urls),
            trusted_proxies=tuple(ipaddress.ip_network(block, strict=False) for block in proxies if block != UNIX),
            trusts_unix_sockets=UNIX in proxies,
            open_routes=frozenset((method.upper(), path) for method, path in options.get("open_routes", ())),
            opaque_prefixes=tuple(options.get("opaque_prefixes", ())),
            window_seconds=config.limits.timestamp_window_seconds,
            host_name=socket.gethostname().split(".")[0],
            limits=Limits(
                max_body_bytes=config.limits.max_body_bytes,
                buffer_bytes=config.limits.body_budget_bytes,
                failures_burst=config.limits.failures_burst,
                failures_per_second=config.limits.failures_per_second,
            ),
        ),
        config=config,
        layout=layout if run is None else replace(layout, run=Path(run)),
        is_alone=run is None,
    )


def _installation(options: MandatOptions) -> tuple[Config, Layout]:
    """The installation that is meant: by its configuration file, or by its folders."""
    if "config" in options:
        twice = _OF_THE_INSTALLATION & set(options)
        if twice:
            raise TypeError(f"{min(twice)!r} stands in the configuration file already; leave it out beside `config`")
        file = Path(options["config"])
        config = load_config(file)
        return config, layout_of(config, file)
    data, keys = Path(options.get("data", "data")), Path(options.get("keys", "keys"))
    config = Config(
        public_urls=tuple(options.get("public_urls", ())),
        storage=str(data),
        keys=str(keys),
        limits=LimitsConfig(
            timestamp_window_seconds=options.get("timestamp_window_seconds", 180),
            max_body_bytes=options.get("max_body_bytes", 1_048_576),
            cached_grants=options.get("cached_grants", 50_000),
        ),
    )
    return config, Layout(data=data, keys=keys, run=Path("run"), access_log=None)
