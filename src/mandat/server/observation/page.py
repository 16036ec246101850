"""/metrics, /healthz and /readyz as an ASGI application, for whoever watches the node. Nothing else is here.

On a listener of its own, so that no path of an API behind the gateway is taken.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from ipaddress import ip_address
from typing import Any

import msgspec

from mandat.protocol.networks import Network
from mandat.server.observation.collected import Collected
from mandat.server.observation.exposition import expose
from mandat.server.observation.readiness import ReadinessCheck

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_JSON = "application/json"


class WatchPage:
    """See the module. `peers` may ask; with none given, whoever reaches the listener, which is loopback then."""

    def __init__(self, collected: Collected, readiness: ReadinessCheck, peers: Sequence[Network]) -> None:
        self._collected = collected
        self._readiness = readiness
        self._peers = peers

    async def __call__(self, scope: Scope, receive: object, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        status, body, content_type = await self._answer(scope)
        fields = [
            (b"content-type", content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status == 405:
            fields.append((b"allow", b"GET, HEAD"))
        await send({"type": "http.response.start", "status": status, "headers": fields})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope) -> tuple[int, bytes, str]:
        if not self._may_ask(scope.get("client")):
            return 403, b'{"message":"not one of metrics.trusted_peers"}', _JSON
        if scope["path"] not in ("/metrics", "/healthz", "/readyz"):
            return 404, b'{"message":"there is /metrics, /healthz and /readyz"}', _JSON
        if scope["method"] not in ("GET", "HEAD"):
            return 405, b'{"message":"only GET and HEAD"}', _JSON
        if scope["path"] == "/healthz":
            return 200, b'{"alive":true}', _JSON
        readiness = await self._readiness.look()
        if scope["path"] == "/readyz":
            return (200 if readiness.ready else 503), msgspec.json.encode(readiness), _JSON
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")
        body, content_type = expose(self._collected, readiness, accept=accept)
        return 200, body, content_type

    def _may_ask(self, client: tuple[str, int] | None) -> bool:
        if not self._peers:
            return True
        if client is None:
            return False
        address = ip_address(client[0])
        return any(address.version == network.version and address in network for network in self._peers)
