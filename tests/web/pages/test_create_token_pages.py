"""createToken: a form that links fill in, a review in words, keys once; nothing made before, nothing made twice."""

import asyncio
import re

import pytest

from support.pages import ORIGIN, Browser, Seen, SeenForm, World

PATH = "/createToken/"
TYPED = {
    "name": "My script",
    "description": "Renews things",
    "validity": "3600",
    "addresses": "192.0.2.0/24",
    "method_1": "GET",
    "path_1": "/domain/zone",
    "method_2": "DELETE",
    "path_2": "/domain/zone/*",
}


async def form_of(world: World, path: str = PATH) -> tuple[Browser, SeenForm]:
    """A browser in front of the form, as alice."""
    await world.person()
    browser = world.browser()
    return browser, (await browser.log_in(path=path)).form(PATH)


async def review(browser: Browser, form: SeenForm, **typed: str) -> Seen:
    return await browser.submit(form, step="review", **(TYPED | typed))


async def create(browser: Browser, form: SeenForm, *, follow: bool = True) -> Seen:
    """Reads the review and confirms it."""
    seen = await review(browser, form)
    return await browser.submit(seen.forms[-2], follow=follow, step="create")


def nothing_made(world: World) -> bool:
    return not (world.stores.applications.rows or world.stores.credentials.rows or world.stores.requests.rows)


@pytest.mark.parametrize(
    "path", [PATH, "/createToken", "/createToken/index.cgi", "/api/createToken", "/api/createToken/"]
)
async def test_the_form_is_found_under_all_its_addresses(path: str) -> None:
    _browser, form = await form_of(World(), path)
    assert {"name", "description", "validity", "addresses", "method_1", "path_1"} <= set(form.values)
    assert form.values["validity"] == "7776000"


async def test_the_review_says_what_the_keys_may_do_and_makes_nothing() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form)
    assert (seen.status, seen.page) == (200, "review-token")
    for said in (
        "My script",
        "1 hour",
        "192.0.2.0/24",
        "List available services",
        "Look twice",
        "It may delete",
        "deletes",
    ):
        assert said in seen.text
    assert nothing_made(world)


async def test_the_keys_are_shown_with_how_to_use_them() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await create(browser, form)
    [application] = world.stores.applications.rows.values()
    [credential] = world.stores.credentials.rows.values()
    shown = dict(re.findall(r'aria-labelledby="([a-z-]+)">([A-Za-z0-9]+)<', seen.html))
    assert (seen.status, seen.page) == (200, "token-created")
    assert shown["application-key"] == application.key
    assert shown["application-secret"] == world.stores.applications.secrets[application.id]
    assert len(shown["consumer-key"]) == 32
    assert credential.application_id == application.id
    assert [str(rule) for rule in credential.rules] == ["GET /domain/zone", "DELETE /domain/zone/*"]
    assert credential.expires == int(world.clock.now) + 3600
    assert f"{ORIGIN}/1.0" in seen.text


async def test_loading_the_page_again_does_not_show_the_keys() -> None:
    world = World()
    browser, form = await form_of(world)
    first = await create(browser, form)
    keys = set(re.findall(r"\b[A-Za-z0-9]{32}\b", first.text))
    again = await browser.get(first.url)
    assert again.page == "token-shown"
    assert keys
    assert not any(key in again.html for key in keys)


async def test_sending_the_review_again_makes_nothing_more() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form)
    both = await asyncio.gather(*(browser.submit(seen.forms[-2], follow=False, step="create") for _ in range(2)))
    assert [one.status for one in both] == [303, 303]
    assert len(world.stores.applications.rows) == len(world.stores.credentials.rows) == 1
    assert (await browser.get(both[0].answer.headers["Location"])).page == "token-created"
    assert (await browser.submit(seen.forms[-2], step="create")).page == "token-shown"


async def test_nobody_else_sees_the_keys_with_the_same_address() -> None:
    world = World()
    browser, form = await form_of(world)
    location = (await create(browser, form, follow=False)).answer.headers["Location"]
    await world.person("bob")
    other = world.browser()
    await other.log_in("bob")
    seen = await other.get(location)
    assert seen.page == "token-shown"
    assert "My script" not in seen.text
    assert (await browser.get(location)).page == "token-created"


async def test_what_was_reviewed_cannot_be_changed_on_the_way() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form)
    answer = await browser.submit(seen.forms[-2], step="create", path_1="/*")
    assert answer.status == 409
    assert nothing_made(world)


async def test_the_token_of_the_form_does_not_confirm_a_review() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form)
    answer = await browser.submit(seen.forms[-1], step="create")
    assert answer.status == 403
    assert nothing_made(world)


async def test_going_back_from_the_review_keeps_everything() -> None:
    browser, form = await form_of(World())
    seen = await review(browser, form)
    back = (await browser.submit(seen.forms[-1], step="change")).form(PATH)
    assert {name: back.values[name] for name in TYPED} == TYPED


async def test_rows_come_and_go_without_a_script() -> None:
    browser, form = await form_of(World())
    more = (await browser.submit(form, step="add", **TYPED)).form(PATH)
    assert {name: more.values[name] for name in TYPED} == TYPED
    assert (more.values["method_3"], more.values["path_3"]) == ("GET", "")
    less = (await browser.submit(more, step="add", path_1="")).form(PATH)
    assert (less.values["method_1"], less.values["path_1"]) == ("DELETE", "/domain/zone/*")
    assert "path_3" not in less.values


async def test_a_link_fills_the_form_in() -> None:
    link = (
        f"{PATH}?GET=/me&GET=%2fdomain/zone/%2A&POST=/me*&PUT=*&DELETE=/a&GET=/me&other=1"
        "&applicationName=My+script&applicationDescription=Renews%20things&duration=Unlimited&allowedIPs=192.0.2.1"
    )
    _browser, form = await form_of(World(), link)
    rows = [(form.values[f"method_{number}"], form.values[f"path_{number}"]) for number in range(1, 6)]
    assert rows == [("GET", "/me"), ("GET", "/domain/zone/*"), ("POST", "/me*"), ("PUT", "*"), ("DELETE", "/a")]
    assert "path_6" not in form.values
    assert form.values["name"] == "My script"
    assert form.values["description"] == "Renews things"
    assert form.values["validity"] == "unlimited"
    assert form.values["addresses"] == "192.0.2.1"


async def test_a_link_survives_signing_up_first() -> None:
    world = World()
    browser = world.browser()
    seen = await browser.get(f"{PATH}?GET=/domain/zone/*&applicationName=A%26B+%C3%A9&duration=300")
    assert seen.page == "login"
    [signup] = re.findall(r'href="(/signup\?[^"]+)"', seen.html)
    form = (await browser.get(signup.replace("&amp;", "&"))).form("/signup")
    arrived = await browser.submit(form, login="alice", password="correct horse battery")
    values = arrived.form(PATH).values
    assert (values["path_1"], values["name"], values["validity"]) == ("/domain/zone/*", "A&B é", "300")


async def test_a_link_says_that_it_filled_the_form_in() -> None:
    world = World()
    await world.person()
    browser = world.browser()
    await browser.log_in()
    said = "The link you followed filled in some of this"
    assert said in (await browser.get(f"{PATH}?GET=/me")).text
    assert said not in (await browser.get(PATH)).text
    assert said not in (await browser.get(f"{PATH}?utm_source=x")).text


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("GET=me", "path_1"),
        ("GET=/me&POST=/a/../b", "path_2"),
        ("GET=/me?x", "path_1"),
        ("GET=", "path_1"),
        ("GET=/%20a", "path_1"),
        ("GET=/%D9%A1", "path_1"),
        ("GET=" + "*" * 9, "path_1"),
        ("duration=soon", "validity"),
        ("duration=59", "validity"),
        ("duration=0", "validity"),
        ("duration=-1", "validity"),
        ("duration=9223372036854775808", "validity"),
        ("duration=%D9%A3600", "validity"),
        ("duration=", "validity"),
        ("applicationName=" + "x" * 65, "name"),
        ("applicationName=evil%E2%80%AEgnp", "name"),
        ("applicationDescription=" + "y" * 256, "description"),
        ("allowedIPs=here", "addresses"),
        ("allowedIPs=192.0.2.1/24", "addresses"),
    ],
)
async def test_a_link_with_something_wrong_shows_the_form_and_what_it_is(query: str, field: str) -> None:
    world = World()
    await world.person()
    browser = world.browser()
    await browser.log_in()
    seen = await browser.get(f"{PATH}?{query}")
    assert (seen.status, seen.page) == (400, "create-token")
    assert f'href="#field-{field}"' in seen.html
    assert f'id="field-{field}"' in seen.html
    assert f'id="error-{field}"' in seen.html


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("applicationName=a&applicationName=b", "applicationName"),
        ("duration=60&duration=60", "duration"),
        ("GET=%ff", "GET"),
        ("GET=/a%00b", "GET"),
        ("GET=%zz", "GET"),
        ("GET=/a&" * 301, "more fields"),
        ("GET=/" + "a" * 4000, "too long"),
    ],
)
async def test_a_link_that_cannot_be_read_is_refused(query: str, named: str) -> None:
    world = World()
    seen = await world.browser().get(f"{PATH}?{query}")
    assert seen.status == 400
    assert named in seen.text


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("name", "", 400),
        ("name", "   ", 400),
        ("name", "x" * 65, 400),
        ("name", "evil\u202egnp", 400),
        ("description", "", 400),
        ("description", "y" * 256, 400),
        ("validity", "", 400),
        ("validity", "soon", 400),
        ("validity", "59", 400),
        ("validity", "3162240001", 400),
        ("validity", "9223372036854775808", 400),
        ("validity", "\u0663600", 400),
        ("addresses", "here", 400),
        ("addresses", "192.0.2.1, 192.0.2.1/24", 400),
        ("addresses", "192.0.2.1 " * 257, 400),
        ("path_1", "domain", 400),
        ("path_1", "/a b", 400),
        ("path_2", "/domain//zone", 400),
        ("path_2", "/domain/zone?x=1", 400),
        ("path_2", "/\u0661", 400),
        ("path_2", "/" + "a" * 2048, 400),
    ],
)
async def test_a_bad_field_comes_back_named_with_what_was_typed(field: str, value: str, status: int) -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form, **{field: value})
    assert (seen.status, seen.page) == (status, "create-token")
    assert f'id="error-{field}"' in seen.html
    kept = seen.form(PATH).values
    typed = TYPED | ({} if field == "validity" else {field: value})
    assert {name: kept[name] for name in typed if name != "validity"} == {
        name: text for name, text in typed.items() if name != "validity"
    }
    assert nothing_made(world)


async def test_without_any_right_there_is_nothing_to_make() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form, path_1="", path_2=" ")
    assert seen.status == 400
    assert 'id="error-path_1"' in seen.html
    assert nothing_made(world)


@pytest.mark.parametrize("method", ["PATCH", "get", "*", ""])
async def test_another_method_is_refused(method: str) -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form, method_2=method)
    assert seen.status == 400
    assert "method must be one of" in seen.text
    assert nothing_made(world)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": None},
        {"addresses": None},
        {"method_1": None},
        {"path_2": None},
        {"step": None},
        {"step": "go"},
        {"form_number": None},
        {"form_token": None},
        {f"path_{number}": "/a" for number in range(3, 600)},
    ],
)
async def test_a_form_that_no_browser_sends_is_refused(changed: dict[str, str | None]) -> None:
    world = World()
    browser, form = await form_of(world)
    sent = form.values | TYPED | {"step": "review"} | changed
    seen = await browser.post(PATH, {name: value for name, value in sent.items() if value is not None})
    assert seen.status == 400
    assert nothing_made(world)


async def test_256_rights_are_taken_and_one_more_is_not() -> None:
    world = World()
    browser, form = await form_of(world)
    rows = {f"method_{number}": "GET" for number in range(1, 258)} | {
        f"path_{number}": f"/a/{number}" for number in range(1, 258)
    }
    too_many = await review(browser, form, **rows)
    assert too_many.status == 400
    assert "more than 256" in too_many.text
    del rows["path_257"], rows["method_257"]
    most = await review(browser, form, **rows)
    assert most.page == "review-token"
    assert "Add another right" not in (await browser.submit(most.forms[-1], step="change")).text


async def test_when_storage_fails_nothing_is_half_made_and_the_review_may_be_sent_again() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form)
    world.stores.health.failing.add("add_personal_keys")
    assert (await browser.submit(seen.forms[-2], step="create")).status == 503
    assert nothing_made(world)
    world.stores.health.failing.clear()
    assert (await browser.submit(seen.forms[-2], step="create")).page == "token-created"


async def test_a_form_from_another_site_is_refused() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form)
    for origin in ("https://evil.example", ""):
        answer = await browser.post(PATH, seen.forms[-2].values | {"step": "create"}, Origin=origin)
        assert answer.status == 403
    assert nothing_made(world)


async def test_a_review_from_before_a_restart_is_refused_rather_than_taken_twice() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form)
    world.authority.entropy(1)
    world.restart()
    assert (await browser.submit(seen.forms[-2], step="create")).status == 403
    assert nothing_made(world)


async def test_who_logged_out_meanwhile_is_asked_to_log_in() -> None:
    world = World()
    browser, form = await form_of(world)
    seen = await review(browser, form)
    await browser.submit(seen.form("/logout"))
    assert (await browser.submit(seen.forms[-2], step="create")).page == "login"
    assert nothing_made(world)
