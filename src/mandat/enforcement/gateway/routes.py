"""Decides who answers a path: the gateway itself, an open route of the authority, or a judged call and its upstream.

Open routes are exact (method, path) pairs; a judged call is routed only after it was permitted, by the longest prefix
of whole segments below the API version. Source: design.md 2, wire.md 13.4, 13.11 and 13.13.
"""

from collections.abc import Iterable
from enum import Enum
from typing import Final

from mandat.enforcement.settings import API_VERSIONS, AUTHORITY_PREFIXES, Upstream
from mandat.protocol.target import CanonicalTarget

JWKS_PATH: Final = b"/.well-known/mandat/jwks.json"
_TIME_PATHS: Final = (b"/1.0/auth/time", b"/v1/auth/time")
_API_ROOTS: Final = frozenset(version.encode() for version in API_VERSIONS)
_API_STARTS: Final = tuple(f"{version}/".encode() for version in API_VERSIONS)


class Kind(Enum):
    """What becomes of a request, before anything is judged."""

    JUDGED = "judged"
    OPEN = "open"
    TIME = "time"
    JWKS = "jwks"
    UNKNOWN = "unknown"


# Bound once: looking up a member on its class costs 70 ns in Python 3.11.
_JUDGED, _UNKNOWN = Kind.JUDGED, Kind.UNKNOWN


def is_api_path(path: bytes) -> bool:
    """Whether a path carries the API, and so is open to scripts of any origin."""
    return path.startswith(_API_STARTS) or path in _API_ROOTS


class RouteTable:
    """All routes of a gateway. Immutable. Upstreams are tried by longest prefix, the authority's among them."""

    def __init__(
        self, authority: Upstream, upstreams: Iterable[Upstream], open_routes: Iterable[tuple[str, str]]
    ) -> None:
        kinds = {(method.encode(), path.encode()): Kind.OPEN for method, path in open_routes}
        kinds.update({(b"GET", path): Kind.TIME for path in _TIME_PATHS})
        kinds[b"GET", JWKS_PATH] = Kind.JWKS
        heads = {(b"HEAD", path): kind for (method, path), kind in kinds.items() if method == b"GET"}
        self._kinds: dict[tuple[bytes, bytes], Kind] = heads | kinds
        owners = {upstream.prefix: upstream for upstream in upstreams}
        owners.update(dict.fromkeys(AUTHORITY_PREFIXES, authority))
        longest_first = sorted(owners.items(), key=lambda owner: -len(owner[0]))
        self._owners = [(prefix, f"{prefix}/", upstream) for prefix, upstream in longest_first]

    def kind(self, method: bytes, path: bytes) -> Kind:
        """What becomes of this request. `path` is the raw target up to the question mark."""
        found = self._kinds.get((method, path))
        if found is not None:
            return found
        return _JUDGED if path.startswith(_API_STARTS) else _UNKNOWN

    def open_methods(self, path: bytes) -> list[str]:
        """The methods of the routes that need no decision, in a stable order. Empty: no such route."""
        return sorted(method.decode() for method, known in self._kinds if known == path)

    def find_upstream(self, target: CanonicalTarget) -> Upstream | None:
        """Who answers a permitted call. None: nobody (404)."""
        path = target.opaque
        for prefix, below, upstream in self._owners:
            if path.startswith(below) or path == prefix:
                return upstream
        return None

    def opaque_prefixes(self) -> tuple[str, ...]:
        """The prefixes below which `%2F` is one segment's text, not a slash."""
        return tuple(prefix for prefix, _, upstream in self._owners if upstream.encoded_slash == "opaque")
