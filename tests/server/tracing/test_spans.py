"""What a span says, where it stands, and which exchanges get one."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode

from mandat.enforcement.access_log import LogLine
from mandat.server.tracing.sampling import is_wanted, place_of
from mandat.server.tracing.spans import make_span

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def line(**changes: object) -> LogLine:
    values: dict[str, object] = {
        "time": 1_700_000_000.25,
        "query_id": "EU.gw-1.6553f100.4711.9f86d081884c7d65",
        "address": "203.0.113.9",
        "method": "POST",
        "path": "/1.0/domain/zone",
        "status": 200,
        "seconds": 0.5,
        "upstream": "domain",
        "account": "aa1-mandat",
        "application": 7,
        "credential": 42,
    }
    return LogLine(**{**values, **changes})  # type: ignore[arg-type]


def span(**changes: object):  # type: ignore[no-untyped-def]
    return make_span(line(**changes), Resource({}), InstrumentationScope("mandat"))


def test_a_span_says_what_was_called_and_what_came_of_it() -> None:
    made = span()
    assert (made.name, made.kind, made.status.status_code) == ("POST", SpanKind.SERVER, StatusCode.UNSET)
    assert (made.start_time, made.end_time) == (1_700_000_000_250_000_000, 1_700_000_000_750_000_000)
    assert made.attributes == {
        "http.request.method": "POST",
        "url.path": "/1.0/domain/zone",
        "http.response.status_code": 200,
        "mandat.query_id": "EU.gw-1.6553f100.4711.9f86d081884c7d65",
        "mandat.upstream": "domain",
        "mandat.application": 7,
        "mandat.credential": 42,
    }


def test_a_refusal_is_no_failure_and_says_its_reason() -> None:
    made = span(status=403, reason="not_granted_call", details={"path": "/x"})
    assert made.status.status_code is StatusCode.UNSET
    assert made.attributes["mandat.reason"] == "not_granted_call"
    assert not {"error.type", "path", "details"} & set(made.attributes)


@pytest.mark.parametrize(("changes", "error"), [({"status": 502}, "502"), ({"is_cut_short": True}, None)])
def test_what_went_wrong_here_or_behind_is_a_failure(changes: dict[str, object], error: str | None) -> None:
    made = span(**changes)
    assert made.status.status_code is StatusCode.ERROR
    assert made.attributes.get("error.type") == error


@pytest.mark.parametrize("method", ["", "BREW", "get"])
def test_a_method_that_nobody_knows_does_not_name_a_span(method: str) -> None:
    made = span(method=method)
    assert (made.name, made.attributes["http.request.method"]) == ("HTTP", "_OTHER")


def test_a_call_of_a_trace_joins_it() -> None:
    made = span(trace=TRACE)
    assert made.context.trace_id == made.parent.trace_id == 0x4BF92F3577B34DA6A3CE929D0E0E4736
    assert made.parent.span_id == 0x00F067AA0BA902B7
    assert made.context.span_id not in {0, made.parent.span_id}


def test_a_call_of_no_trace_begins_one_that_its_query_id_leads_to() -> None:
    made = span()
    begun = hashlib.sha256(line().query_id.encode()).hexdigest()[:32]
    assert (f"{made.context.trace_id:032x}", made.parent) == (begun, None)


@pytest.mark.parametrize(("flags", "wanted"), [("01", True), ("00", False), ("03", True), ("02", False)])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_caller_decides_about_its_own_trace(flags: str, wanted: bool, share: float) -> None:
    assert is_wanted(line(trace=TRACE[:-2] + flags), share) is wanted


def test_of_other_calls_the_configured_share_is_wanted() -> None:
    lines = [line(query_id=f"EU.gw.{number}") for number in range(4_000)]
    assert [sum(is_wanted(each, share) for each in lines) for share in (0.0, 1.0)] == [0, 4_000]
    assert 300 < sum(is_wanted(each, 0.1) for each in lines) < 500


@given(st.text(min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_what_a_small_share_takes_a_larger_one_takes_too(query_id: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert is_wanted(line(query_id=query_id), low) <= is_wanted(line(query_id=query_id), high)
    assert place_of(line(query_id=query_id)) == place_of(line(query_id=query_id))
