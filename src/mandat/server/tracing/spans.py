"""Makes spans of lines of the access log and sends them to a collector by OTLP over HTTP.

Names of attributes are OpenTelemetry's for HTTP servers, and `mandat.` for what only Mandat knows. No query string, key
or body: a line has none. No address and no account either: they are nobody's business who looks at traces. The only
module that imports opentelemetry, which is the extra `tracing`.
"""

import logging
import socket
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from mandat.enforcement.access_log import LogLine
from mandat.server.tracing.sampling import place_of

EXPORT_SECONDS: Final = 4.0
"""For one batch, repetitions included."""

_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OTHER_METHOD: Final = "_OTHER"
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class SpanSender:
    """Sends batches, one at a time; `send` blocks."""

    def __init__(self, endpoint: str) -> None:
        """`endpoint` is the collector's address without `/v1/traces`."""
        self._words = _LastWords()
        self._is_closed = False
        self._exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
        self._resource = Resource.create({"service.name": "mandat", "service.instance.id": socket.gethostname()})
        self._scope = InstrumentationScope("mandat", version("mandat"))

    def send(self, lines: Sequence[LogLine]) -> str | None:
        """One span for each line. None when the collector took them, else why it did not."""
        if self._is_closed:
            return "the collector did not take them before Mandat was stopped"
        spans = [make_span(line, self._resource, self._scope) for line in lines]
        self._words.text = ""
        if self._exporter.export(spans) is SpanExportResult.SUCCESS:
            return None
        return self._words.text or "it does not say why"

    def close(self) -> None:
        """Gives up waiting for a collector that does not answer. What is sent from now on is lost."""
        self._is_closed = True
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def make_span(line: LogLine, resource: Resource, scope: InstrumentationScope) -> ReadableSpan:
    """The span of one exchange; `resource` and `scope` say who made it."""
    place = place_of(line)
    is_failure = line.status >= 500 or line.is_cut_short
    # Rounded to microseconds: that is as much as a line can hold of the time.
    start = round(line.time * 1e6) * 1_000
    method = line.method if line.method in _METHODS else _OTHER_METHOD
    return ReadableSpan(
        name=method if method != _OTHER_METHOD else "HTTP",
        context=SpanContext(place.trace_id, place.span_id, is_remote=False, trace_flags=_SAMPLED),
        parent=None if place.parent_id is None else SpanContext(place.trace_id, place.parent_id, is_remote=True),
        resource=resource,
        attributes={name: value for name, value in _attributes(line, method).items() if value},
        kind=SpanKind.SERVER,
        status=Status(StatusCode.ERROR) if is_failure else Status(),
        start_time=start,
        end_time=start + round(line.seconds * 1e6) * 1_000,
        instrumentation_scope=scope,
    )


def _attributes(line: LogLine, method: str) -> dict[str, str | int | bool]:
    return {
        "http.request.method": method,
        "url.path": line.path,
        "http.response.status_code": line.status,
        "error.type": str(line.status) if line.status >= 500 else "",
        "mandat.query_id": line.query_id,
        "mandat.reason": line.reason,
        "mandat.upstream": line.upstream,
        "mandat.application": line.application,
        "mandat.credential": line.credential,
        "mandat.is_cut_short": line.is_cut_short,
    }


class _LastWords(logging.Handler):
    """Keeps what the exporter says first, instead of returning it, and keeps it from being logged for every batch."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""
        speaker = logging.getLogger("opentelemetry")
        speaker.handlers[:], speaker.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        self.text = self.text or record.getMessage()
