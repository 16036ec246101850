"""Where the span of an exchange stands, and whether it is wanted. Pure.

A call that came with a `traceparent` belongs to that trace, and its caller has decided. Any other begins one: its ids
are taken from its query id, so that whoever has the query id finds the trace, and a line read twice is one span.
Source: W3C Trace Context; the share of traces as OpenTelemetry's TraceIdRatioBased counts it.
"""

from dataclasses import dataclass
from hashlib import sha256

from mandat.enforcement.access_log import LogLine

_SAMPLED = 0x01


@dataclass(frozen=True, slots=True)
class SpanPlace:
    """`trace_id` has 128 bits, the others 64. `parent_id` is None where the trace begins here."""

    trace_id: int
    span_id: int
    parent_id: int | None


def place_of(line: LogLine) -> SpanPlace:
    """The ids of the exchange's span."""
    digest = sha256(line.query_id.encode()).digest()
    span_id = int.from_bytes(digest[16:24])
    if line.trace:
        return SpanPlace(int(line.trace[3:35], 16), span_id, int(line.trace[36:52], 16))
    return SpanPlace(int.from_bytes(digest[:16]), span_id, None)


def is_wanted(line: LogLine, share: float) -> bool:
    """Whether the exchange gets a span.

    Args:
        line: the exchange.
        share: how many of the traces that begin here are wanted, 0 to 1.
    """
    if line.trace:
        return bool(int(line.trace[53:], 16) & _SAMPLED)
    return place_of(line).trace_id & 0xFFFF_FFFF_FFFF_FFFF < round(share * 2**64)
