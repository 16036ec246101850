"""What all connections of one gateway worker share: settings, the decision, routes, upstreams, budget, log, time.

It decides nothing by itself; `client` uses it for each request. Source: design.md 8.
"""

from collections.abc import Callable
from typing import Protocol

from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.assertion import AssertionSigner
from mandat.enforcement.counting.counters import DoorCounters
from mandat.enforcement.gateway.batch import Batch
from mandat.enforcement.gateway.body import BufferBudget
from mandat.enforcement.gateway.caller import CallerDesk
from mandat.enforcement.gateway.identity import IdentityWriter
from mandat.enforcement.gateway.routes import RouteTable
from mandat.enforcement.gateway.upstream.call import LoopTime
from mandat.enforcement.gateway.upstream.pool import UpstreamPool
from mandat.enforcement.point import EnforcementPoint
from mandat.enforcement.query_ids import QueryIds
from mandat.enforcement.settings import GatewaySettings


class OpenConnection(Protocol):
    """A client's connection. `deadline` is on the loop's clock."""

    deadline: float

    @property
    def is_idle(self) -> bool:
        """Whether no exchange is under way."""

    @property
    def is_stream(self) -> bool:
        """Whether an event stream is under way, which ends only when somebody ends it."""

    def on_deadline(self) -> None:
        """The deadline has passed."""

    def close(self) -> None:
        """Close once everything is written."""

    def reset(self) -> None:
        """Break it at once."""


class Door:
    """One worker's shared state. `is_stopping` makes every answer that begins the last on its connection."""

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        point: EnforcementPoint,
        signer: AssertionSigner,
        access_log: AccessLog,
        routes: RouteTable,
        counters: DoorCounters,
        clock: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        """
        Args:
            settings: see `GatewaySettings`.
            point, signer, access_log, routes: made from the same settings, see `run`.
            counters: knows every upstream of the settings.
            clock: Unix seconds.
            entropy: random bytes; they only seed the query ids, which are unique but no secret.
        """
        self.settings = settings
        self.limits = settings.limits
        self.point = point
        self.routes = routes
        self.desk = CallerDesk(settings.public_urls, settings.trusted_proxies)
        self.identity = IdentityWriter(signer)
        self.budget = BufferBudget(settings.limits.buffer_bytes)
        self.access_log = access_log
        self.counters = counters
        self.clock = clock
        self.time = LoopTime()
        self.is_stopping = False
        self.batch = Batch(point.hold_freshness, point.release_freshness)
        self.connections: set[OpenConnection] = set()
        addresses = {upstream.address for upstream in (settings.authority, *settings.upstreams)}
        self.pools = {address: UpstreamPool(address, self.limits, self.time, self.batch) for address in addresses}
        self.new_query_id = QueryIds(settings.zone, settings.host_name, entropy).make

    def sweep(self, now: float) -> None:
        """Enforce every deadline; called regularly with the loop's time."""
        for connection in list(self.connections):
            if now > connection.deadline:
                connection.on_deadline()
        for pool in self.pools.values():
            pool.sweep(now)

    def close_pools(self) -> None:
        """Close all connections to upstreams."""
        for pool in self.pools.values():
            pool.close()
