"""A real gateway, and a collector that gets a span of each of its exchanges."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from doubles.collector import Collector, attributes, collecting
from mandat.server.tracing.sampling import is_wanted, place_of
from support.front import CONSUMER_KEY, Fronted, fronted
from support.installed import APPLICATION_KEY, SECRET
from support.ports import free_ports
from support.serving import configuration, serve_to_the_end
from support.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("tracing")]

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-"
MORE = """[tracing]
endpoint = "{endpoint}"
sample = {sample}
[forward_auth]
listen = "127.0.0.1:THIRD"
trusted_peers = ["127.0.0.1"]
"""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Fronted]:
    more = MORE.format(endpoint=collector.endpoint, sample=1.0)
    with fronted(tmp_path_factory.mktemp("node"), "GET /notes", "POST /notes", more=more) as running:
        yield running


def span_of(collector: Collector, answer: httpx2.Response) -> Span:
    query_id = answer.headers["x-ovh-queryid"]
    return wait_for(lambda: collector.by_query_id().get(query_id), what=f"the span of {query_id}")


def reload(front: Fronted) -> None:
    def count() -> int:
        return sum(event["event"] == "reloaded" for event in front.mandat.events())

    before = count()
    front.mandat.process.send_signal(signal.SIGHUP)
    wait_for(lambda: count() > before, what="the reload", seconds=60)


def test_every_exchange_has_a_span_and_none_holds_a_secret(front: Fronted, collector: Collector) -> None:
    permitted = front.call("POST", "/1.0/notes?token=hidden", b'{"text":"private words"}')
    refused = front.call("DELETE", "/1.0/notes")
    own = httpx2.get(f"{front.origin}/1.0/auth/time")
    assert [each.status_code for each in (permitted, refused, own)] == [200, 403, 200]
    said = attributes(span_of(collector, permitted))
    assert {name: said[name] for name in ("http.request.method", "url.path", "mandat.upstream")} == {
        "http.request.method": "POST",
        "url.path": "/1.0/notes",
        "mandat.upstream": "notes",
    }
    assert said["mandat.application"] > 0
    assert said["mandat.credential"] > 0
    assert attributes(span_of(collector, refused))["mandat.reason"] == "not_granted_call"
    assert attributes(span_of(collector, own))["http.response.status_code"] == 200
    assert collector.paths == {"/v1/traces"}
    sent = b"".join(collector.texts)
    told = (APPLICATION_KEY, SECRET, CONSUMER_KEY, "hidden", "private words", "ab1-notes", "127.0.0.1")
    assert [word for word in told if word.encode() in sent] == []


def test_a_call_that_is_traced_joins_its_trace_at_both_doors(front: Fronted, collector: Collector) -> None:
    def asked(flags: str) -> dict[str, str]:
        return front.signed("GET", "/1.0/notes") | {"traceparent": TRACE + flags}

    unwanted = httpx2.get(f"{front.origin}/1.0/notes", headers=asked("00"))
    joined = httpx2.get(f"{front.origin}/1.0/notes", headers=asked("01"))
    fields = {
        "X-Original-Method": "GET",
        "X-Original-URI": "/1.0/notes",
        "X-Original-Host": f"127.0.0.1:{front.first}",
        "X-Original-Body": "length=;coding=",
        "X-Forwarded-For": "192.0.2.7",
    }
    by_proxy = httpx2.get(f"http://127.0.0.1:{front.third}/", headers=asked("01") | fields)
    for answer in (joined, by_proxy):
        found = span_of(collector, answer)
        assert (found.trace_id.hex(), found.parent_span_id.hex()) == (TRACE[3:35], TRACE[36:52])
    assert unwanted.headers["x-ovh-queryid"] not in collector.by_query_id()
    assert front.upstream.requests[-1].get("traceparent") == TRACE + "01"


def test_over_a_rotation_no_span_is_missing_and_none_comes_twice(front: Fronted, collector: Collector) -> None:
    log = front.mandat.config.parent / "log" / "access.jsonl"
    before = [httpx2.get(f"{front.origin}/1.0/auth/time") for _ in range(5)]
    log.rename(log.with_name("access.jsonl.1"))
    between = [httpx2.get(f"{front.origin}/1.0/auth/time") for _ in range(5)]
    reload(front)
    after = [httpx2.get(f"{front.origin}/1.0/auth/time") for _ in range(5)]
    assert log.exists()
    for answer in (*before, *between, *after):
        span_of(collector, answer)


def test_without_the_collector_calls_go_on_spans_are_lost_and_both_are_said(
    front: Fronted, collector: Collector
) -> None:
    def metric(outcome: str) -> float:
        text = httpx2.get(f"{front.watch}/metrics").text
        return float(text.partition(f'mandat_spans_total{{outcome="{outcome}"}} ')[2].partition("\n")[0] or 0)

    def said(event: str) -> list[dict[str, object]]:
        return [each for each in front.mandat.events() if each["event"] == event]

    collector.status = 401
    try:
        lost = front.call("GET", "/1.0/notes")
        assert lost.status_code == 200
        wait_for(lambda: metric("lost") == 1, what="the lost span in the metrics")
        (warning,) = said("spans are lost")
        assert (warning["lost_so_far"], "401" in str(warning["why"])) == (1, True)
    finally:
        collector.status = 200
    span_of(collector, front.call("GET", "/1.0/notes"))
    wait_for(lambda: said("the collector takes spans again"), what="the good news")
    assert lost.headers["x-ovh-queryid"] not in collector.by_query_id()
    wait_for(lambda: metric("sent") == len(collector.spans), what="the sent spans in the metrics")


def test_the_last_spans_are_sent_when_mandat_is_stopped(tmp_path: Path) -> None:
    with collecting() as last:
        more = MORE.format(endpoint=last.endpoint, sample=0.5)
        with fronted(tmp_path / "node", "GET /notes", more=more) as front:
            for _ in range(20):
                httpx2.get(f"{front.origin}/1.0/auth/time")
        lines = logged(front.mandat.config.parent / "log" / "access.jsonl")
        wanted = {line.query_id: place_of(line).trace_id for line in lines if is_wanted(line, 0.5)}
        sent = {query_id: int.from_bytes(span.trace_id) for query_id, span in last.by_query_id().items()}
        assert sent == wanted
        assert 0 < len(wanted) < 20


def logged(log: Path):  # type: ignore[no-untyped-def]
    import msgspec

    from mandat.enforcement.access_log import LogLine

    return msgspec.json.Decoder(LogLine).decode_lines(log.read_bytes())


def test_without_the_extra_a_start_is_refused_with_the_command_that_installs_it(tmp_path: Path) -> None:
    missing = tmp_path / "missing" / "opentelemetry"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ModuleNotFoundError(name=__name__)\n")
    config = configuration(tmp_path / "node", free_ports(1), more='[tracing]\nendpoint = "http://127.0.0.1:9"\n')
    ended = serve_to_the_end(config, environment={"PYTHONPATH": str(missing.parent)})
    assert ended.returncode == 1
    assert "run `pip install 'mandat[tracing]'`" in ended.stderr
    assert "Traceback" not in ended.stderr
