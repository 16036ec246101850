"""The configuration file: what can be set, what holds when nothing is set, and how mistakes are named.

TOML, read once per start or reload. Every key but `public_urls` has a default; every key has a heading in
docs/reference/configuration.md (a test compares the two). Relative paths are relative to the file.
"""

import difflib
import ipaddress
import tomllib
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from mandat.server.problems import Problem


class UpstreamConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One API behind the gateway: the calls below `prefix` go to `url`."""

    prefix: str
    url: str
    name: str = ""
    audience: str = ""
    encoded_slash: Literal["refuse", "opaque"] = "refuse"
    timeout_seconds: float = 30.0
    describes: bool = True


class TlsConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the gateway accepts TLS and what it shows there. All three or none."""

    listen: str = ""
    certificate: str = ""
    key: str = ""


class ForwardAuthConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where other people's proxies ask about calls, who may ask, and how they do. Off while `listen` is empty."""

    listen: str = ""
    trusted_peers: tuple[str, ...] = ()
    style: Literal["nginx", "caddy", "envoy", "traefik"] = "nginx"


class LimitsConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Bounds. Each is explained in docs/reference/configuration.md."""

    timestamp_window_seconds: int = 180
    max_body_bytes: int = 1_048_576
    body_budget_bytes: int = 67_108_864
    failures_burst: int = 1_000
    failures_per_second: float = 10.0
    pending_per_address: int = 2_000
    pending_per_application: int = 20_000
    pending_hours: int = 24
    cached_grants: int = 200_000


class LogConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the access log goes: a file, "-" for standard output, or "off"."""

    access: str = "log/access.jsonl"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file."""

    listen: str = "127.0.0.1:8700"
    public_urls: tuple[str, ...] = ()
    pages_url: str = ""
    name: str = "Mandat"
    marketplace_url: str = ""
    workers: int | Literal["auto"] = "auto"
    trusted_proxies: tuple[str, ...] = ()
    storage: str = "data"
    keys: str = "keys"
    run: str = "run"
    tls: TlsConfig = TlsConfig()
    forward_auth: ForwardAuthConfig = ForwardAuthConfig()
    limits: LimitsConfig = LimitsConfig()
    log: LogConfig = LogConfig()
    upstream: tuple[UpstreamConfig, ...] = ()

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return split_address(self.listen)


def split_address(text: str) -> tuple[str, int]:
    """Host, without brackets, and port of "HOST:PORT".

    Raises:
        ValueError: there is no port between 1 and 65535.
    """
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(text)
    return host.strip("[]"), int(port)


def load_config(path: Path) -> Config:
    """Reads and checks the file.

    Raises:
        Problem: the file is missing, is not TOML, has an unknown key (the nearest known one is named) or a bad value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Problem(f"There is no configuration file {path}; write one with `mandat init`.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise Problem(f"The configuration file {path} cannot be read: {fault}.") from None
    _refuse_unknown_keys(document, Config, where="")
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as fault:
        raise Problem(f"The configuration file {path} has a bad value: {fault}.") from None
    _check_values(config)
    return config


def _refuse_unknown_keys(document: dict[str, Any], kind: type[msgspec.Struct], *, where: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in document.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.0)
            raise Problem(f"Unknown configuration key {where}{key}; the nearest known key is {where}{near[0]}.")
        if key == "upstream" and isinstance(value, list):
            for index, entry in enumerate(value):
                if isinstance(entry, dict):
                    _refuse_unknown_keys(entry, UpstreamConfig, where=f"upstream[{index}].")
        elif isinstance(value, dict) and isinstance(fields[key], type) and issubclass(fields[key], msgspec.Struct):
            _refuse_unknown_keys(value, fields[key], where=f"{key}.")


def _check_values(config: Config) -> None:
    _check_listen("listen", config.listen)
    if not config.public_urls:
        raise Problem('public_urls is empty; list the addresses clients use, for example ["https://api.example.com"].')
    for url in (*config.public_urls, *([config.pages_url] if config.pages_url else [])):
        _check_origin(url)
    _check_networks("trusted_proxies", config.trusted_proxies)
    if isinstance(config.workers, int) and not 1 <= config.workers <= 256:
        raise Problem(f'workers = {config.workers} is out of range; use 1 to 256 or "auto".')
    _check_tls(config)
    _check_forward_auth(config)
    _check_limits(config.limits)
    _check_upstreams(config)


def _check_listen(key: str, text: str) -> None:
    try:
        split_address(text)
    except ValueError:
        raise Problem(f'{key} = "{text}" is not HOST:PORT; write for example "127.0.0.1:8700".') from None


def _check_tls(config: Config) -> None:
    values = msgspec.structs.asdict(config.tls)
    missing = [f"tls.{name}" for name, value in values.items() if not value]
    if len(missing) == len(values):
        return
    if missing:
        raise Problem(f"tls.listen, tls.certificate and tls.key belong together; {' and '.join(missing)} is missing.")
    _check_listen("tls.listen", config.tls.listen)
    if split_address(config.tls.listen) == config.listen_address:
        raise Problem("tls.listen and listen are the same address; give TLS a port of its own.")
    if not any(url.startswith("https://") for url in config.public_urls):
        raise Problem("tls.listen is set, but no address in public_urls begins with https://; add the one clients use.")


def _check_forward_auth(config: Config) -> None:
    asked = config.forward_auth
    _check_networks("forward_auth.trusted_peers", asked.trusted_peers)
    if not asked.listen:
        if asked.trusted_peers:
            raise Problem("forward_auth.trusted_peers is set, but forward_auth.listen is not; set both or none.")
        return
    _check_listen("forward_auth.listen", asked.listen)
    if not asked.trusted_peers:
        raise Problem(
            'forward_auth.trusted_peers is empty; list the addresses of the proxies that may ask, such as "127.0.0.1".'
        )
    if split_address(asked.listen) == config.listen_address or asked.listen == config.tls.listen:
        raise Problem("forward_auth.listen is taken by the gateway; give it a port of its own.")


def _check_networks(key: str, blocks: tuple[str, ...]) -> None:
    for block in blocks:
        try:
            ipaddress.ip_network(block, strict=False)
        except ValueError:
            raise Problem(f'{key} has "{block}", which is no address or network in CIDR form.') from None


def _check_limits(limits: LimitsConfig) -> None:
    if not 30 <= limits.timestamp_window_seconds <= 300:
        raise Problem("limits.timestamp_window_seconds must lie between 30 and 300.")
    for name in limits.__struct_fields__:
        if getattr(limits, name) <= 0:
            raise Problem(f"limits.{name} must be greater than 0.")


def _check_origin(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"} or parts.query:
        raise Problem(f'"{url}" in public_urls or pages_url must be scheme://host[:port] without a path.')


def _check_upstreams(config: Config) -> None:
    seen: set[str] = set()
    for upstream in config.upstream:
        if not upstream.prefix.startswith("/") or upstream.prefix.rstrip("/") != upstream.prefix:
            raise Problem(f'upstream.prefix = "{upstream.prefix}" must begin with "/" and not end with one.')
        if upstream.prefix in seen or upstream.prefix in {"/auth", "/me/api"}:
            raise Problem(f'upstream.prefix = "{upstream.prefix}" is taken already.')
        seen.add(upstream.prefix)
        parts = urlsplit(upstream.url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
            raise Problem(f'upstream.url = "{upstream.url}" must be http://host[:port] without a path.')
        if upstream.timeout_seconds <= 0:
            raise Problem("upstream.timeout_seconds must be greater than 0.")
