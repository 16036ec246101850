"""A running node as somebody sees it who watches it: /metrics, /healthz, /readyz."""

import asyncio
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mandat.enforcement.counting.counters import OUTCOMES
from mandat.server.observation.definitions import METRICS
from support.front import CONSUMER_KEY, Fronted, fronted
from support.installed import APPLICATION_KEY, SECRET, grant
from support.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("watching")]
ASKED = """[tracing]
endpoint = "http://127.0.0.1:9"
[forward_auth]
listen = "127.0.0.1:THIRD"
trusted_peers = ["127.0.0.1"]
"""
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    with fronted(tmp_path_factory.mktemp("node"), "GET /notes", "POST /notes", more=ASKED) as running:
        yield running


def text_of(front: Fronted) -> str:
    answer = httpx2.get(f"{front.watch}/metrics")
    assert answer.status_code == 200
    return answer.text


def value(front: Fronted, name: str, **labels: str) -> float | None:
    for family in text_string_to_metric_families(text_of(front)):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def until(front: Fronted, expected: float, name: str, **labels: str) -> None:
    wait_for(lambda: value(front, name, **labels) == expected, what=f"{name} {labels} to be {expected}")


def outcome(front: Fronted, name: str) -> float:
    return value(front, "mandat_calls_total", door="gateway", outcome=name) or 0.0


def test_the_node_is_alive_and_ready(front: Fronted) -> None:
    assert httpx2.get(f"{front.watch}/healthz").json() == {"alive": True}
    wait_for(lambda: httpx2.get(f"{front.watch}/readyz").status_code == 200, what="readiness")
    checks = dict.fromkeys(("node", "gateways", "authority", "grants", "upstreams"), "ok")
    assert httpx2.get(f"{front.watch}/readyz").json() == {
        "ready": True,
        "checks": checks,
        "upstreams": {"notes": "reachable"},
        "degraded": {},
    }
    assert value(front, "mandat_ready") == 1


def test_calls_are_counted_by_how_they_ended_whichever_worker_they_met(front: Fronted) -> None:
    permitted, refused, replayed = (outcome(front, name) for name in ("permitted", "not_granted_call", "replayed"))
    answered = value(front, "mandat_upstream_answers_total", upstream="notes", status="2xx") or 0.0
    for _ in range(5):
        assert front.call("GET", "/1.0/notes").status_code == 200
    assert front.call("DELETE", "/1.0/notes").status_code == 403
    write = front.signed("POST", "/1.0/notes", b"{}")
    statuses = [httpx2.post(f"{front.origin}/1.0/notes", headers=write, content=b"{}").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 400, 400]
    until(front, permitted + 8, "mandat_calls_total", door="gateway", outcome="permitted")
    until(front, refused + 1, "mandat_calls_total", door="gateway", outcome="not_granted_call")
    until(front, replayed + 2, "mandat_calls_total", door="gateway", outcome="replayed")
    until(front, answered + 8, "mandat_upstream_answers_total", upstream="notes", status="2xx")
    calls = sum(outcome(front, name) for name in OUTCOMES)
    assert value(front, "mandat_call_seconds_count", door="gateway") == calls
    assert (value(front, "mandat_cache_hits_total", cache="grants") or 0) > 0


def test_questions_of_proxies_are_counted_apart(front: Fronted) -> None:
    fields = {
        "X-Original-Method": "GET",
        "X-Original-URI": "/1.0/notes",
        "X-Original-Host": f"127.0.0.1:{front.first}",
        "X-Original-Body": "length=;coding=",
        "X-Forwarded-For": "192.0.2.7",
    }
    asked = f"http://127.0.0.1:{front.third}/"
    assert httpx2.get(asked, headers=front.signed("GET", "/1.0/notes") | fields).status_code == 200
    assert httpx2.get(asked, headers=fields).status_code == 401
    until(front, 1, "mandat_calls_total", door="forward_auth", outcome="permitted")
    until(front, 1, "mandat_calls_total", door="forward_auth", outcome="missing_credential")
    assert value(front, "mandat_call_seconds_count", door="forward_auth") == 2


def test_what_the_authority_did_is_counted(front: Fronted) -> None:
    ask = {"X-Ovh-Application": APPLICATION_KEY}
    body = {"accessRules": [{"method": "GET", "path": "/notes"}]}
    assert httpx2.post(f"{front.origin}/1.0/auth/credential", headers=ask, json=body).status_code == 200
    until(front, 1, "mandat_permission_requests_total", outcome="added")
    assert value(front, "mandat_authority_events_total", event="credential.confirmed") is not None
    asyncio.run(grant(front.installation, "consumer2", "ab1-notes", "GET /notes"))
    assert front.call("POST", "/1.0/auth/logout", consumer_key="consumer2").status_code == 200
    until(front, 1, "mandat_authority_events_total", event="credential.logged_out")


def test_every_metric_is_shown_and_documented_with_its_kind_and_labels(front: Fronted) -> None:
    until(front, 2, "mandat_processes", role="gateway")
    documented = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in re.findall(r"^\| `(mandat_\w+)` \| (\w+) \| ([^|]*) \|", PAGE.read_text(), re.M)
    }
    assert documented == {name: (metric.kind, metric.labels) for name, metric in METRICS.items()}
    shown = {}
    for family in text_string_to_metric_families(text_of(front)):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {frozenset(sample.labels) - {"le"} for sample in family.samples}
        shown[name] = (family.type, labels)
    assert shown == {name: (metric.kind, {frozenset(metric.labels)}) for name, metric in METRICS.items()}


def test_nothing_that_a_caller_chose_is_shown(front: Fronted) -> None:
    front.call("GET", "/1.0/notes/very-private?token=hidden")
    until(front, outcome(front, "not_granted_call"), "mandat_calls_total", door="gateway", outcome="not_granted_call")
    text = text_of(front)
    told = [APPLICATION_KEY, SECRET, CONSUMER_KEY, "very-private", "hidden", "ab1-notes", "127.0.0.1"]
    assert [word for word in told if word in text] == []


def test_the_listener_has_nothing_else_and_the_gateway_has_none_of_it(front: Fronted) -> None:
    assert httpx2.get(f"{front.watch}/").status_code == 404
    assert httpx2.post(f"{front.watch}/metrics").status_code == 405
    assert httpx2.head(f"{front.watch}/metrics").text == ""
    for path in ("/metrics", "/healthz", "/readyz"):
        assert httpx2.get(front.origin + path).status_code == 404


def test_a_node_whose_authority_is_stuck_is_not_ready(front: Fronted) -> None:
    wait_for(lambda: httpx2.get(f"{front.watch}/readyz").status_code == 200, what="readiness")
    authority = front.mandat.pids("authority")[-1]
    os.kill(authority, signal.SIGSTOP)
    try:
        wait_for(lambda: httpx2.get(f"{front.watch}/readyz").status_code == 503, what="unreadiness")
        assert httpx2.get(f"{front.watch}/readyz").json()["checks"]["authority"] == "none reports"
        assert httpx2.get(f"{front.watch}/healthz").status_code == 200
    finally:
        os.kill(authority, signal.SIGCONT)
    wait_for(lambda: httpx2.get(f"{front.watch}/readyz").status_code == 200, what="readiness")


def test_counters_go_on_when_a_worker_dies_and_comes_back(front: Fronted) -> None:
    before = outcome(front, "own")
    for _ in range(4):
        httpx2.get(f"{front.origin}/1.0/auth/time")
    until(front, before + 4, "mandat_calls_total", door="gateway", outcome="own")
    pids = front.mandat.pids("gateway-0")
    os.kill(pids[-1], signal.SIGKILL)
    wait_for(lambda: len(front.mandat.pids("gateway-0")) > len(pids), what="a new worker")
    until(front, 2, "mandat_processes", role="gateway")
    assert outcome(front, "own") == before + 4


def test_a_node_that_is_about_to_leave_is_not_ready_and_works_on(front: Fronted) -> None:
    leaving = front.mandat.config.parent / "run" / "leaving"
    leaving.touch()
    answer = httpx2.get(f"{front.watch}/readyz")
    assert (answer.status_code, answer.json()["checks"]["node"]) == (503, "is about to leave")
    assert front.call("GET", "/1.0/notes").status_code == 200
    leaving.unlink()
    wait_for(lambda: httpx2.get(f"{front.watch}/readyz").status_code == 200, what="readiness")
