"""What the configuration of every proxy is filled from, and the header fields that none of them may pass on."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mandat.enforcement.doors.refusing import CORS_FIELDS, DROPPED_ANSWERS, SANDBOX
from mandat.enforcement.settings import AUTHORITY_PREFIXES
from mandat.protocol.headers import (
    ACCOUNT,
    APPLICATION_ID,
    ASSERTION,
    CALLER_ADDRESS,
    CREDENTIAL_ID,
    PUBLIC_ORIGIN,
    QUERY_ID,
)
from mandat.server.configuration.addresses import split_address
from mandat.server.configuration.reading import Config
from mandat.server.problems import Problem

COPIED: Final = (ACCOUNT, APPLICATION_ID, CREDENTIAL_ID, CALLER_ADDRESS, PUBLIC_ORIGIN, ASSERTION, QUERY_ID)
"""What the proxy copies from a permit to the call."""

DROPPED: Final = (
    "X-Ovh-Application",
    "X-Ovh-Consumer",
    "X-Ovh-Timestamp",
    "X-Ovh-Signature",
    "X-Ovh-Session",
    "X-Ovh-Batch",
    "Cookie",
    "Authorization",
    "Proxy-Authorization",
    "Forwarded",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Forwarded-Port",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Original-URL",
    "X-Original-URI",
    "X-Original-Method",
    "X-Original-Host",
    "X-Original-Body",
    "X-Rewrite-URL",
    "X-HTTP-Method",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "X-Remote-User",
    "Remote-User",
)
"""What no upstream may get from a caller: proof of identity, and ways to name another method, URL or origin.
The gateway drops by pattern (`enforcement.gateway.headers`); most proxies can only drop by name."""

ANSWERED: Final = (*CORS_FIELDS, *SANDBOX)
"""What the proxy says itself in every answer of an API, whatever the API said of it."""

HIDDEN: Final = (*DROPPED_ANSWERS, *(name for name, _ in CORS_FIELDS), "Access-Control-Allow-Credentials")
"""What of an API's answer no caller gets."""

_ALL_ADDRESSES: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 compared, not bound

VERSIONS: Final = r"(1\.0|v1)"


@dataclass(frozen=True, slots=True)
class Api:
    """One API behind the proxy: calls whose path matches `pattern` go to `server` ("host:port")."""

    name: str
    prefix: str
    server: str

    @property
    def pattern(self) -> str:
        """A regular expression for the start of a path, up to the end of the prefix. `/v2` stays in front."""
        prefix = re.escape(self.prefix)
        return prefix if prefix.startswith("/v2") else f"/{VERSIONS}{prefix}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server by the name that the proxy's configuration gives it."""

    name: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """Who is where, each as "host:port". `apis` longest prefix first."""

    listen: str
    gateway: str
    asked: str
    apis: tuple[Api, ...]
    max_body_bytes: int

    @property
    def listen_host(self) -> str:
        """The host of `listen`, without brackets."""
        return split_address(self.listen)[0]

    @property
    def listen_port(self) -> int:
        """The port of `listen`."""
        return split_address(self.listen)[1]

    @property
    def bound_host(self) -> str:
        """The host of `listen`; empty when that is all addresses."""
        return "" if self.listen_host in _ALL_ADDRESSES else self.listen_host

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Everything the proxy connects to."""
        servers = [("mandat_gateway", self.gateway), ("mandat_asked", self.asked)]
        servers += [(f"mandat_api_{api.name}", api.server) for api in self.apis]
        return tuple(Cluster(name, *split_address(server)) for name, server in servers)

    @property
    def own_pattern(self) -> str:
        """A regular expression for the start of what only the gateway answers, though an API's prefix may cover it."""
        return f"/{VERSIONS}({'|'.join(map(re.escape, AUTHORITY_PREFIXES))})"


def deployment_of(config: Config, *, listen: str, style: str) -> Deployment:
    """What `config` means to a proxy that listens on `listen`.

    Raises:
        Problem: forward-auth is off, answers another proxy, or there is no API to protect.
    """
    if not config.forward_auth.listen:
        raise Problem("forward_auth.listen is not set; give the listener that the proxy is to ask an address first.")
    if config.forward_auth.style != style:
        raise Problem(f'forward_auth.style is "{config.forward_auth.style}"; set it to "{style}" for this proxy.')
    if not config.upstream:
        raise Problem("There is no [[upstream]]; add the APIs that stand behind the proxy.")
    try:
        split_address(listen)
    except ValueError:
        raise Problem(f'--listen "{listen}" is not HOST:PORT; write for example "0.0.0.0:80".') from None
    apis: list[Api] = []
    for upstream in config.upstream:
        # Names of blocks, matchers and clusters: letters, digits and underscores suit every proxy.
        name = re.sub("[^A-Za-z0-9]", "_", upstream.name or upstream.prefix.strip("/"))
        if any(api.name == name for api in apis):
            name = f"{name}_{len(apis)}"
        apis.append(Api(name=name, prefix=upstream.prefix, server=_server(upstream.url)))
    return Deployment(
        listen=listen,
        gateway=_reachable(config.listen),
        asked=_reachable(config.forward_auth.listen),
        apis=tuple(sorted(apis, key=lambda api: -len(api.prefix))),
        max_body_bytes=config.limits.max_body_bytes,
    )


def _server(url: str) -> str:
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or 80}"


def _reachable(listen: str) -> str:
    """An address to connect to: a listener on all addresses is reached on loopback."""
    host, port = split_address(listen)
    host = _ALL_ADDRESSES.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
