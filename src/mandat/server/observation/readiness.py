"""Whether this node can do its work now: what /readyz answers, from the processes' reports and a look at the APIs.

Ready means: nobody is about to stop the node; gateways and the authority report; every door that reports could read
grants within the freshness bound; at least one API takes connections, if there are any; and Redis answers, where every
call would be refused without it. Where only writes would be, the node stays ready and says that it is degraded: all
nodes share that server, so they would leave together and take the reads along. What the answer says names no address
and no error text.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from mandat.enforcement.settings import TcpAddress, UnixAddress, parse_address
from mandat.server.observation.collected import Collected
from mandat.server.observation.report import RedisNeed, Report

CONNECT_SECONDS: Final = 1.0
KEPT_SECONDS: Final = 2.0
"""So often at most are the APIs and Redis tried, however often somebody asks."""

OK: Final = "ok"

_NEEDS: Final[tuple[RedisNeed, ...]] = ("none", "nothing", "writes", "calls")
"""In the order in which more is missing."""

_WITHOUT_REDIS: Final[dict[RedisNeed, str]] = {
    "nothing": "does not answer: each node remembers and counts for itself",
    "writes": "does not answer: writes are refused",
}


class Readiness(msgspec.Struct, frozen=True):
    """`checks` has "ok" or a few words for each check; `upstreams` says of each API whether it takes connections.

    `degraded` has a few words for each thing that a ready node does without; empty when nothing is amiss.
    """

    ready: bool
    checks: dict[str, str]
    upstreams: dict[str, str]
    degraded: dict[str, str]


class ReadinessCheck:
    """Asks and remembers."""

    def __init__(
        self,
        collected: Collected,
        clock: Callable[[], float],
        *,
        is_leaving: Callable[[], bool],
        redis_answers: Callable[[], Awaitable[bool]],
    ) -> None:
        """
        Args:
            collected: what the processes report.
            clock: seconds that never run backwards.
            is_leaving: whether the node is to be stopped.
            redis_answers: whether the shared server does; asked only while some process uses one.
        """
        self._redis_answers = redis_answers
        self._redis: tuple[float, bool] | None = None
        self._collected = collected
        self._clock = clock
        self._is_leaving = is_leaving
        self._tried: dict[str, bool] = {}
        self._tried_at = float("-inf")
        self._trying = asyncio.Lock()

    async def look(self) -> Readiness:
        """How it is now."""
        reports = self._collected.current()
        upstreams = dict(upstream for report in reports for upstream in report.upstreams)
        await self._try(set(upstreams.values()))
        reachable = {name: self._tried.get(address, False) for name, address in sorted(upstreams.items())}
        checks = {
            "node": OK if not self._is_leaving() else "is about to leave",
            "gateways": _reporting(reports, "gateway"),
            "authority": _reporting(reports, "authority"),
            "grants": _fresh(reports),
            "upstreams": OK if not reachable or any(reachable.values()) else "none takes connections",
        }
        degraded = {}
        need: RedisNeed = max((report.redis for report in reports), key=_NEEDS.index, default="none")
        if need != "none":
            is_there = await self._try_redis()
            if need == "calls":
                checks["redis"] = OK if is_there else "does not answer: every call is refused"
            elif not is_there:
                degraded["redis"] = _WITHOUT_REDIS[need]
        told = {name: "reachable" if is_reachable else "unreachable" for name, is_reachable in reachable.items()}
        return Readiness(all(check == OK for check in checks.values()), checks, told, degraded)

    async def _try_redis(self) -> bool:
        async with self._trying:
            if self._redis is None or self._clock() - self._redis[0] > KEPT_SECONDS:
                self._redis = self._clock(), await self._redis_answers()
            return self._redis[1]

    async def _try(self, addresses: set[str]) -> None:
        async with self._trying:
            if self._clock() - self._tried_at <= KEPT_SECONDS and addresses <= self._tried.keys():
                return
            order = list(addresses)
            outcomes = await asyncio.gather(*(_takes_connections(address) for address in order))
            self._tried = dict(zip(order, outcomes, strict=True))
            self._tried_at = self._clock()


def _reporting(reports: list[Report], role: str) -> str:
    return OK if any(report.role == role for report in reports) else "none reports"


def _fresh(reports: list[Report]) -> str:
    stale = sum(not report.is_fresh for report in reports)
    return OK if not stale else f"{stale} of {len(reports)} processes cannot read them"


async def _takes_connections(address: str) -> bool:
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            match parse_address(address):
                case UnixAddress(path):
                    _, writer = await asyncio.open_unix_connection(path)
                case TcpAddress(host, port):
                    _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
