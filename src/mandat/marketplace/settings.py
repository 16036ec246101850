"""What the marketplace is told at its start."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from mandat.client import ENDPOINTS, ConfigurationFault, base_url
from mandat.marketplace.problems import StartRefused


@dataclass(frozen=True, slots=True)
class MarketplaceSettings:
    """Settings of one marketplace.

    Attributes:
        folder: its data: database, journal, key file. Made when it does not exist.
        database: "postgresql://USER@HOST/NAME" for one that several marketplaces share, each with a folder of its own
            and the same key file in it; None for SQLite in the folder.
        endpoint: the provider: a name such as "ovh-eu", or a URL such as "http://127.0.0.1:8700/1.0".
        host, port: where it listens.
        public_url: scheme, host and port under which browsers reach it, no path. None: http://localhost:PORT.
        setup_code: what the developer has to type before pasting keys. None: none is needed while it listens on
            loopback and has no keys yet.
        new_setup_code: make a setup code at this start and print it, as happens anyway when it listens beyond loopback.
            The way to replace keys.
        dns_server: "HOST:PORT" of the name server to put into `dig` lines; None leaves it to the resolver.
        rights_url: the provider's page where customers take rights back; None: it is described in words only.
        repeats_safely: the provider honours `Idempotency-Key`. None: yes, unless it is one of OVHcloud's own.
        trusted_proxies: addresses of reverse proxies whose X-Forwarded-For counts.
    """

    folder: Path
    endpoint: str
    host: str = "127.0.0.1"
    port: int = 8701
    public_url: str | None = None
    setup_code: str | None = None
    new_setup_code: bool = False
    dns_server: str | None = None
    rights_url: str | None = None
    repeats_safely: bool | None = None
    trusted_proxies: tuple[str, ...] = ()
    database: str | None = field(default=None, repr=False)

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    def origin(self) -> str:
        """The public scheme, host and port.

        Raises:
            StartRefused: `public_url` is no such thing, or is missing where it cannot be guessed.
        """
        if self.public_url is None:
            if not self.on_loopback:
                raise StartRefused(
                    "The marketplace listens beyond this machine: give the public URL that browsers reach it under,"
                    " because customers are sent back there."
                )
            return f"http://localhost:{self.port}"
        try:
            parts = urlsplit(self.public_url)
            fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) and not parts.username
        except ValueError:
            fits = False
        if not fits or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise StartRefused(
                f'The public URL "{self.public_url}" must be scheme and host such as https://shop.example, no path.'
            )
        return f"{parts.scheme}://{parts.netloc.lower()}"

    def base(self) -> str:
        """The endpoint as a URL with version.

        Raises:
            StartRefused: it is neither a known name nor a URL.
        """
        try:
            return base_url(self.endpoint)
        except ConfigurationFault as fault:
            raise StartRefused(str(fault)) from None

    def may_repeat(self) -> bool:
        """Whether a write whose answer was lost may be sent again."""
        return self.base() not in ENDPOINTS.values() if self.repeats_safely is None else self.repeats_safely


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
