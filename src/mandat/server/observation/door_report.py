"""The report of a process that calls go through. Imports nothing that a gateway may not."""

from collections.abc import Iterator
from dataclasses import dataclass

from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.counting.counters import DoorCounters, Durations
from mandat.enforcement.counting.statistics import CacheStatistics, ObservedSource
from mandat.enforcement.counting.usage import UsageSender
from mandat.enforcement.settings import GatewaySettings
from mandat.server.observation import definitions
from mandat.server.observation.definitions import Metric
from mandat.server.observation.report import Number, RedisNeed, Report, Spread


@dataclass(frozen=True, slots=True)
class ObservedDoor:
    """One door of one process, and what it stands on. `door` is the label: "gateway" or "forward_auth"."""

    door: str
    settings: GatewaySettings
    counters: DoorCounters
    source: ObservedSource
    usage: UsageSender
    access_log: AccessLog
    redis: RedisNeed

    def report(self) -> Report:
        """How it is doing now."""
        statistics = self.source.statistics()
        numbers = [
            *self._own_numbers(),
            *self._upstream_numbers(),
            *_cache_numbers("grants", statistics.grants),
            *_cache_numbers("applications", statistics.applications),
            # Before the first look there is no number; an infinite one is no JSON.
            Number(definitions.GRANTS_AGE.name, (), min(statistics.age_seconds, 1e9)),
        ]
        spreads = [_spread(definitions.CALL_SECONDS, self.door, self.counters.durations)]
        for name, upstream in self.counters.upstreams.items():
            spreads.append(_spread(definitions.UPSTREAM_SECONDS, name, upstream.durations))
        upstreams = [(upstream.name, upstream.address) for upstream in self.settings.upstreams]
        return Report(self.door, numbers, spreads, statistics.is_fresh, upstreams, self.redis)

    def _own_numbers(self) -> Iterator[Number]:
        for outcome, count in self.counters.outcomes.items():
            yield Number(definitions.CALLS.name, (self.door, outcome), count)
        yield Number(definitions.CONNECTIONS.name, (self.door,), len(self.counters.connections))
        yield Number(definitions.LOG_DROPPED.name, (self.door,), self.access_log.dropped)
        yield Number(definitions.USAGE_DROPPED.name, (self.door,), self.usage.dropped)

    def _upstream_numbers(self) -> Iterator[Number]:
        for name, upstream in self.counters.upstreams.items():
            for hundreds in range(2, 6):
                answers = upstream.statuses[hundreds]
                yield Number(definitions.UPSTREAM_ANSWERS.name, (name, f"{hundreds}xx"), answers)
            yield Number(
                definitions.UPSTREAM_ANSWERS.name, (name, "other"), sum(upstream.statuses) - sum(upstream.statuses[2:6])
            )
            for reason, count in upstream.failures.items():
                yield Number(definitions.UPSTREAM_FAILURES.name, (name, reason), count)


def _cache_numbers(cache: str, statistics: CacheStatistics) -> Iterator[Number]:
    yield Number(definitions.CACHE_ENTRIES.name, (cache,), statistics.entries)
    yield Number(definitions.CACHE_HITS.name, (cache,), statistics.hits)
    yield Number(definitions.CACHE_MISSES.name, (cache,), statistics.loads)
    yield Number(definitions.CACHE_EVICTIONS.name, (cache,), statistics.evictions)


def _spread(metric: Metric, label: str, durations: Durations) -> Spread:
    return Spread(metric.name, (label,), tuple(durations.counts), durations.total_seconds)
