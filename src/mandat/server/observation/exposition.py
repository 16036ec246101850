"""The metrics of a node in the formats that Prometheus reads. How they are written is prometheus_client's work."""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from mandat.enforcement.counting.counters import BOUNDS_SECONDS
from mandat.server.observation import definitions
from mandat.server.observation.collected import Collected, Series
from mandat.server.observation.readiness import Readiness
from mandat.server.observation.report import Report, Spread

_BOUNDS = (*(str(bound) for bound in BOUNDS_SECONDS), "+Inf")


class NodeMetrics(Collector):
    """Reads `collected` when it is asked. `readiness` is what /readyz would answer."""

    def __init__(self, collected: Collected, readiness: Readiness) -> None:
        self._collected = collected
        self._readiness = readiness

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every metric, with those that have no numbers yet."""
        numbers = self._collected.numbers() | _about_the_node(self._collected.current(), self._readiness)
        spreads = self._collected.spreads()
        for metric in definitions.METRICS.values():
            if metric.kind == "histogram":
                yield _histogram(metric, spreads)
                continue
            family: CounterMetricFamily | GaugeMetricFamily
            if metric.kind == "counter":
                family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
            else:
                family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for (name, labels), value in numbers.items():
                if name == metric.name:
                    family.add_metric(labels, value)
            yield family


def expose(collected: Collected, readiness: Readiness, *, accept: str) -> tuple[bytes, str]:
    """The whole answer to a scrape and its content type. `accept` is the value of the Accept field."""
    registry = CollectorRegistry()
    registry.register(NodeMetrics(collected, readiness))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _about_the_node(reports: list[Report], readiness: Readiness) -> dict[Series, float]:
    told: dict[Series, float] = {
        (definitions.READY.name, ()): float(readiness.ready),
        (definitions.DEGRADED.name, ()): float(bool(readiness.degraded)),
    }
    for report in reports:
        series = (definitions.PROCESSES.name, (report.role,))
        told[series] = told.get(series, 0.0) + 1.0
    return told


def _histogram(metric: definitions.Metric, spreads: dict[Series, Spread]) -> Metric:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for (name, labels), spread in spreads.items():
        if name == metric.name:
            buckets = list(zip(_BOUNDS, accumulate(spread.counts), strict=True))
            family.add_metric(labels, buckets, spread.total_seconds)
    return family
