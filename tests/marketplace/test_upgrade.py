"""Upgrading: what both versions have is left alone, the ledger stays right, and there is always a way back."""

import httpx2
import pytest

from doubles.zone_provider import ALICE, BRUNO, PROJECT, ZoneProvider
from mandat.marketplace.installs.layers import layers_of
from mandat.marketplace.installs.ledger import leftovers
from mandat.marketplace.stacks.compiler import compile_stack
from mandat.marketplace.stacks.expressions import resolve, resolve_text
from mandat.marketplace.stacks.shelf import LIBRARY
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.states import State
from mandat.marketplace.store.values import Installation, ProblemKind
from marketplace.shop import Shop
from marketplace.test_course import RECORD, fail_once

pytestmark = pytest.mark.slow

ZONE = "/domain/zone/example.org"
OLD = "certificate-guard@1.0.0"
REFRESH = f"POST {ZONE}/refresh"
ISSUE = '0 issue "letsencrypt.org"'
NARROWED = '0 issue "letsencrypt.org; validationmethods=dns-01,http-01"'


def installed(shop: Shop) -> Installation:
    session = shop.visitor()
    installation = shop.run(shop.confirm(session, shop.order_stack(session, OLD, {"zone": "example.org"})))
    assert installation.state is State.INSTALLED
    return installation


def targets(provider: ZoneProvider) -> list[str]:
    return [record["target"] for record in provider.records]


def ids(provider: ZoneProvider) -> list[int]:
    return [record["id"] for record in provider.records]


def ledger(shop: Shop, installation: Installation) -> set[int]:
    """The numbers of everything that the ledger says is there."""
    records = {each.step_id: each for each in shop.books.installations.list_steps(installation.id)}
    found = set()
    for layer in layers_of(shop.books.shelf, installation):
        for step in leftovers(layer, records):
            outputs = records[layer.record_id(step.id)].outputs
            assert outputs is not None
            found.add(int(str(outputs["recordId"])))
    return found


def test_only_an_installation_of_an_older_version_is_offered_an_upgrade(shop: Shop) -> None:
    session = shop.visitor()
    old = installed(shop)
    newer = shop.site.upgrades.find_newer(old)
    assert newer is not None and newer.version == "1.1.0"
    new = shop.run(shop.confirm(session, shop.order_stack(session, "certificate-guard", {"zone": "example.org"})))
    assert new.state is State.INSTALLED and shop.site.upgrades.find_newer(new) is None


def test_the_plan_says_what_is_added_changed_removed_and_kept(shop: Shop) -> None:
    plan = shop.plan_upgrade(installed(shop))
    fates = {line.step_id: (line.mark.value, line.fate) for line in plan.difference.steps}
    assert fates == {
        "add-issuer": ("changed", "changed"),
        "add-wildcard-issuer": ("same", "kept"),
        "add-report-address": ("same", "kept"),
        "add-mail-issuer": ("added", "created"),
        "publish": ("same", ""),
        "find-zone": ("removed", ""),
        "add-contact": ("removed", "removed"),
    }
    assert [right.rule.path for right in plan.difference.less] == [ZONE]
    issuer = plan.difference.steps[0]
    assert (issuer.old_value, issuer.value) == (ISSUE, NARROWED)


def test_the_upgrade_asks_for_exactly_what_its_steps_need_by_real_ids(shop: Shop, provider: ZoneProvider) -> None:
    installation = installed(shop)
    issuer, _wild, _report, contact = ids(provider)
    plan = shop.plan_upgrade(installation)
    shop.ask_upgrade(shop.visitor(), installation)
    assert provider.delegations[-1].rules == [
        ("GET", "/me"),
        ("PUT", f"{RECORD}/{issuer}"),
        ("POST", RECORD),
        ("POST", f"{ZONE}/refresh"),
        ("DELETE", f"{RECORD}/{contact}"),
    ]
    assert [right.rule.method for right in plan.increases] == ["PUT", "DELETE"]
    assert shop.get(installation.id).state is State.AWAITING_UPGRADE


def test_kept_things_stay_changed_ones_keep_their_number_dropped_ones_go_last(
    shop: Shop, provider: ZoneProvider
) -> None:
    installation = installed(shop)
    issuer, wild, report, contact = ids(provider)
    before = len(provider.writes())
    upgraded = shop.upgrade(shop.visitor(), installation)
    assert upgraded.state is State.INSTALLED and not upgraded.pending and upgraded.edition == 1
    assert provider.writes()[before:] == [
        f"PUT {RECORD}/{issuer}",
        f"POST {RECORD}",
        REFRESH,
        f"DELETE {RECORD}/{contact}",
        REFRESH,
    ]
    assert ids(provider)[:3] == [issuer, wild, report] and len(provider.records) == 4
    assert targets(provider)[0] == NARROWED and targets(provider)[3] == '0 issuemail ";"'
    assert provider.published == provider.records
    assert ledger(shop, upgraded) == set(ids(provider))


def test_an_upgraded_installation_uninstalls_without_a_trace(shop: Shop, provider: ZoneProvider) -> None:
    upgraded = shop.upgrade(shop.visitor(), installed(shop))
    assert shop.remove(shop.visitor(), upgraded).state is State.REMOVED
    assert provider.records == provider.published == []


def test_the_permissions_are_ended_once_the_upgrade_is_done(shop: Shop, provider: ZoneProvider) -> None:
    shop.upgrade(shop.visitor(), installed(shop))
    assert provider.logged_out == [each.consumer_key for each in provider.delegations]


def test_inputs_are_taken_over_and_new_ones_take_what_is_typed(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.visitor()
    typed = {"zone": "example.org", "authority": "pki.goog", "contact": "abuse@example.org"}
    old = shop.run(shop.confirm(session, shop.order_stack(session, OLD, typed)))
    upgraded = shop.upgrade(session, old, methods="dns-01")
    assert upgraded.inputs["authority"] == "pki.goog" and upgraded.inputs["contact"] == "abuse@example.org"
    assert targets(provider)[0] == '0 issue "pki.goog; validationmethods=dns-01"'


def stopped_at(shop: Shop, provider: ZoneProvider, place: str) -> Installation:
    """An upgrade whose provider refuses one step."""
    installation = installed(shop)
    path = {"change": f"{RECORD}/{ids(provider)[0]}", "add": RECORD, "publish": f"{ZONE}/refresh"}
    path["drop"] = f"{RECORD}/{ids(provider)[3]}"
    fail_once(provider, path[place], 400)
    stopped = shop.upgrade(shop.visitor(), installation)
    assert stopped.state is State.UPGRADE_FAILED, stopped.problem
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.STEP_REFUSED
    return stopped


@pytest.mark.parametrize("place", ["change", "add", "publish", "drop"])
def test_an_upgrade_that_stopped_can_go_on(shop: Shop, provider: ZoneProvider, place: str) -> None:
    stopped = stopped_at(shop, provider, place)
    shop.desk.try_again(stopped)
    upgraded = shop.run(shop.get(stopped.id))
    assert upgraded.state is State.INSTALLED and len(provider.records) == 4
    assert ledger(shop, upgraded) == set(ids(provider))


@pytest.mark.parametrize("place", ["change", "add", "publish", "drop"])
def test_an_upgrade_that_stopped_can_be_gone_back_from(shop: Shop, provider: ZoneProvider, place: str) -> None:
    stopped = stopped_at(shop, provider, place)
    assert ledger(shop, stopped) == set(ids(provider))
    old = shop.go_back(shop.visitor(), stopped)
    assert old.state is State.INSTALLED and not old.pending
    assert shop.books.shelf.get_ordered(old.stack_id, old.digest).version == "1.0.0"
    assert sorted(targets(provider)) == sorted(
        [
            ISSUE,
            '0 issuewild ";"',
            '0 iodef "mailto:security@example.org"',
            "security_contact=mailto:security@example.org",
        ]
    )
    assert ledger(shop, old) == set(ids(provider))
    assert shop.upgrade(shop.visitor(), old).state is State.INSTALLED
    assert shop.remove(shop.visitor(), shop.get(old.id)).state is State.REMOVED
    assert provider.records == provider.published == []


def test_going_back_after_the_last_thing_was_dropped_makes_it_anew(shop: Shop, provider: ZoneProvider) -> None:
    installation = installed(shop)
    dropped = {"seen": 0}

    def refuse_the_second_publishing(method: str, path: str) -> tuple[int, dict[str, str]] | None:
        dropped["seen"] += path.endswith("/refresh")
        return (400, {"message": "no"}) if path.endswith("/refresh") and dropped["seen"] == 2 else None

    provider.fault = refuse_the_second_publishing
    stopped = shop.upgrade(shop.visitor(), installation)
    assert stopped.state is State.UPGRADE_FAILED and len(provider.records) == 4
    old = shop.go_back(shop.visitor(), stopped)
    assert old.state is State.INSTALLED
    assert "security_contact=mailto:security@example.org" in targets(provider)
    assert ledger(shop, old) == set(ids(provider)) and len(provider.records) == 4


@pytest.mark.parametrize("place", ["change", "add", "publish", "drop"])
def test_what_an_upgrade_that_stopped_left_is_kept_and_removed_later(
    shop: Shop, provider: ZoneProvider, place: str
) -> None:
    stopped = stopped_at(shop, provider, place)
    there = set(ids(provider))
    assert shop.site.upgrades.keep(stopped)
    kept = shop.get(stopped.id)
    assert kept.state is State.KEPT
    assert ledger(shop, kept) == there
    assert shop.remove(shop.visitor(), kept).state is State.REMOVED
    assert provider.records == provider.published == []


def test_a_permission_lost_in_the_middle_is_asked_for_again(shop: Shop, provider: ZoneProvider) -> None:
    session, installation = shop.visitor(), installed(shop)
    provider.after = lambda method, path: provider.revoke_all() if len(provider.records) == 5 else None
    stopped = shop.upgrade(session, installation)
    provider.after = lambda method, path: None
    assert stopped.state is State.UPGRADE_FAILED
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.PERMISSION_ENDED
    sent = shop.site.upgrades.ask_again(session, stopped)
    assert sent is not None and hasattr(sent, "validation_url")
    upgraded = shop.run(shop.confirm_upgrade(session, sent))
    assert upgraded.state is State.INSTALLED and len(provider.records) == 4
    assert ledger(shop, upgraded) == set(ids(provider))


def test_another_account_is_not_upgraded(shop: Shop, provider: ZoneProvider) -> None:
    session, installation = shop.visitor(), installed(shop)
    sent = shop.ask_upgrade(session, installation)
    stopped = shop.run(shop.confirm_upgrade(session, sent, BRUNO))
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.OTHER_ACCOUNT
    assert targets(provider)[0] == ISSUE
    again = shop.site.upgrades.ask_again(session, stopped)
    assert again is not None and hasattr(again, "validation_url")
    assert shop.run(shop.confirm_upgrade(session, again, ALICE)).state is State.INSTALLED


def test_an_upgrade_that_was_not_confirmed_can_be_dropped(shop: Shop, provider: ZoneProvider) -> None:
    session, installation = shop.visitor(), installed(shop)
    old_ask = shop.ask_upgrade(session, installation)
    assert shop.site.upgrades.keep(shop.get(installation.id))
    dropped = shop.get(installation.id)
    assert dropped.state is State.INSTALLED and not dropped.pending
    shop.confirm_upgrade(session, old_ask)
    assert shop.get(installation.id).state is State.INSTALLED
    assert provider.delegations[-1].consumer_key in provider.logged_out
    assert shop.upgrade(session, dropped).state is State.INSTALLED


def test_what_was_changed_goes_back_by_the_newer_versions_way_of_changing(shop: Shop, provider: ZoneProvider) -> None:
    stopped = stopped_at(shop, provider, "add")
    plan = shop.site.upgrades.plan_undo(stopped)
    first, scope = plan.steps[0], plan.scopes[0]
    assert (first.id, first.operation.method) == ("add-issuer", "PUT")
    assert resolve(first.payload, scope) == {"target": ISSUE, "ttl": 3600}
    assert resolve_text(first.words, scope) == "Let only letsencrypt.org issue certificates for example.org"


def test_two_who_ask_at_once_begin_one_upgrade(shop: Shop) -> None:
    session, installation = shop.visitor(), installed(shop)
    stack = shop.site.upgrades.find_newer(installation)
    assert stack is not None
    values = shop.upgrade_inputs(installation)
    shop.ask_upgrade(session, installation)
    assert shop.site.upgrades.ask(session, installation, stack, values) is None
    assert len(shop.get(installation.id).pending) == 1


def test_an_answer_that_got_lost_is_settled_before_going_back(shop: Shop, provider: ZoneProvider) -> None:
    installation = installed(shop)
    lost = {"seen": 0}

    def lose(method: str, path: str) -> None:
        if path == RECORD and lost["seen"] < 5:
            lost["seen"] += 1
            raise httpx2.ReadError("the line broke")

    provider.after = lose
    stopped = shop.upgrade(shop.visitor(), installation)
    assert stopped.state is State.UPGRADE_FAILED and len(provider.records) == 5
    old = shop.go_back(shop.visitor(), stopped)
    assert old.state is State.INSTALLED and len(provider.records) == 4
    assert ledger(shop, old) == set(ids(provider))


def newer_web_site(*changes: tuple[str, str]) -> Stack:
    """The web site's document as version 1.1.0, with these texts replaced."""
    source = (LIBRARY / "web-site.arazzo.yaml").read_text()
    for old, new in (('version: "1.0.0"', 'version: "1.1.0"'), *changes):
        assert old in source, old
        source = source.replace(old, new)
    return compile_stack(source, stack_id="web-site")


OTHER_IMAGE = ("where: {name: Debian 12}", "where: {name: Ubuntu 24.04}")
OTHER_TTL = ("ttl: 300", "ttl: 600")


def with_server(shop: Shop) -> Installation:
    typed = {"zone": "example.org", "project": PROJECT}
    return shop.run(shop.confirm(shop.visitor(), shop.order_stack(shop.visitor(), "web-site@1.0.0", typed)))


def test_what_depends_on_something_made_anew_is_made_anew_and_the_old_goes_in_reverse(
    shop: Shop, provider: ZoneProvider
) -> None:
    old = with_server(shop)
    (record,), (server,) = ids(provider), list(provider.instances)
    shop.offer(newer_web_site(OTHER_IMAGE))
    before, visits = len(provider.writes()), len(provider.visited)
    project = f"/cloud/project/{PROJECT}"
    upgraded = shop.upgrade(shop.visitor(), old)
    assert upgraded.state is State.INSTALLED
    assert provider.writes()[before:] == [
        f"POST {project}/instance",
        f"POST {RECORD}",
        REFRESH,
        f"DELETE {RECORD}/{record}",
        REFRESH,
        f"DELETE {project}/instance/{server}",
    ]
    (instance,) = provider.instances.values()
    assert instance["imageId"] == "image-ubuntu" and instance["id"] != server
    assert len(provider.visited) == visits + 1
    assert ("GET", f"{project}/instance/*") in provider.delegations[-1].rules
    assert shop.remove(shop.visitor(), upgraded).state is State.REMOVED
    assert provider.records == [] and provider.instances == {}


def test_a_server_that_both_versions_have_is_left_alone_and_read_by_its_own_id(
    shop: Shop, provider: ZoneProvider
) -> None:
    old = with_server(shop)
    (server,) = provider.instances
    shop.offer(newer_web_site(OTHER_TTL))
    upgraded = shop.upgrade(shop.visitor(), old)
    assert upgraded.state is State.INSTALLED and list(provider.instances) == [server]
    rules = provider.delegations[-1].rules
    assert ("GET", f"/cloud/project/{PROJECT}/instance/{server}") in rules
    assert not any(path.endswith("/flavor") or "*" in path for _method, path in rules)
    assert [record["ttl"] for record in provider.records] == [600]


def test_a_result_that_does_not_answer_stops_before_anything_is_dropped(shop: Shop, provider: ZoneProvider) -> None:
    old = with_server(shop)
    shop.offer(newer_web_site(OTHER_IMAGE))
    provider.site_fault = "it answers 500"
    stopped = shop.upgrade(shop.visitor(), old)
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.NOT_HEALTHY
    assert len(provider.instances) == len(provider.records) == 2
    provider.site_fault = None
    back = shop.go_back(shop.visitor(), stopped)
    assert back.state is State.INSTALLED
    assert [instance["imageId"] for instance in provider.instances.values()] == ["image-debian"]
    assert shop.remove(shop.visitor(), back).state is State.REMOVED
    assert provider.records == [] and provider.instances == {}


def test_a_version_with_nothing_but_other_words_takes_no_permission(shop: Shop, provider: ZoneProvider) -> None:
    old = with_server(shop)
    shop.offer(newer_web_site(("Look up the zone", "See the zone")))
    asked = len(provider.delegations)
    newer = shop.site.upgrades.find_newer(old)
    assert newer is not None
    assert shop.site.upgrades.ask(shop.visitor(), old, newer, shop.upgrade_inputs(old)) is None
    upgraded = shop.get(old.id)
    assert upgraded.edition == 1 and shop.site.upgrades.find_newer(upgraded) is None
    assert len(provider.delegations) == asked
    assert shop.remove(shop.visitor(), upgraded).state is State.REMOVED
    assert provider.records == [] and provider.instances == {}


def test_no_key_of_an_idempotent_write_comes_twice(shop: Shop, provider: ZoneProvider) -> None:
    stopped = stopped_at(shop, provider, "drop")
    old = shop.go_back(shop.visitor(), stopped)
    shop.remove(shop.visitor(), shop.upgrade(shop.visitor(), old))
    keys = [call.idempotency_key for call in provider.calls if call.method != "GET"]
    assert len(keys) == len(set(keys))
    assert provider.records == []


@pytest.mark.parametrize("rule", range(5))
def test_each_right_of_the_upgrade_is_needed(shop: Shop, provider: ZoneProvider, rule: int) -> None:
    session, installation = shop.visitor(), installed(shop)
    sent = shop.ask_upgrade(session, installation)
    provider.delegations[-1].rules.pop(rule)
    stopped = shop.run(shop.confirm_upgrade(session, sent))
    assert stopped.state is State.UPGRADE_FAILED
    assert stopped.problem is not None and stopped.problem.kind in (
        ProblemKind.NOT_GRANTED,
        ProblemKind.NOT_CONFIRMED,
    )
