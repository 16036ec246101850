"""An installation from permission to its end: what is sent, what stops it, and that nothing is done twice."""

import httpx2
import pytest

from doubles.nature import SetClock
from doubles.zone_provider import ALICE, BRUNO, Delegation, ZoneProvider
from mandat.marketplace.states import State, StepState
from mandat.marketplace.store.values import ProblemKind
from mandat.protocol.access_rule import AccessRule
from marketplace.shop import MemoryJournal, PassingJournal, Shop

RECORD = "/domain/zone/example.org/record"


def fail_once(provider: ZoneProvider, path: str, status: int, *, nth: int = 1, times: int = 1) -> None:
    """From the `nth` permitted call of `path`, `times` answers are `status`."""
    seen = 0

    def fault(method: str, called: str) -> tuple[int, dict[str, str]] | None:
        nonlocal seen
        seen += called == path
        due = called == path and nth <= seen < nth + times
        return (status, {"message": "the provider is unwell"}) if due else None

    provider.fault = fault


def test_every_step_is_done_in_order_with_a_key_of_its_own(shop: Shop, provider: ZoneProvider) -> None:
    installation = shop.installed(shop.log_in())
    assert installation.state is State.INSTALLED
    assert provider.writes() == [f"POST {RECORD}"] * 4 + ["POST /domain/zone/example.org/refresh"]
    keys = [call.idempotency_key for call in provider.calls if call.method == "POST"]
    assert keys == [f"{installation.id}.{step}" for step in ("add-mx", "add-spf", "add-dkim", "add-dmarc", "publish")]
    assert all(call.idempotency_key is None for call in provider.calls if call.method == "GET")


def test_records_say_what_the_preview_said(shop: Shop, provider: ZoneProvider) -> None:
    shop.installed(shop.log_in())
    assert [(each["fieldType"], each["subDomain"], each["target"]) for each in provider.records][:2] == [
        ("MX", "", "10 mail.example.org."),
        ("TXT", "", "v=spf1 mx ~all"),
    ]
    assert provider.records[3]["target"] == "v=DMARC1; p=none; rua=mailto:postmaster@example.org"


def test_the_account_that_answered_is_known_before_anything_is_written(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    connection = shop.books.permissions.find_connection(session.user_id, installation.connection_id or 0)
    assert connection is not None and connection.account == ALICE and connection.account_name == "Test AA"
    assert (provider.calls[0].method, provider.calls[0].path) == ("GET", "/me")


def test_steps_keep_the_query_id_and_the_outputs(shop: Shop) -> None:
    installation = shop.installed(shop.log_in())
    records = {record.step_id: record for record in shop.books.installations.list_steps(installation.id)}
    assert records["add-mx"].outputs == {"recordId": 2**40}
    assert all(record.query_id for record in records.values())


def test_running_a_finished_attempt_again_sends_nothing(shop: Shop, provider: ZoneProvider) -> None:
    installation = shop.installed(shop.log_in())
    before = len(provider.calls)
    shop.run(installation)
    assert len(provider.calls) == before


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_passing_fault_of_the_provider_is_survived(shop: Shop, provider: ZoneProvider, status: int) -> None:
    session = shop.log_in()
    fail_once(provider, RECORD, status, nth=2, times=2)
    journal = MemoryJournal()
    installation = shop.run(shop.confirm(session, shop.order(session)), journal)
    assert installation.state is State.INSTALLED
    assert journal.slept == [0.5, 1.0]
    assert len(provider.records) == 4


def test_a_lasting_fault_stops_with_the_providers_words_and_can_be_tried_again(
    shop: Shop, provider: ZoneProvider
) -> None:
    session = shop.log_in()
    fail_once(provider, RECORD, 500, nth=3, times=5)
    installation = shop.run(shop.confirm(session, shop.order(session)))
    assert installation.state is State.FAILED
    assert installation.problem is not None and installation.problem.kind is ProblemKind.NO_ANSWER
    assert installation.problem.message == "the provider is unwell"
    shop.desk.try_again(installation)
    assert shop.run(shop.get(installation.id)).state is State.INSTALLED
    assert len(provider.records) == 4


def test_the_providers_wish_to_wait_is_respected_within_bounds(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    sent = shop.order(session)
    inner, waits = provider.transport(), iter(["7", "4000"])

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/record") and (wait := next(waits, None)):
            return httpx2.Response(429, json={"errorCode": "QUOTA_EXCEEDED"}, headers={"Retry-After": wait})
        return inner.handle_request(request)

    shop.use_transport(httpx2.MockTransport(answer))
    journal = MemoryJournal()
    assert shop.run(shop.confirm(session, sent), journal).state is State.INSTALLED
    assert journal.slept == [7.0, 20.0]


@pytest.mark.parametrize(("answers_after_seconds", "retry_after"), [(20.0, None), (0.5, "20"), (7.0, "3")])
def test_a_provider_that_does_not_answer_is_given_up_within_a_minute(
    shop: Shop, provider: ZoneProvider, clock: SetClock, answers_after_seconds: float, retry_after: str | None
) -> None:
    session = shop.log_in()
    sent = shop.order(session)
    inner = provider.transport()

    def answer(request: httpx2.Request) -> httpx2.Response:
        if not request.url.path.endswith("/record"):
            return inner.handle_request(request)
        clock.advance(answers_after_seconds)
        if retry_after is None:
            raise httpx2.ReadTimeout("silence")
        return httpx2.Response(503, json={"message": "later"}, headers={"Retry-After": retry_after})

    shop.use_transport(httpx2.MockTransport(answer))
    began, installation = clock.now, shop.confirm(session, sent)
    installation = shop.run(installation, PassingJournal(clock))
    assert installation.state is State.FAILED
    assert installation.problem is not None and installation.problem.kind is ProblemKind.NO_ANSWER
    assert 20 < clock.now - began <= 60
    shop.use_transport(inner)
    shop.desk.try_again(installation)
    assert shop.run(shop.get(installation.id)).state is State.INSTALLED


def test_a_refused_step_stops_at_once_with_the_providers_words(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    journal = MemoryJournal()
    installation = shop.run(shop.confirm(session, shop.order(session, "second.example")), journal)
    assert installation.state is State.FAILED and journal.slept == []
    assert installation.problem is not None
    assert (installation.problem.kind, installation.problem.step_id) == (ProblemKind.STEP_REFUSED, "find-zone")
    assert installation.problem.message == "This service does not exist"
    assert provider.writes() == []


def test_a_refused_permission_is_noticed_at_the_first_call(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    sent = shop.order(session)
    shop.confirm(session, sent)
    provider.refuse(sent.validation_url)
    installation = shop.run(shop.get(sent.installation_id))
    assert installation.state is State.NEEDS_PERMISSION
    assert installation.problem is not None and installation.problem.kind is ProblemKind.NOT_CONFIRMED


def test_a_permission_lost_in_the_middle_loses_nothing(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    sent = shop.order(session)
    provider.after = lambda method, path: provider.revoke_all() if len(provider.records) == 2 else None
    installation = shop.run(shop.confirm(session, sent))
    assert installation.state is State.NEEDS_PERMISSION
    assert installation.problem is not None
    assert (installation.problem.kind, installation.problem.step_id) == (ProblemKind.PERMISSION_ENDED, "add-dkim")
    provider.after = lambda method, path: None
    again = shop.run(shop.confirm(session, shop.ask_again(session, installation)))
    assert again.state is State.INSTALLED
    assert [record["fieldType"] for record in provider.records] == ["MX", "TXT", "TXT", "TXT"]


def test_asking_again_asks_for_the_same_rules(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    sent = shop.order(session)
    shop.ask_again(session, shop.get(sent.installation_id))
    first, second = provider.delegations
    assert first.rules == second.rules


def test_a_narrowed_permission_names_the_step_it_does_not_cover(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    sent = shop.order(session)
    running = shop.confirm(session, sent)
    provider.delegations[0].rules.remove(("POST", "/domain/zone/example.org/refresh"))
    installation = shop.run(running)
    assert installation.problem is not None
    assert (installation.problem.kind, installation.problem.step_id) == (ProblemKind.NOT_GRANTED, "publish")


@pytest.mark.parametrize("index", range(4))
def test_each_derived_rule_is_needed(shop: Shop, provider: ZoneProvider, index: int) -> None:
    session = shop.log_in()
    running = shop.confirm(session, shop.order(session))
    del provider.delegations[0].rules[index]
    assert shop.run(running).state is State.NEEDS_PERMISSION


def test_the_answer_of_another_account_is_not_used_once_something_is_done(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    provider.after = lambda method, path: provider.revoke_all() if len(provider.records) == 1 else None
    installation = shop.run(shop.confirm(session, shop.order(session)))
    provider.after = lambda method, path: None
    other = shop.run(shop.confirm(session, shop.ask_again(session, installation), BRUNO))
    assert other.state is State.NEEDS_PERMISSION
    assert other.problem is not None and other.problem.kind is ProblemKind.OTHER_ACCOUNT
    assert provider.logged_out == [provider.delegations[1].consumer_key]
    assert shop.run(shop.confirm(session, shop.ask_again(session, other), ALICE)).state is State.INSTALLED


def test_another_account_may_answer_while_nothing_is_done(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    failed = shop.run(shop.confirm(session, shop.order(session), BRUNO))
    assert failed.state is State.FAILED
    assert shop.run(shop.confirm(session, shop.ask_again(session, failed), ALICE)).state is State.INSTALLED


def test_a_call_that_no_shown_rule_covers_is_never_sent(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    running = shop.confirm(session, shop.order(session))
    shop.replace_rules(running, [AccessRule("GET", "/me"), AccessRule("GET", "/domain/zone/example.org")])
    provider.delegations[0].rules.append(("POST", "/*"))
    installation = shop.run(running)
    assert installation.problem is not None and installation.problem.kind is ProblemKind.STEP_IMPOSSIBLE
    assert provider.writes() == []


def test_late_news_of_an_earlier_attempt_change_nothing(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    fail_once(provider, RECORD, 400)
    first = shop.run(shop.confirm(session, shop.order(session)))
    shop.desk.try_again(first)
    before = len(provider.calls)
    shop.run(first)
    assert len(provider.calls) == before
    assert shop.get(first.id).state is State.RUNNING


def test_without_idempotency_an_interrupted_write_is_not_repeated_unasked(
    shop: Shop, provider: ZoneProvider, clock: SetClock
) -> None:
    shop.forbid_repeats()
    session = shop.log_in()
    running = shop.confirm(session, shop.order(session))
    for step in ("_account", "find-zone"):
        shop.try_step(running, step)
    shop.books.installations.start_step(running.id, "add-mx", at=clock())
    installation = shop.run(running)
    assert installation.state is State.FAILED
    assert installation.problem is not None and installation.problem.kind is ProblemKind.ANSWER_LOST
    assert provider.writes() == []
    shop.desk.try_again(installation)
    assert shop.run(shop.get(installation.id)).state is State.INSTALLED


def test_without_idempotency_a_write_that_ended_in_500_is_not_repeated_unasked(
    shop: Shop, provider: ZoneProvider
) -> None:
    shop.forbid_repeats()
    session = shop.log_in()
    fail_once(provider, RECORD, 500)
    journal = MemoryJournal()
    installation = shop.run(shop.confirm(session, shop.order(session)), journal)
    assert installation.problem is not None and installation.problem.kind is ProblemKind.ANSWER_LOST
    assert journal.slept == []


def test_without_idempotency_reads_and_refused_connections_are_repeated(shop: Shop, provider: ZoneProvider) -> None:
    shop.forbid_repeats()
    session = shop.log_in()
    fail_once(provider, "/domain/zone/example.org", 500)
    assert shop.run(shop.confirm(session, shop.order(session))).state is State.INSTALLED


def test_an_application_that_is_refused_is_not_blamed_on_the_customer(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    running = shop.confirm(session, shop.order(session))
    shop.register("AAAAAAAAAAAAAAAA")
    installation = shop.run(running)
    assert installation.state is State.FAILED
    assert installation.problem is not None and installation.problem.kind is ProblemKind.APPLICATION_REFUSED


def test_step_states_are_kept_for_the_page(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    fail_once(provider, RECORD, 400, nth=2)
    installation = shop.run(shop.confirm(session, shop.order(session)))
    states = [record.state for record in shop.books.installations.list_steps(installation.id)]
    done, failed, waiting = StepState.DONE, StepState.FAILED, StepState.WAITING
    assert states == [done, done, done, failed, waiting, waiting, waiting]


def test_delegations_are_asked_for_exactly_once_per_order(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    shop.order(session)
    assert [type(each) for each in provider.delegations] == [Delegation]
    assert provider.delegations[0].rules == [
        ("GET", "/me"),
        ("GET", "/domain/zone/example.org"),
        ("POST", "/domain/zone/example.org/record"),
        ("POST", "/domain/zone/example.org/refresh"),
    ]
