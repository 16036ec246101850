"""Decides who is calling, from where, and under which public address: what no unsigned header may decide alone.

The address of the peer counts, and what a trusted proxy says counts; a header from anybody else never does
(design.md 4). The Host header only *chooses* among configured public URLs, it never adds one.
Source: wire.md 13.7, threats.md bug list. Clients that sign without the port are `mandat.protocol.signature`'s matter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal
from urllib.parse import urlsplit

from mandat.enforcement.gateway.framing import FramingFault, Headers
from mandat.protocol.headers import CALLER_ADDRESS, PUBLIC_ORIGIN
from mandat.protocol.networks import Network, is_address_allowed, parse_address

_KNOWN_HOSTS_MAX: Final = 1_024
_KNOWN_CALLERS_MAX: Final = 4_096
_KNOWN_HOST_BYTES: Final = 256
_is_host: Final = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?").fullmatch
_FORWARDED: Final = frozenset((b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"))


@dataclass(frozen=True)
class Caller:
    """Where a call comes from.

    `address` is the text of an IP address; IPv4 in IPv6 is written as IPv4. `base_urls` are the origins the client may
    have signed, likeliest first. `public_origin` is the origin it used, when that is known to be one of ours, else "".
    """

    address: str
    base_urls: tuple[bytes, ...]
    public_origin: str

    @cached_property
    def lines(self) -> bytes:
        """What every upstream is told about it, as header lines with their ends."""
        origin = f"{PUBLIC_ORIGIN}: {self.public_origin}\r\n" if self.public_origin else ""
        return f"{CALLER_ADDRESS}: {self.address}\r\n{origin}".encode("latin-1")


def plain_address(text: str) -> str | None:
    """An IP address in its usual spelling, without zone; None when `text` is none."""
    address = parse_address(text.partition("%")[0])
    return None if address is None else str(address)


class CallerDesk:
    """Tells callers apart. One for a listener; holds no state but bounded tables of what was seen."""

    def __init__(
        self,
        public_urls: Sequence[str],
        trusted_proxies: Sequence[Network],
        *,
        scheme: Literal["http", "https"] = "http",
    ) -> None:
        """
        Args:
            public_urls: the configured origins.
            trusted_proxies: whose X-Forwarded-* count.
            scheme: how callers reach the listener. On "https" an http origin is never what they used; on "http" an
                https one may be, because a TLS front that is no trusted proxy may stand before it.
        """
        self._scheme = scheme
        self._origins = tuple(public_urls)
        self._reachable = tuple(url for url in public_urls if scheme == "http" or url.startswith("https:"))
        self._trusted = tuple(trusted_proxies)
        self._known_callers: dict[tuple[str, bytes], Caller] = {}
        self._known_hosts: dict[bytes, tuple[tuple[bytes, ...], str]] = {}

    def is_trusted(self, address: str) -> bool:
        """Whether a peer with this address is one of the configured proxies."""
        return is_address_allowed(address, self._trusted)

    def identify(self, peer: str, host: bytes, headers: Headers, *, is_proxy: bool) -> Caller | FramingFault:
        """The caller of one request.

        Args:
            peer: address of the other end of the connection.
            host: value of the one Host header.
            headers: all header fields, names in lower case.
            is_proxy: `is_trusted(peer)`, asked once for each connection.

        Returns:
            A FramingFault when a trusted proxy says something that cannot be understood in exactly one way.
        """
        if not is_proxy:
            return self._known_callers.get((peer, host)) or self._learn_caller(peer, host)
        said: dict[bytes, list[bytes]] = {}
        for name, value in headers:
            if name in _FORWARDED:
                said.setdefault(name, []).append(value)
        address = self._client_address(peer, b",".join(said.get(b"x-forwarded-for", [])))
        if address is None:
            return FramingFault("X-Forwarded-For names something that is no address")
        return self._behind_proxy(address, host, said)

    def _learn_caller(self, peer: str, host: bytes) -> Caller:
        """A caller without a proxy. The table may be filled by strangers, so it starts again when it is full."""
        base_urls, origin = self._by_host(host)
        caller = Caller(peer, base_urls, origin)
        if len(self._known_callers) >= _KNOWN_CALLERS_MAX:
            self._known_callers.clear()
        if len(host) <= _KNOWN_HOST_BYTES:
            self._known_callers[peer, host] = caller
        return caller

    def _by_host(self, host: bytes) -> tuple[tuple[bytes, ...], str]:
        known = self._known_hosts.get(host)
        if known is None:
            text = host.decode("latin-1").lower()
            own = [origin for origin in self._reachable if urlsplit(origin).netloc.lower() == text]
            known = _candidates([*own, *self._origins]), own[0] if own else ""
            if len(self._known_hosts) < _KNOWN_HOSTS_MAX:
                self._known_hosts[host] = known
        return known

    def _behind_proxy(self, address: str, host: bytes, said: dict[bytes, list[bytes]]) -> Caller | FramingFault:
        protos = said.get(b"x-forwarded-proto", [])
        hosts = said.get(b"x-forwarded-host", [])
        if len(protos) > 1 or len(hosts) > 1:
            return FramingFault("X-Forwarded-Proto and X-Forwarded-Host must have one value each")
        if not protos and not hosts:
            base_urls, origin = self._by_host(host)
            return Caller(address, base_urls, origin)
        scheme = protos[0].decode("latin-1").lower() if protos else self._scheme
        name = (hosts[0] if hosts else host).decode("latin-1").lower()
        origin = f"{scheme}://{name}"
        if scheme not in ("http", "https") or not _is_host(name):
            return FramingFault("X-Forwarded-Proto and X-Forwarded-Host must have one value each")
        return Caller(address, _candidates([origin, *self._origins]), origin)

    def _client_address(self, peer: str, forwarded: bytes) -> str | None:
        """The right-most entry that is not itself a trusted proxy; the left-most when all are. None: not an address."""
        address = peer
        for entry in reversed(forwarded.decode("latin-1").split(",") if forwarded else []):
            found = plain_address(_without_port(entry.strip()))
            if found is None:
                return None
            address = found
            if not self.is_trusted(found):
                break
        return address


def _candidates(origins: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(origin.encode("latin-1") for origin in origins))


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
