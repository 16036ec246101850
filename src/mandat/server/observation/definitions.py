"""Every metric: its name, what it counts, its labels. Compared with docs/reference/metrics.md by a test.

No label ever takes a value that a caller chooses: no path, no account, no application.
"""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `together` says how the numbers of several processes become one."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    together: Literal["sum", "largest"] = "sum"


CALLS: Final = Metric("mandat_calls_total", "counter", "Exchanges by door and by how they ended.", ("door", "outcome"))
CALL_SECONDS: Final = Metric(
    "mandat_call_seconds", "histogram", "From the whole head of a request to the end of its answer.", ("door",)
)
CONNECTIONS: Final = Metric("mandat_connections", "gauge", "Open connections of callers.", ("door",))
UPSTREAM_SECONDS: Final = Metric(
    "mandat_upstream_seconds",
    "histogram",
    "From sending a request to the head of its answer.",
    ("upstream",),
)
UPSTREAM_ANSWERS: Final = Metric(
    "mandat_upstream_answers_total", "counter", "Answers of an upstream by class of status.", ("upstream", "status")
)
UPSTREAM_FAILURES: Final = Metric(
    "mandat_upstream_failures_total", "counter", "Requests without a whole answer.", ("upstream", "reason")
)
CACHE_ENTRIES: Final = Metric("mandat_cache_entries", "gauge", "Remembered by the doors of this node.", ("cache",))
CACHE_HITS: Final = Metric("mandat_cache_hits_total", "counter", "Found in memory.", ("cache",))
CACHE_MISSES: Final = Metric("mandat_cache_misses_total", "counter", "Looked for in storage.", ("cache",))
CACHE_EVICTIONS: Final = Metric("mandat_cache_evictions_total", "counter", "Forgotten for want of room.", ("cache",))
LOG_DROPPED: Final = Metric("mandat_access_log_dropped_total", "counter", "Lines that were never written.", ("door",))
USAGE_DROPPED: Final = Metric("mandat_usage_dropped_total", "counter", "Permitted calls not counted as use.", ("door",))
GRANTS_AGE: Final = Metric(
    "mandat_grants_age_seconds", "gauge", "How old the oldest door's knowledge of grants may be.", (), "largest"
)
AUTHORITY_EVENTS: Final = Metric(
    "mandat_authority_events_total", "counter", "What was written into history, by event.", ("event",)
)
PERMISSION_REQUESTS: Final = Metric(
    "mandat_permission_requests_total", "counter", "Requests for permission by outcome.", ("outcome",)
)
SPANS: Final = Metric("mandat_spans_total", "counter", "Spans of exchanges by what became of them.", ("outcome",))
PROCESSES: Final = Metric("mandat_processes", "gauge", "Processes that report.", ("role",))
READY: Final = Metric("mandat_ready", "gauge", "1 when /readyz answers 200, else 0.")
DEGRADED: Final = Metric("mandat_degraded", "gauge", "1 when /readyz says that the node does only a part of its work.")

METRICS: Final = {
    metric.name: metric
    for metric in (
        CALLS,
        CALL_SECONDS,
        CONNECTIONS,
        UPSTREAM_SECONDS,
        UPSTREAM_ANSWERS,
        UPSTREAM_FAILURES,
        CACHE_ENTRIES,
        CACHE_HITS,
        CACHE_MISSES,
        CACHE_EVICTIONS,
        LOG_DROPPED,
        USAGE_DROPPED,
        GRANTS_AGE,
        AUTHORITY_EVENTS,
        PERMISSION_REQUESTS,
        SPANS,
        PROCESSES,
        READY,
        DEGRADED,
    )
}
"""By name, in the order they are shown."""
