"""The validation page: the question whole, the answer once, and a page for everything in between."""

from ipaddress import ip_network

import pytest

from mandat.authority.interfaces import StorageUnavailable
from mandat.authority.values import ApplicationStatus
from mandat.core.credential import CredentialState
from support.pages import PASSWORD, Browser, Seen, World

RULES = (
    "GET /domain/zone/example.org/record",
    "POST /domain/zone/example.org/record",
    "DELETE /domain/zone/example.org/record/*",
)


async def asked(world: World, *rules: str, **message: object) -> tuple[Browser, Seen, str]:
    """A browser in front of a question as alice, what it sees, and the token of the link."""
    await world.person()
    request = await world.ask(await world.application(), *(rules or RULES), **message)
    browser = world.browser()
    return browser, await browser.log_in(path=f"/auth/?credentialToken={request.token}"), request.token


async def test_the_link_asks_for_a_login_naming_the_application_and_comes_back() -> None:
    world = World()
    await world.person()
    request = await world.ask(await world.application("Stackmarket"))
    browser = world.browser()
    seen = await browser.get(f"/auth/?credentialToken={request.token}")
    assert (seen.status, seen.page) == (200, "login")
    assert "Stackmarket" in seen.text
    seen = await browser.submit(seen.form("/login"), login="alice", password=PASSWORD)
    assert (seen.status, seen.page) == (200, "consent")


async def test_the_token_leaves_the_address_at_once() -> None:
    world = World()
    request = await world.ask(await world.application())
    seen = await world.browser().get(f"/auth/?credentialToken={request.token}", follow=False)
    assert seen.status == 303
    assert request.token not in seen.answer.headers["Location"]
    assert seen.answer.headers["Location"].startswith("/auth/?request=")
    assert seen.answer.headers["Referrer-Policy"] == "same-origin"
    assert seen.answer.headers["Cache-Control"] == "no-store"


async def test_the_clean_address_is_worth_nothing_in_another_browser() -> None:
    world = World()
    _browser, seen, _token = await asked(world)
    other = world.browser()
    await other.log_in()
    assert (await other.get(seen.url)).status == 404


async def test_looking_changes_nothing() -> None:
    world = World()
    browser, seen, token = await asked(world)
    audit = list(world.stores.audit)
    for _ in range(3):
        await browser.get(seen.url)
        await browser.get(f"/auth/?credentialToken={token}")
        await browser.get(seen.url + "&answer=confirm", follow=False)
    assert world.stores.audit == audit
    assert await world.stores.credentials.list_credentials() == []


async def test_the_question_says_who_asks_for_what_and_where_it_leads() -> None:
    world = World()
    _browser, seen, _token = await asked(world, allowed_networks=(ip_network("192.0.2.0/24"),))
    owner = await world.stores.users.find_user("dev")
    alice = await world.stores.users.find_user("alice")
    assert owner is not None
    assert alice is not None
    for shown in (
        "Mail for your domain",
        "Sets up mail records for you",
        owner.account,
        alice.login,
        alice.account,
        "15 January 2027, 08:00 UTC",
        "from 192.0.2.9",
        "192.0.2.0/24",
        "https://shop.example",
        "Records of the zone",
        "Create a new DNS record",
        "Delete a DNS record",
        "It may read",
        "It may change and create",
        "It may delete",
        "DELETE",
        "/domain/zone/example.org/record/*",
    ):
        assert shown in seen.text, shown
    assert "state=1" not in seen.text, "an unguessable value in the redirection must not be shown before Confirm"


@pytest.mark.parametrize(
    ("rule", "mark"),
    [("GET /*", "whole account"), ("POST /me/api/*", "can change access"), ("DELETE /domain/zone/x", "deletes")],
)
async def test_risk_is_marked(rule: str, mark: str) -> None:
    _browser, seen, _token = await asked(World(), rule)
    assert f">{mark}<" in seen.html
    assert "Look twice" in seen.text


async def test_harmless_rights_carry_no_mark() -> None:
    _browser, seen, _token = await asked(World(), "GET /me")
    assert "badge-" not in seen.html
    assert "Look twice" not in seen.text


async def test_ninety_days_are_preselected() -> None:
    _browser, seen, _token = await asked(World())
    assert seen.form("/auth/").values["validity"] == "7776000"
    offered = ["1 hour", "1 day", "7 days", "30 days", "90 days", "1 year", "Until I take it back"]
    places = [seen.text.index(text) for text in offered]
    assert places == sorted(places)


async def test_confirming_grants_what_was_shown_and_goes_on_to_the_letter() -> None:
    world = World()
    follow = "https://Shop.Example/back/%7Bx%7D?a=[1]&b='%20|c{}#frag^"
    browser, seen, _token = await asked(world, redirection=follow)
    answer = await browser.submit(seen.form("/auth/"), follow=False, answer="confirm")
    assert (answer.status, answer.answer.headers["Location"]) == (303, follow)
    [credential] = await world.stores.credentials.list_credentials()
    assert credential.state is CredentialState.VALIDATED
    assert credential.expires == world.clock.now + 7776000
    assert [str(rule) for rule in credential.rules] == list(RULES)


@pytest.mark.parametrize(
    ("validity", "seconds"), [("60", 60), ("3600", 3600), ("86399", 86399), ("0090", 90), ("unlimited", None)]
)
async def test_any_length_from_a_minute_up_can_be_chosen(validity: str, seconds: int | None) -> None:
    world = World()
    browser, seen, _token = await asked(world)
    answer = await browser.submit(seen.form("/auth/"), follow=False, answer="confirm", validity=validity)
    assert answer.status == 303
    [credential] = await world.stores.credentials.list_credentials()
    assert credential.expires == (None if seconds is None else world.clock.now + seconds)


@pytest.mark.parametrize(
    "validity", ["59", "0", "-60", "1e3", "", " 60", "٦٠٠", "9" * 12, "9" * 400, "forever", "60.0"]
)
async def test_another_length_comes_back_beside_its_field_and_grants_nothing(validity: str) -> None:
    world = World()
    browser, seen, _token = await asked(world)
    answer = await browser.submit(seen.form("/auth/"), answer="confirm", validity=validity)
    assert (answer.status, answer.page) == (400, "consent")
    assert 'id="error-validity"' in answer.html
    assert await world.stores.credentials.list_credentials() == []
    assert (await browser.submit(answer.form("/auth/"), follow=False, answer="confirm")).status == 303


@pytest.mark.parametrize("redirection", [None, "$REDIRECT_URL", "javascript:alert(1)", "https://u:p@shop.example/"])
async def test_where_there_is_nothing_to_follow_the_page_says_done(redirection: str | None) -> None:
    world = World()
    browser, seen, _token = await asked(world, redirection=redirection)
    assert "you stay here" in seen.text
    answer = await browser.submit(seen.form("/auth/"), answer="confirm")
    assert (answer.status, answer.page) == (200, "done")
    assert "Confirmed" in answer.text


async def test_the_form_may_end_at_the_redirections_origin_on_this_page_only() -> None:
    world = World()
    browser, seen, _token = await asked(world)
    policy = seen.answer.headers["Content-Security-Policy"]
    assert "form-action 'self' https://shop.example;" in policy
    policy = (await browser.get("/account")).answer.headers["Content-Security-Policy"]
    assert "form-action 'self';" in policy


async def test_refusing_grants_nothing_and_says_so() -> None:
    world = World()
    browser, seen, _token = await asked(world)
    answer = await browser.submit(seen.form("/auth/"), answer="refuse")
    assert (answer.status, answer.page) == (200, "refused")
    [credential] = await world.stores.credentials.list_credentials()
    assert credential.state is CredentialState.REFUSED


async def test_a_question_is_answered_once_and_the_way_on_is_offered_again() -> None:
    world = World()
    browser, seen, token = await asked(world)
    await browser.submit(seen.form("/auth/"), follow=False, answer="confirm")
    for again in (
        await browser.submit(seen.form("/auth/"), answer="refuse"),
        await browser.get(seen.url),
        await browser.get(f"/auth/?credentialToken={token}"),
    ):
        assert (again.status, again.page) == (410, "ended-answered")
        assert 'href="https://shop.example/back?state=1"' in again.html
    assert len(await world.stores.credentials.list_credentials()) == 1


async def test_somebody_else_learns_nothing_of_an_answer() -> None:
    world = World()
    browser, seen, token = await asked(world)
    await browser.submit(seen.form("/auth/"), follow=False, answer="confirm")
    await world.person("bob")
    other = world.browser()
    await other.log_in("bob")
    seen = await other.get(f"/auth/?credentialToken={token}")
    assert (seen.status, seen.page) == (403, "ended-answered_by_other")
    for secret in ("shop.example", "Mail for your domain", "alice"):
        assert secret not in seen.html


async def test_an_expired_question_says_so() -> None:
    world = World()
    request = await world.ask(await world.application())
    world.clock.advance(86401)
    seen = await world.browser().get(f"/auth/?credentialToken={request.token}")
    assert (seen.status, seen.page) == (410, "ended-expired")


@pytest.mark.parametrize("token", ["a" * 64, "x", "%00", "%F0%9F%92%A9", "a" * 65, "../..", ""])
async def test_a_link_that_leads_nowhere_says_so(token: str) -> None:
    seen = await World().browser().get(f"/auth/?credentialToken={token}")
    assert seen.status in {400, 404}
    assert seen.answer.headers["content-type"] == "text/html; charset=utf-8"


async def test_guessing_links_is_stopped() -> None:
    world = World()
    request = await world.ask(await world.application())
    browser = world.browser()
    for number in range(200):
        assert (await browser.get(f"/auth/?credentialToken={number:064}")).status == 404
    seen = await browser.get(f"/auth/?credentialToken={request.token}")
    assert seen.status == 429
    assert 0 < int(seen.answer.headers["Retry-After"]) <= 601
    world.clock.advance(601)
    assert (await browser.get(f"/auth/?credentialToken={request.token}")).status == 200


async def test_a_suspended_application_can_be_granted_nothing() -> None:
    world = World()
    browser, seen, _token = await asked(world)
    application = (await world.stores.applications.list_applications(owner=None))[0]
    await world.authority.applications.suspend(application.owner, application.id, actor="user:dev", address="")
    answer = await browser.submit(seen.form("/auth/"), answer="confirm")
    assert (answer.status, answer.page) == (403, "ended-application_unavailable")
    found = await world.stores.applications.find_application(application.id)
    assert found is not None
    assert found.status is ApplicationStatus.INACTIVE


async def test_switching_the_account_comes_back_to_the_question() -> None:
    world = World()
    browser, seen, _token = await asked(world)
    await world.person("bob")
    login = await browser.submit(seen.form("/logout"))
    assert login.page == "login"
    again = await browser.submit(login.form("/login"), login="bob", password=PASSWORD)
    assert again.page == "consent"
    assert "bob" in again.text
    assert "alice" not in again.text


async def test_a_form_of_another_session_of_mine_is_refused() -> None:
    world = World()
    browser, seen, _token = await asked(world)
    form = seen.form("/auth/")
    await browser.submit(seen.form("/logout"))
    await browser.log_in()
    answer = await browser.submit(form, answer="confirm")
    assert answer.status == 403
    assert await world.stores.credentials.list_credentials() == []


async def test_a_form_that_was_shown_other_rules_is_refused() -> None:
    world = World()
    browser, seen, _token = await asked(world)
    answer = await browser.submit(seen.form("/auth/"), answer="confirm", rules_hash="0" * 64)
    assert answer.status == 403
    assert await world.stores.credentials.list_credentials() == []


async def test_a_form_of_one_question_does_not_answer_another() -> None:
    world = World()
    browser, seen, _token = await asked(world, "GET /me")
    second = await world.ask(await world.application("Second"), "GET /me")
    other = await browser.get(f"/auth/?credentialToken={second.token}")
    mixed = seen.form("/auth/").values | {"request": other.form("/auth/").values["request"], "answer": "confirm"}
    assert (await browser.post("/auth/", mixed)).status == 403
    assert await world.stores.credentials.list_credentials() == []


async def test_two_questions_may_be_open_at_once() -> None:
    world = World()
    browser, first, _token = await asked(world)
    request = await world.ask(await world.application("Second"), "GET /me", redirection=None)
    second = await browser.get(f"/auth/?credentialToken={request.token}")
    assert (await browser.submit(second.form("/auth/"), answer="confirm")).page == "done"
    assert (await browser.submit(first.form("/auth/"), follow=False, answer="confirm")).status == 303


async def test_many_open_questions_do_not_grow_the_cookies_without_end() -> None:
    world = World()
    application = await world.application()
    browser = world.browser()
    addresses = []
    for _ in range(20):
        request = await world.ask(application)
        addresses.append((await browser.get(f"/auth/?credentialToken={request.token}")).url)
    kept = [name for name in browser.http.cookies if "mandat-ask-" in name]
    assert len(kept) == 8
    assert (await browser.get(addresses[-1])).status == 200
    assert (await browser.get(addresses[0])).status == 404


async def test_after_the_session_has_ended_the_answer_waits_for_a_login() -> None:
    world = World()
    browser, seen, _token = await asked(world)
    world.clock.advance(1801)
    answer = await browser.submit(seen.form("/auth/"), answer="confirm")
    assert answer.page == "login"
    assert await world.stores.credentials.list_credentials() == []
    again = await browser.submit(answer.form("/login"), login="alice", password=PASSWORD)
    assert again.page == "consent"


async def test_when_storage_fails_nothing_is_said_to_be_granted() -> None:
    world = World()
    browser, seen, _token = await asked(world)
    world.stores.health.failing.add("answer_request")
    answer = await browser.submit(seen.form("/auth/"), answer="confirm")
    assert answer.status == 503
    assert "Nothing was changed" in answer.text
    assert StorageUnavailable.__name__ not in answer.text
    world.stores.health.failing.clear()
    assert (await browser.submit(seen.form("/auth/"), follow=False, answer="confirm")).status == 303
