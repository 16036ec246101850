"""Every command of docs/guide/production.md, run on two nodes with PostgreSQL, a standby, Redis, nginx and Envoy.

The tests follow the page from top to bottom and need each other. Commands that fetch packages are the only ones that
are not run.
"""

import json
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from support.production import CALLER_ADDRESS, FRONTS, NODES, Load, Production
from support.production_machines import production_machines
from support.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.fronts, pytest.mark.timeout(400), pytest.mark.xdist_group("production")]


@pytest.fixture(scope="module")
def production(request: pytest.FixtureRequest) -> Iterator[Production]:
    with (
        tempfile.TemporaryDirectory(prefix="mandat-production-") as folder,
        production_machines(Path(folder), failures_before=request.session.testsfailed) as machines,
    ):
        yield machines


@pytest.fixture(autouse=True)
def step_by_step(request: pytest.FixtureRequest, production: Production) -> None:
    """What comes after a step that failed cannot work."""
    if request.session.testsfailed > production.failures_before:
        pytest.fail("a step before this one failed; see there")


def test_the_page_sets_up_two_nodes_behind_a_front(production: Production) -> None:
    standby = production.follow("The database")[0]
    assert "streaming" in standby
    production.follow("Both nodes")
    assert (production.machines["node-b"].root / "var/lib/mandat/keys/node.json").exists()
    production.follow("The front")
    for name in FRONTS:
        context = ssl.create_default_context(cafile=production.trusted)
        assert httpx2.get(f"{production.fronts[name]}/login", verify=context).status_code == 200


def test_an_application_is_granted_rights_and_calls_through_both_fronts(production: Production) -> None:
    production.follow("The first application", most=1)
    keys = json.loads((production.machines["node-a"].root / "var/lib/mandat/shop.json").read_text())
    production.machines["app"].environment |= {f"OVH_APPLICATION_{name.upper()}": keys[name] for name in keys}
    printed = production.follow("The first application")
    assert printed[-1].strip().endswith("{}")
    for name in FRONTS:
        caller = production.caller(name)
        assert caller.call().status_code == 200
        assert caller.call("POST", body=b'{"a":1}').status_code == 200
        assert caller.call("GET", "/orders/1?b=%2f&a=+%20").status_code == 200, "the target is passed on as signed"
        refused = caller.call("GET", "/me")
        assert (refused.status_code, refused.json()["errorCode"]) == (403, "NOT_GRANTED_CALL")
        assert caller.call("POST", body=b'"%s"' % (b"a" * 500_000)).status_code == 200
        refused = caller.call("POST", body=b'"%s"' % (b"a" * 1_500_000))
        assert (refused.status_code, refused.json()["errorCode"]) == (413, "BODY_TOO_LARGE")
        refused = caller.call("POST", body=b'"%s"' % (b"a" * 4_000_000))
        assert (refused.status_code, refused.json()["errorCode"]) == (413, "BODY_TOO_LARGE")


def test_a_node_sees_where_a_call_comes_from_and_not_what_the_caller_says(production: Production) -> None:
    for front in FRONTS:
        query_id = production.caller(front).call().headers["X-Ovh-QueryID"]

        def seen(query_id: str = query_id) -> list[str]:
            logs = [production.machines[name].root / "var/log/mandat/access.jsonl" for name, _ in NODES]
            lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
            return [line["address"] for line in lines if line["query_id"] == query_id]

        assert wait_for(seen, what="the access log") == [CALLER_ADDRESS]


def test_what_watches_a_node_reads_it_and_a_reload_is_not_noticed(production: Production) -> None:
    printed = production.follow("Watching")
    assert all("mandat_ready 1" in text for text in printed[:2])
    assert json.loads(printed[0].splitlines()[-1])["query_id"]


def test_the_backup_can_be_restored_and_the_witness_has_seen_the_end(production: Production) -> None:
    printed = production.follow("Backups, and a witness")
    assert "mandat-" in printed[0] and ".dump" in printed[0]
    heads = production.machines["node-a"].root.parent / "heads.json"
    assert json.loads(heads.read_text())


def test_r16_both_nodes_are_started_anew_under_load_and_no_call_fails(
    production: Production, capsys: pytest.CaptureFixture[str]
) -> None:
    with Load(production) as load:
        production.follow("Upgrading one node at a time")
        load.wait_for_more(20)
    with capsys.disabled():
        print(f"\nR16: both nodes started anew under load: answered {dict(load.answered)}, failed {len(load.failed)}")
    assert load.failed == []


def test_a_node_that_is_killed_costs_the_calls_under_way_at_most(
    production: Production, capsys: pytest.CaptureFixture[str]
) -> None:
    node_b = production.machines["node-b"]
    with Load(production) as load:
        node_b.lose("mandat")
        load.wait_for_more(40)
        lost = list(load.failed)
        production.follow("Losing a node")
        load.wait_for_more(20)
    with capsys.disabled():
        print(f"\na node killed under load: answered {dict(load.answered)}, lost {len(load.failed)}: {load.failed}")
    assert load.failed == lost, "nothing is lost when it comes back"
    assert len(lost) <= 2 * len(FRONTS), lost
    assert all("POST" in one for one in lost), "a GET goes to the other node"


ANOTHER_GRANT = """
export OVH_ENDPOINT={origin}/1.0
mandat request --rule "GET /orders/*" --json > {file}
mandat approve "$(sed 's/.*"validationUrl": *"\\([^"]*\\)".*/\\1/' {file})" \
  --login carla --password 'correct horse battery'
"""


def test_keys_rotate_on_both_nodes_and_no_call_fails(production: Production) -> None:
    with Load(production) as load:
        production.follow("Rotating keys")
        load.wait_for_more(20)
    assert load.failed == []
    for front, origin in production.fronts.items():
        file = f"{front}.json"
        production.machines["app"].run(ANOTHER_GRANT.format(origin=origin, file=file))
        caller = production.caller(front, request=file)
        assert [caller.call(origin=node).status_code for node in production.nodes()] == [200, 200], "a new grant"


def test_in_an_incident_everything_is_refused_on_both_nodes(production: Production) -> None:
    nodes, caller = production.nodes(), production.caller("nginx")
    assert [caller.call(origin=node).status_code for node in nodes] == [200, 200]
    production.follow("In an incident")
    assert production.blocks == [], "a section of the page is not run"
    wait_for(lambda: {caller.call(origin=node).status_code for node in nodes} == {403}, what="both nodes", seconds=6)


def test_without_a_node_a_front_says_so_in_the_wires_words(production: Production) -> None:
    for name, _ in NODES:
        production.machines[name].lose("mandat")
    for front in FRONTS:
        caller = production.caller(front)
        wait_for(lambda c=caller: c.call().status_code == 503, what=f"{front} to notice")
        answer = caller.call("POST", body=b"{}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.json() == {
            "class": "Server::ServiceUnavailable",
            "message": "No node answers, try again shortly",
            "errorCode": "SERVICE_UNAVAILABLE",
            "httpCode": "503 Service Unavailable",
        }
