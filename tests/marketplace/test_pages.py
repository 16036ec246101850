"""The marketplace's pages as a browser without JavaScript meets them."""

import re
from collections.abc import Callable

import httpx2
import pytest

from doubles.nature import SetClock
from doubles.zone_provider import AK, AS, BRUNO, ZoneProvider
from mandat.marketplace.pages.application import make_application
from mandat.marketplace.wiring import Marketplace
from marketplace.browser import Browser, forms_of
from marketplace.shop import Shop

ORIGIN = "http://shop.test:8701"
PREVIEW = "/stacks/mail-dns/preview?zone=example.org"


@pytest.fixture
def transport(marketplace: Marketplace) -> httpx2.ASGITransport:
    return httpx2.ASGITransport(make_application(marketplace.site), client=("192.0.2.7", 4711))


@pytest.fixture
def browser(transport: httpx2.ASGITransport) -> Browser:
    return Browser(ORIGIN, transport=transport)


async def sign_up(browser: Browser, login: str = "carol", onward: str = "/") -> None:
    await browser.open(f"/signup?next={onward}")
    await browser.submit("/signup", login=login, password="correct horse")


async def order(browser: Browser) -> None:
    """Orders; the browser is then at the provider's door."""
    await browser.open(PREVIEW)
    await browser.submit("/stacks/mail-dns/install")
    assert browser.left_for.startswith("http://provider.test/auth/"), browser.page.text


async def confirm(browser: Browser, provider: ZoneProvider, shop: Shop, account: str = "aa1-test") -> str:
    """Confirms at the provider, comes back, and lets the engine work. Gives the installation's path."""
    await browser.open(provider.confirm(browser.left_for, account))
    path = browser.page.url.path
    shop.run(shop.get(path.rpartition("/")[2]))
    await browser.open(path)
    return path


# -- the first run


async def test_without_keys_the_first_page_asks_the_developer_for_them(browser: Browser) -> None:
    await browser.open("/")
    assert browser.shows("setup")
    assert "http://provider.test/createApp/" in browser.page.text


async def test_keys_that_work_open_the_shop(browser: Browser, marketplace: Marketplace) -> None:
    await browser.open("/setup")
    await browser.submit("/setup", application_key=f" {AK} ", application_secret=AS)
    assert browser.shows("catalogue") and "Connected" in browser.page.text
    found = marketplace.site.registrations.find()
    assert found is not None and found.application_secret == AS
    assert found.validation_origin == "http://provider.test"


@pytest.mark.parametrize(
    ("key", "secret", "field", "words"),
    [
        ("B" * 16, AS, "application_key", "does not know this application key"),
        (AK, "C" * 32, "application_secret", "does not belong to this application key"),
        ("short", AS, "application_key", "8 to 64 letters and digits"),
        (AK, "with blanks in it", "application_secret", "8 to 64 letters and digits"),
    ],
)
async def test_keys_that_do_not_work_are_told_apart(
    browser: Browser, marketplace: Marketplace, key: str, secret: str, field: str, words: str
) -> None:
    await browser.open("/setup")
    answer = await browser.submit("/setup", application_key=key, application_secret=secret)
    assert answer.status_code == 400
    assert re.search(rf'id="error-{field}">[^<]*{words}', answer.text)
    assert secret not in answer.text
    assert marketplace.site.registrations.find() is None


async def test_a_shop_with_keys_takes_no_others_without_a_setup_code(browser: Browser, shop: Shop) -> None:
    await browser.open("/setup")
    assert browser.shows("setup-done")


async def test_the_setup_code_is_asked_for_where_there_is_one(browser: Browser, shop: Shop) -> None:
    shop.site.setup_code = "let me in"
    await browser.open("/setup")
    answer = await browser.submit("/setup", setup_code="wrong", application_key=AK, application_secret=AS)
    assert answer.status_code == 400 and "not the setup code" in answer.text
    await browser.submit("/setup", setup_code="let me in", application_key=AK, application_secret=AS)
    assert browser.shows("catalogue")


async def test_guessing_the_setup_code_is_slowed_down(browser: Browser, shop: Shop) -> None:
    shop.site.setup_code = "let me in"
    await browser.open("/setup")
    for _ in range(10):
        await browser.submit("/setup", setup_code="wrong", application_key=AK, application_secret=AS)
    answer = await browser.submit("/setup", setup_code="let me in", application_key=AK, application_secret=AS)
    assert "too many tries" in answer.text


# -- before an order


async def test_the_catalogue_and_the_preview_need_no_login_and_ask_nothing(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await browser.open("/")
    assert browser.shows("catalogue")
    await browser.open("/stacks/mail-dns")
    await browser.submit("/stacks/mail-dns/preview", zone="example.org")
    assert browser.shows("preview")
    assert provider.delegations == [] and provider.calls == []


async def test_the_preview_shows_steps_creations_words_and_rules(browser: Browser, shop: Shop) -> None:
    text = (await browser.open(PREVIEW)).text
    for shown in (
        "Send mail for example.org to mail.example.org",
        "v=DMARC1; p=none; rua=mailto:postmaster@example.org",
        "Add DNS records to the zone example.org",
        "/domain/zone/example.org/refresh",
        "See which account you answered with",
    ):
        assert shown in text


@pytest.mark.parametrize("zone", ["", "..%2Fx", "exa%20mple.org", "*.org", "%3Cscript%3E", "%E2%80%AEgro.elpmaxe"])
async def test_a_zone_that_does_not_fit_is_refused_before_anything_is_asked(
    browser: Browser, shop: Shop, provider: ZoneProvider, zone: str
) -> None:
    answer = await browser.open(f"/stacks/mail-dns/preview?zone={zone}")
    assert answer.status_code == 400 and 'id="error-zone"' in answer.text
    assert "<script>" not in answer.text
    assert provider.delegations == []


async def test_what_was_typed_stays_when_something_is_changed(browser: Browser, shop: Shop) -> None:
    await sign_up(browser)
    await browser.open(PREVIEW + "&dmarcPolicy=reject")
    back = re.search(r'href="(/stacks/mail-dns\?[^"]*)"', browser.page.text)
    assert back is not None
    await browser.open(back[1].replace("&amp;", "&"))
    form = next(form for form in forms_of(browser.page.text) if form.action.endswith("/preview"))
    assert (form.fields["zone"], form.fields["dmarcPolicy"]) == ("example.org", "reject")


async def test_signing_up_comes_back_to_the_preview(browser: Browser, shop: Shop) -> None:
    await browser.open(PREVIEW)
    link = re.search(r'href="(/signup\?[^"]*)"', browser.page.text)
    assert link is not None
    await browser.open(link[1].replace("&amp;", "&"))
    await browser.submit("/signup", login="carol", password="correct horse")
    assert browser.shows("preview") and "Ask for these rights" in browser.page.text


async def test_a_shop_without_keys_cannot_take_orders(browser: Browser, marketplace: Marketplace) -> None:
    await sign_up(browser)
    await browser.open(PREVIEW)
    assert "not open yet" in browser.page.text
    assert not any(form.action.endswith("/install") for form in forms_of(browser.page.text))


# -- ordering


async def test_an_order_makes_one_request_with_the_rules_shown(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await browser.open(PREVIEW)
    await browser.submit("/stacks/mail-dns/install")
    assert browser.left_for == "http://provider.test/auth/?credentialToken=0"
    (delegation,) = provider.delegations
    assert delegation.rules[2] == ("POST", "/domain/zone/example.org/record")
    assert delegation.redirection.startswith(f"{ORIGIN}/installations/")


async def test_the_preview_lets_its_form_lead_to_the_provider_and_nowhere_else(browser: Browser, shop: Shop) -> None:
    await sign_up(browser)
    policy = (await browser.open(PREVIEW)).headers["content-security-policy"]
    assert "form-action 'self' http://provider.test;" in policy
    assert "script-src" not in policy


async def test_a_provider_that_sends_customers_elsewhere_gets_a_link(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await browser.open(PREVIEW)
    provider.base = "http://other.test/1.0"
    await browser.submit("/stacks/mail-dns/install")
    assert browser.shows("send-off")
    assert 'href="http://other.test/auth/?credentialToken=0"' in browser.page.text


async def test_confirming_installs_and_says_what_was_created(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await order(browser)
    await confirm(browser, provider, shop)
    assert browser.state == "installed"
    for shown in (
        "aa1-test",
        "dig +short @127.0.0.1 -p 8703 _dmarc.example.org TXT",
        "dig +short @127.0.0.1 -p 8703 example.org MX",
        str(2**40 + 3),
    ):
        assert shown in browser.page.text


async def test_the_list_shows_own_installations_only(
    browser: Browser, shop: Shop, transport: httpx2.ASGITransport
) -> None:
    await sign_up(browser)
    await order(browser)
    other = Browser(ORIGIN, transport=transport)
    await sign_up(other, "dave")
    assert "Mail DNS set on example.org" in (await browser.open("/installations")).text
    assert "Nothing here yet" in (await other.open("/installations")).text


async def test_somebody_elses_installation_is_not_there(
    browser: Browser, shop: Shop, provider: ZoneProvider, transport: httpx2.ASGITransport
) -> None:
    await sign_up(browser)
    await order(browser)
    path = "/installations/" + provider.delegations[0].redirection.split("/")[4]
    other = Browser(ORIGIN, transport=transport)
    await sign_up(other, "dave")
    for tail in ("", "/events", "/return?mandat_return=x"):
        assert (await other.open(path + tail)).status_code == 404
    for tail in ("/ask", "/retry", "/check"):
        assert (await other.post(path + tail, "-token=x")).status_code == 404


async def test_refused_at_the_provider_the_page_waits_and_offers_to_ask_again(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await order(browser)
    provider.refuse(browser.left_for)
    path = provider.delegations[0].redirection.removeprefix(ORIGIN).partition("/return")[0]
    await browser.open(path)
    assert browser.state == "awaiting_permission" and "Waiting for your answer" in browser.page.text
    await browser.submit(f"{path}/ask")
    await confirm(browser, provider, shop)
    assert browser.state == "installed"


async def test_taken_back_in_the_middle_the_page_says_so_and_goes_on_after_asking_again(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await order(browser)
    provider.after = lambda method, path: provider.revoke_all() if len(provider.records) == 2 else None
    path = await confirm(browser, provider, shop)
    assert browser.state == "needs_permission"
    assert "The permission no longer works" in browser.page.text and "nothing is done twice" in browser.page.text
    provider.after = lambda method, path: None
    await browser.submit(f"{path}/ask")
    await confirm(browser, provider, shop)
    assert browser.state == "installed" and len(provider.records) == 4


async def test_a_refused_step_shows_the_providers_words_and_can_change_the_account(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await order(browser)
    path = await confirm(browser, provider, shop, BRUNO)
    assert browser.state == "failed"
    assert "This service does not exist" in browser.page.text and "TEST." in browser.page.text
    await browser.submit(f"{path}/ask")
    await confirm(browser, provider, shop)
    assert browser.state == "installed"


async def test_a_failed_step_can_be_tried_again(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    await order(browser)
    provider.fault = lambda method, path: (400, {"message": "not today"}) if path.endswith("/refresh") else None
    path = await confirm(browser, provider, shop)
    assert "not today" in browser.page.text
    provider.fault = lambda method, path: None
    await browser.submit(f"{path}/retry")
    shop.run(shop.get(path.rpartition("/")[2]))
    await browser.open(path)
    assert browser.state == "installed"


async def test_an_answer_that_comes_back_in_another_browser_is_not_used(
    browser: Browser, shop: Shop, provider: ZoneProvider, transport: httpx2.ASGITransport
) -> None:
    """The customer of the shop is lured into confirming what somebody else started, or the other way round."""
    await sign_up(browser)
    await order(browser)
    return_url = provider.confirm(browser.left_for)
    elsewhere = Browser(ORIGIN, transport=transport)
    await elsewhere.open("/login")
    await elsewhere.submit("/login", login="carol", password="correct horse")
    await elsewhere.open(return_url)
    assert elsewhere.state == "awaiting_permission" and "was not used" in elsewhere.page.text
    assert provider.logged_out == [provider.delegations[0].consumer_key]
    await browser.open(return_url)
    assert browser.state == "awaiting_permission"
    assert provider.calls == []


async def test_a_wrong_return_value_ends_what_waits(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    await order(browser)
    return_url = provider.confirm(browser.left_for)
    await browser.open(return_url.partition("?")[0] + "?mandat_return=guessed")
    assert browser.state == "awaiting_permission" and "was not used" in browser.page.text
    assert provider.logged_out == [provider.delegations[0].consumer_key]


async def test_coming_back_twice_changes_nothing(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    await order(browser)
    return_url = provider.confirm(browser.left_for)
    await confirm(browser, provider, shop)
    await browser.open(return_url)
    assert browser.state == "installed"
    assert provider.delegations[0].state == "validated"


async def test_a_taken_back_permission_is_seen_when_asked(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    await order(browser)
    path = await confirm(browser, provider, shop)
    assert "does not work any more" not in browser.page.text
    provider.revoke_all()
    await browser.submit(f"{path}/check")
    assert "does not work any more" in browser.page.text
    assert browser.state == "installed"


async def test_when_the_provider_does_not_take_the_request_the_preview_says_so(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await browser.open(PREVIEW)
    shop.register("D" * 16)
    answer = await browser.submit("/stacks/mail-dns/install")
    assert answer.status_code == 502 and "did not take the request" in answer.text
    assert "Nothing here yet" in (await browser.open("/installations")).text


async def test_a_form_sent_twice_is_one_order(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    preview = await browser.open(PREVIEW)
    await browser.submit("/stacks/mail-dns/install")
    first = browser.left_for
    browser.page = preview
    await browser.submit("/stacks/mail-dns/install")
    assert browser.left_for == first and len(provider.delegations) == 1


async def test_a_preview_opened_anew_is_another_order(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    await order(browser)
    await order(browser)
    assert len(provider.delegations) == 2


async def test_ordering_without_end_is_stopped(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    for _ in range(40):
        await order(browser)
    await browser.open(PREVIEW)
    assert (await browser.submit("/stacks/mail-dns/install")).status_code == 429
    assert len(provider.delegations) == 40


async def test_asking_again_for_what_is_installed_asks_nothing(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await order(browser)
    await browser.open(provider.confirm(browser.left_for))
    running = browser.page
    path = running.url.path
    shop.run(shop.get(path.rpartition("/")[2]))
    token = shop.site.tokens.make("ask", "session:" + shop.session_of("carol").hex(), path.rpartition("/")[2])
    await browser.post(f"{path}/ask", f"-token={token}")
    assert browser.state == "installed" and len(provider.delegations) == 1


# -- progress


async def test_a_running_installation_loads_itself_again_without_javascript(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await order(browser)
    await browser.open(provider.confirm(browser.left_for))
    assert browser.state == "running"
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in browser.page.text
    policy = browser.page.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "connect-src 'self'" in policy


async def test_progress_streams_until_the_end(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    await order(browser)
    await browser.open(provider.confirm(browser.left_for))
    path = browser.page.url.path
    shop.run(shop.get(path.rpartition("/")[2]))
    answer = await browser.open(f"{path}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == "event: end\ndata:\n\n"


# -- strictness


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"login=a&login=b", 400, "&#34;login&#34; is there twice"),
        (b"login=%ff", 400, "&#34;login&#34; is not text in UTF-8"),
        (b"login=%zz", 400, "&#34;login&#34; is not text in UTF-8"),
        (b"login=%00", 400, "&#34;login&#34; is not text in UTF-8"),
        (b"login=%ed%a0%80", 400, "&#34;login&#34; is not text in UTF-8"),
        (b"login=x", 400, "&#34;-token&#34; is missing"),
        (b"&".join(b"f%d=1" % number for number in range(60)), 400, "more fields"),
        (b"login=" + b"x" * 40_000, 413, "too large"),
    ],
)
async def test_a_form_no_browser_would_send_is_refused_naming_the_field(
    browser: Browser, shop: Shop, body: bytes, status: int, words: str
) -> None:
    answer = await browser.post("/login", body)
    assert (answer.status_code, words in answer.text) == (status, True)


@pytest.mark.parametrize("path", ["/login", "/signup", "/setup", "/logout", "/stacks/mail-dns/install"])
async def test_a_form_from_another_site_is_refused(browser: Browser, shop: Shop, path: str) -> None:
    answer = await browser.post(path, "-token=x", Origin="http://evil.test")
    assert answer.status_code == 403
    without = await browser.post(path, "-token=x", Origin="null")
    assert without.status_code == 403


async def test_a_form_of_another_session_is_refused(
    browser: Browser, shop: Shop, transport: httpx2.ASGITransport, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    other = Browser(ORIGIN, transport=transport)
    await sign_up(other, "dave")
    await browser.open(PREVIEW)
    other.page = browser.page
    assert (await other.submit("/stacks/mail-dns/install")).status_code == 403
    assert provider.delegations == []


async def test_an_order_is_for_what_was_shown(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    await browser.open(PREVIEW)
    assert (await browser.submit("/stacks/mail-dns/install", zone="second.example")).status_code == 403
    assert provider.delegations == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/stacks/none", 404),
        ("GET", "/stacks/none/preview", 404),
        ("GET", "/static/none.css", 404),
        ("GET", "/static/..%2Fpage.py", 404),
        ("PUT", "/login", 405),
        ("GET", "/stacks/mail-dns/preview?zone=a&zone=b", 400),
        ("GET", "/stacks/mail-dns/preview?zone=%ff", 400),
        ("GET", "/stacks/mail-dns/preview?" + "a=" + "x" * 9000, 400),
        ("GET", "/installations/%00", 404),
    ],
)
async def test_a_wrong_address_gets_a_page_that_says_so(
    browser: Browser, shop: Shop, method: str, path: str, status: int
) -> None:
    await sign_up(browser)
    answer = await browser.client.request(method, path)
    assert answer.status_code == status
    assert "<h1>" in answer.text


async def test_pages_of_members_ask_for_login_and_come_back(browser: Browser, shop: Shop) -> None:
    await sign_up(browser)
    await browser.submit("/logout")
    await browser.open("/installations?x=1")
    assert browser.shows("market-login")
    await browser.submit("/login", login="carol", password="correct horse")
    assert browser.shows("installations") and browser.page.url.query == b"x=1"


@pytest.mark.parametrize(
    "target", ["//evil.test", "/\\evil.test", "http://evil.test", "javascript:x", "/%0d%0aSet-Cookie:x"]
)
async def test_login_goes_on_to_own_pages_only(browser: Browser, shop: Shop, target: str) -> None:
    await sign_up(browser, onward=target)
    assert browser.left_for == ""
    assert browser.shows("catalogue") or browser.page.url.path.startswith("/%0d")


async def test_another_host_name_leads_to_the_public_one(shop: Shop, transport: httpx2.ASGITransport) -> None:
    client = httpx2.AsyncClient(transport=transport)
    answer = await client.get("http://127.0.0.1:8701/stacks/mail-dns?zone=a%20b")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{ORIGIN}/stacks/mail-dns?zone=a%20b")


async def test_every_page_forbids_framing_and_keeping(browser: Browser, shop: Shop) -> None:
    for path in ("/", "/login", "/stacks/mail-dns", PREVIEW, "/nowhere"):
        headers = (await browser.client.get(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


async def test_pages_can_be_asked_for_without_their_body(browser: Browser, shop: Shop) -> None:
    answer = await browser.client.head("/stacks")
    assert answer.status_code == 200


async def test_static_files_are_served_under_their_version(browser: Browser, shop: Shop) -> None:
    html = (await browser.open("/stacks")).text
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', html):
        answer = await browser.client.get(path)
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]


async def test_no_page_ever_shows_a_key(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    seen: list[str] = []
    browser.client.event_hooks["response"] = [_collect(seen)]
    await sign_up(browser)
    await order(browser)
    path = await confirm(browser, provider, shop)
    for page in (path, "/installations", "/setup", PREVIEW):
        await browser.open(page)
    everything = "".join(seen)
    assert len(seen) > 8
    assert AS not in everything and provider.delegations[0].consumer_key not in everything


def _collect(seen: list[str]) -> Callable[[httpx2.Response], object]:
    async def collect(answer: httpx2.Response) -> None:
        await answer.aread()
        seen.append(f"{answer.headers} {answer.text}")

    return collect


# -- members


async def test_a_wrong_password_and_an_unknown_login_are_told_the_same(browser: Browser, shop: Shop) -> None:
    shop.log_in("carol")
    texts = []
    for login in ("carol", "nobody"):
        await browser.open("/login")
        answer = await browser.submit("/login", login=login, password="wrong horse")
        assert answer.status_code == 400
        texts.append(re.findall(r"<li>([^<]*)</li>", answer.text))
    assert texts[0] == texts[1] and texts[0][0] == "Login or password is wrong."


async def test_guessing_passwords_is_stopped_and_starts_anew_after_a_while(
    browser: Browser, shop: Shop, clock: SetClock
) -> None:
    shop.log_in("carol")
    await browser.open("/login")
    for _ in range(10):
        await browser.submit("/login", login="carol", password="wrong horse")
    answer = await browser.submit("/login", login="carol", password="correct horse")
    assert answer.status_code == 429 and "too many tries" in answer.text
    clock.advance(901)
    await browser.submit("/login", login="carol", password="correct horse")
    assert browser.shows("catalogue")


@pytest.mark.parametrize(
    ("login", "password", "field"),
    [
        ("ab", "correct horse", "login"),
        ("a b", "correct horse", "login"),
        ("<b>", "correct horse", "login"),
        ("carol", "short", "password"),
        ("carol", "x" * 1025, "password"),
        ("CAROL ", "correct horse", "login"),
    ],
)
async def test_signing_up_says_what_does_not_fit(
    browser: Browser, shop: Shop, login: str, password: str, field: str
) -> None:
    shop.log_in("carol")
    await browser.open("/signup")
    answer = await browser.submit("/signup", login=login, password=password)
    assert answer.status_code == 400 and f'id="error-{field}"' in answer.text


async def test_a_session_ends_when_it_is_not_used(browser: Browser, shop: Shop, clock: SetClock) -> None:
    await sign_up(browser)
    clock.advance(2 * 3600 - 5)
    await browser.open("/installations")
    assert browser.shows("installations")
    clock.advance(2 * 3600 + 5)
    await browser.open("/installations")
    assert browser.shows("market-login")


async def test_a_session_ends_after_half_a_day_in_any_case(browser: Browser, shop: Shop, clock: SetClock) -> None:
    await sign_up(browser)
    for _ in range(13):
        clock.advance(3600)
        await browser.open("/installations")
    assert browser.shows("market-login")


async def test_logging_out_ends_the_session_and_not_only_the_cookie(browser: Browser, shop: Shop) -> None:
    await sign_up(browser)
    cookies = dict(browser.client.cookies.items())
    await browser.submit("/logout")
    browser.client.cookies.update(cookies)
    answer = await browser.client.get("/installations")
    assert answer.status_code == 303


async def test_a_ready_check_waits_for_the_engine(browser: Browser, shop: Shop) -> None:
    assert (await browser.open("/health/live")).status_code == 200
    assert (await browser.open("/health/ready")).status_code == 503
