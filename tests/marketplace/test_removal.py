"""Undo and uninstall: exactly what the ledger says, last created first, under a permission of its own."""

import httpx2
import pytest

from doubles.zone_provider import ALICE, BRUNO, ZoneProvider
from mandat.marketplace.installs.desk import NotAsked
from mandat.marketplace.states import AT_WORK, TRANSITIONS, State
from mandat.marketplace.store.values import Installation, ProblemKind
from marketplace.shop import MemoryJournal, Shop
from marketplace.test_course import RECORD, fail_once

ZONE = "/domain/zone/example.org"
FOREIGN = {"id": 7, "zone": "example.org", "fieldType": "MX", "subDomain": "", "target": "1 other.example.org."}


def failed_at(shop: Shop, provider: ZoneProvider, *, nth: int) -> Installation:
    """An installation that stopped because the provider refused the `nth` record."""
    fail_once(provider, RECORD, 400, nth=nth)
    session = shop.log_in()
    return shop.run(shop.confirm(session, shop.order(session)))


def test_uninstalling_deletes_by_real_ids_in_reverse_order_and_nothing_else(shop: Shop, provider: ZoneProvider) -> None:
    provider.records.append(dict(FOREIGN))
    session = shop.log_in()
    installation = shop.installed(session)
    ids = [record["id"] for record in provider.records[1:]]
    before = len(provider.writes())
    removed = shop.remove(session, installation)
    assert removed.state is State.REMOVED
    assert provider.writes()[before:] == [f"DELETE {RECORD}/{each}" for each in reversed(ids)] + [
        f"POST {ZONE}/refresh"
    ]
    assert provider.records == provider.published == [FOREIGN]


def test_the_removal_asks_for_its_own_rights_by_id_and_for_no_others(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    shop.ask_removal(session, installation)
    assert not any(method == "DELETE" for method, _path in provider.delegations[0].rules)
    first, *deletions, last = provider.delegations[1].rules
    assert (first, last) == (("GET", "/me"), ("POST", f"{ZONE}/refresh"))
    assert deletions == [("DELETE", f"{RECORD}/{record['id']}") for record in reversed(provider.records)]


def test_both_permissions_are_ended_once_all_is_gone(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    shop.remove(session, shop.installed(session))
    assert provider.logged_out == [each.consumer_key for each in provider.delegations]


def test_what_is_gone_already_counts_as_removed(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    del provider.records[1:3]
    assert shop.remove(session, installation).state is State.REMOVED
    assert provider.records == []


def test_a_route_that_does_not_exist_is_not_taken_for_something_gone(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    unknown = {"errorCode": "INVALID_URL", "message": "Got an invalid (or empty) URL"}
    provider.fault = lambda method, path: (404, unknown) if method == "DELETE" else None
    assert shop.remove(session, installation).state is State.REMOVAL_FAILED


def test_another_account_cannot_make_things_look_gone(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    stopped = shop.remove(session, installation, BRUNO)
    assert stopped.state is State.REMOVAL_FAILED
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.OTHER_ACCOUNT
    assert len(provider.records) == 4
    assert shop.remove(session, stopped, ALICE).state is State.REMOVED


@pytest.mark.parametrize("nth", [2, 3, 4])
def test_undoing_in_the_middle_removes_what_is_there(shop: Shop, provider: ZoneProvider, nth: int) -> None:
    failed = failed_at(shop, provider, nth=nth)
    assert len(provider.records) == nth - 1
    session = shop.log_in()
    assert shop.remove(session, failed).state is State.REMOVED
    assert provider.records == []
    assert [method for method, _path in provider.delegations[-1].rules].count("DELETE") == nth - 1


def test_nothing_made_means_nothing_to_ask_and_leaving_at_once(shop: Shop, provider: ZoneProvider) -> None:
    failed = failed_at(shop, provider, nth=1)
    session = shop.log_in()
    assert shop.site.removals.ask(session, failed) is None
    assert shop.site.removals.forget(failed)
    assert shop.books.installations.find(failed.id) is None


def test_a_failed_installation_leaves_the_list_after_undo_or_keep_only(shop: Shop, provider: ZoneProvider) -> None:
    failed = failed_at(shop, provider, nth=2)
    assert not shop.site.removals.forget(failed)
    shop.site.removals.keep(failed)
    kept = shop.get(failed.id)
    assert kept.state is State.KEPT
    assert shop.site.removals.forget(kept)
    assert len(provider.records) == 1


def test_what_was_kept_can_be_removed_later(shop: Shop, provider: ZoneProvider) -> None:
    failed = failed_at(shop, provider, nth=3)
    shop.site.removals.keep(failed)
    session = shop.log_in()
    assert shop.remove(session, shop.get(failed.id)).state is State.REMOVED
    assert provider.records == []


def test_a_removal_that_was_not_confirmed_can_be_dropped(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    shop.ask_removal(session, installation)
    shop.site.removals.keep(shop.get(installation.id))
    assert shop.get(installation.id).state is State.INSTALLED
    assert len(provider.records) == 4


def test_a_removal_that_lost_its_permission_goes_on_with_the_rest(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    provider.after = lambda method, path: provider.revoke_all() if len(provider.records) == 2 else None
    stopped = shop.remove(session, installation)
    assert stopped.state is State.REMOVAL_FAILED
    provider.after = lambda method, path: None
    assert shop.remove(session, stopped).state is State.REMOVED
    assert [method for method, _path in provider.delegations[-1].rules].count("DELETE") == 2
    assert provider.records == []


def test_a_refused_deletion_can_be_tried_again_or_the_rest_be_kept(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    fail_once(provider, f"{RECORD}/{provider.records[0]['id']}", 400)
    stopped = shop.remove(session, installation)
    assert stopped.state is State.REMOVAL_FAILED and len(provider.records) == 1
    shop.desk.try_again(stopped)
    assert shop.run(shop.get(stopped.id)).state is State.REMOVED


def test_a_passing_fault_while_removing_is_survived(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    fail_once(provider, f"{RECORD}/{provider.records[1]['id']}", 503, times=2)
    assert shop.remove(session, installation).state is State.REMOVED


def test_a_lost_answer_is_settled_before_undoing_so_that_nothing_is_left(shop: Shop, provider: ZoneProvider) -> None:
    """The provider did the third record, and its answers got lost until the marketplace gave up."""
    session = shop.log_in()
    lost = {"seen": 0}

    def lose(method: str, path: str) -> None:
        if path == RECORD and len(provider.records) == 3 and lost["seen"] < 5:
            lost["seen"] += 1
            raise httpx2.ReadError("the line broke")

    provider.after = lose
    failed = shop.run(shop.confirm(session, shop.order(session)))
    provider.after = lambda method, path: None
    assert failed.problem is not None and failed.problem.kind is ProblemKind.NO_ANSWER
    assert len(provider.records) == 3
    assert not shop.site.removals.may_forget(failed)
    assert shop.remove(session, failed).state is State.REMOVED
    assert provider.records == []


def test_where_writes_may_not_be_repeated_the_plan_names_what_is_not_certain(
    shop: Shop, provider: ZoneProvider
) -> None:
    shop.forbid_repeats()
    session = shop.log_in()
    fail_once(provider, RECORD, 500, nth=2)
    failed = shop.run(shop.confirm(session, shop.order(session)))
    shop.site.removals.settle(failed)
    plan = shop.site.removals.plan(shop.get(failed.id))
    assert plan.unknown is not None and plan.unknown.id == "add-spf"
    assert [step.id for step in plan.creations] == ["add-mx"]


def test_the_answer_to_the_other_question_is_not_used(shop: Shop, provider: ZoneProvider) -> None:
    """She confirms an old request to install, while the marketplace waits for the deletion rights."""
    session = shop.log_in()
    old = shop.order(session)
    again = shop.ask_again(session, shop.get(old.installation_id))
    installation = shop.run(shop.confirm(session, again))
    shop.ask_removal(session, installation)
    shop.confirm(session, old)
    assert shop.get(installation.id).state is State.AWAITING_REMOVAL
    assert provider.delegations[0].consumer_key in provider.logged_out


def test_cancelling_begins_no_further_step(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    running = shop.confirm(session, shop.order(session))
    provider.after = lambda method, path: shop.desk.cancel(running) if len(provider.records) == 2 else None
    stopped = shop.run(running)
    assert stopped.state is State.FAILED
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.CANCELLED
    assert len(provider.records) == 2
    assert shop.remove(session, stopped).state is State.REMOVED
    assert provider.records == []


def test_cancelled_between_two_tries_the_write_is_seen_to_its_end(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    running = shop.confirm(session, shop.order(session))
    fail_once(provider, RECORD, 500, nth=2)

    class CancellingJournal(MemoryJournal):
        def sleep(self, seconds: float) -> None:
            shop.desk.cancel(running)

    assert shop.run(running, CancellingJournal()).state is State.FAILED
    assert len(provider.records) == 2
    assert shop.remove(session, shop.get(running.id)).state is State.REMOVED
    assert provider.records == []


def test_a_provider_that_refuses_the_request_changes_nothing(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    shop.register("AAAAAAAAAAAAAAAA")
    outcome = shop.site.removals.ask(session, installation)
    assert isinstance(outcome, NotAsked)
    assert shop.get(installation.id).state is State.INSTALLED


def test_every_state_that_works_comes_to_an_end_and_every_end_can_be_left() -> None:
    for state in AT_WORK:
        assert {target for (source, _event), target in TRANSITIONS.items() if source is state}
    assert not [event for source, event in TRANSITIONS if source is State.REMOVED]
