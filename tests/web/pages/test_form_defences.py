"""What every form refuses: foreign pages, missing tokens, whatever no browser sends. Never a 5xx, nothing stored."""

import itertools
from urllib.parse import urlencode

import pytest

from support.pages import PASSWORD, Browser, Seen, World

FORMS = {
    "/signup": "/signup",
    "/login": "/login",
    "/logout": "/account",
    "/account/password": "/account",
    "/account/sessions": "/account",
    "/createApp/": "/createApp/",
    "/auth/": "/auth/",
    "/account/applications/revoke": "/account/applications/revoke?all=yes",
    "/developer/applications/change": "/developer/applications/change?application=1&action=delete",
}
ANONYMOUS = {"/signup", "/login"}


async def in_front_of(action: str) -> tuple[World, Browser, dict[str, str]]:
    """A browser that sees the form of `action`, and the form filled in well."""
    world = World()
    await world.person()
    application = await world.application(owner="alice")
    browser = world.browser()
    if action not in ANONYMOUS:
        await browser.log_in()
    request = await world.ask(application, redirection=None)
    where = FORMS[action]
    if "all=yes" in where:
        seen = await browser.get(f"/auth/?credentialToken={request.token}")
        await browser.submit(seen.form("/auth/"), answer="confirm")
        request = await world.ask(application, redirection=None)
    if action == "/auth/":
        where = f"/auth/?credentialToken={request.token}"
    values = dict((await browser.get(where)).form(action).values)
    values |= {
        "/signup": {"login": "carol", "password": PASSWORD},
        "/login": {"login": "alice", "password": PASSWORD},
        "/account/password": {"old": PASSWORD, "new": "a new long password"},
        "/createApp/": {"name": "N", "description": "D"},
        "/auth/": {"answer": "confirm"},
    }.get(action, {})
    return world, browser, values


async def traces(world: World) -> tuple[object, ...]:
    """Everything a form could change."""
    stores = world.stores
    return (
        list(stores.audit),
        dict(stores.users.rows),
        await stores.applications.list_applications(owner=None),
        await stores.credentials.list_credentials(),
        len(stores.sessions.rows),
    )


def is_error_page(seen: Seen) -> bool:
    return seen.answer.headers["content-type"].startswith("text/html") and "<h1>" in seen.html


@pytest.mark.parametrize("action", FORMS)
async def test_the_form_works_when_it_is_sent_as_it_was_made(action: str) -> None:
    world, browser, values = await in_front_of(action)
    before = await traces(world)
    assert (await browser.post(action, values)).status == 200
    assert await traces(world) != before


FROM_ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "https://evil.example", "Sec_Fetch_Site": "same-origin"},
    {"Origin": "", "Sec_Fetch_Site": "cross-site"},
]


@pytest.mark.parametrize("action", FORMS)
async def test_a_form_sent_from_elsewhere_is_refused(action: str) -> None:
    world, browser, values = await in_front_of(action)
    before = await traces(world)
    for headers in FROM_ELSEWHERE:
        seen = await browser.post(action, values, **headers)
        assert seen.status == 403, headers
        assert is_error_page(seen)
        assert await traces(world) == before, headers


@pytest.mark.parametrize("action", FORMS)
async def test_fetch_metadata_stands_in_for_a_missing_origin(action: str) -> None:
    _world, browser, values = await in_front_of(action)
    assert (await browser.post(action, values, Origin="", Sec_Fetch_Site="same-origin")).status == 200


@pytest.mark.parametrize("action", FORMS)
async def test_without_its_token_a_form_is_refused(action: str) -> None:
    world, browser, values = await in_front_of(action)
    before = await traces(world)
    for token in ("", "x" * 43, "é", None):
        sent = {name: value for name, value in values.items() if name != "form_token"}
        seen = await browser.post(action, sent if token is None else sent | {"form_token": token})
        assert seen.status in {400, 403}
        assert is_error_page(seen)
    assert await traces(world) == before


@pytest.mark.parametrize("action", FORMS)
async def test_the_token_of_another_browser_is_refused(action: str) -> None:
    world, browser, values = await in_front_of(action)
    other = world.browser()
    if action not in ANONYMOUS:
        await other.log_in()
        other.http.cookies.update({n: v for n, v in browser.http.cookies.items() if "ask" in n})
    before = await traces(world)
    seen = await other.post(action, values)
    assert seen.status == 403
    assert await traces(world) == before


def encoded(values: dict[str, str]) -> bytes:
    return urlencode(values).encode()


@pytest.mark.parametrize("action", FORMS)
async def test_a_field_twice_is_refused_and_named(action: str) -> None:
    world, browser, values = await in_front_of(action)
    before = await traces(world)
    for name in values:
        seen = await browser.post(action, encoded(values) + f"&{name}=x".encode())
        assert seen.status == 400
        assert name in seen.text
    assert await traces(world) == before


@pytest.mark.parametrize("action", FORMS)
async def test_a_missing_field_is_refused_and_named(action: str) -> None:
    world, browser, values = await in_front_of(action)
    before = await traces(world)
    for name in values:
        if name == "next" or (action == "/account/password" and name == "login"):
            continue  # may be missing
        seen = await browser.post(action, {n: v for n, v in values.items() if n != name})
        assert seen.status == 400, name
        assert name in seen.text
    assert await traces(world) == before


NOT_TEXT = {
    "not UTF-8": b"%ff",
    "NUL": b"%00",
    "NUL inside": b"a%00b",
    "lone surrogate": b"%ED%A0%80",
    "cut escape": b"%",
    "no escape": b"%zz",
    "bell": b"%07",
    "raw byte": b"\xff",
    "escape": b"a%1bb",
}


@pytest.mark.parametrize("action", FORMS)
async def test_what_is_not_text_is_refused_and_its_field_named(action: str) -> None:
    world, browser, values = await in_front_of(action)
    before = await traces(world)
    for name, (what, bad) in itertools.product(values, NOT_TEXT.items()):
        rest = encoded({n: v for n, v in values.items() if n != name})
        seen = await browser.post(action, rest + b"&" + name.encode() + b"=" + bad)
        assert seen.status == 400, (name, what)
        assert name in seen.text, (name, what)
    assert await traces(world) == before


@pytest.mark.parametrize("action", FORMS)
async def test_odd_bodies_are_refused(action: str) -> None:
    world, browser, values = await in_front_of(action)
    before = await traces(world)
    cases: list[tuple[bytes, dict[str, str], int]] = [
        (b"", {}, 400),
        (b"&&&", {}, 400),
        (b"%ff=1", {}, 400),
        (encoded(values) + b"&a=" + b"x" * 70_000, {}, 413),
        (b"x" * 200_000, {}, 413),
        (b"&".join(b"f%d=1" % number for number in range(100)), {}, 400),
        (encoded(values), {"Content_Type": "multipart/form-data; boundary=x"}, 400),
        (encoded(values), {"Content_Type": "application/json"}, 400),
        (encoded(values), {"Content_Type": "text/plain"}, 400),
        (encoded(values), {"Content_Type": ""}, 400),
        (encoded(values), {"Content_Type": "application/x-www-form-urlencoded; charset=utf-16"}, 400),
    ]
    for body, headers, status in cases:
        seen = await browser.post(action, body, **headers)
        assert seen.status == status, (body[:40], headers)
        assert is_error_page(seen)
    assert await traces(world) == before


@pytest.mark.parametrize("action", FORMS)
async def test_unknown_fields_change_nothing(action: str) -> None:
    _world, browser, values = await in_front_of(action)
    assert (await browser.post(action, values | {"utm_source": "mail", "role": "operator"})).status == 200


@pytest.mark.parametrize("query", ["a=%ff", "next=1&next=2", "next=%00", "%ff=1", "next=%", "&".join(["a"] * 40)])
async def test_a_query_is_read_as_strictly(query: str) -> None:
    seen = await World().browser().get(f"/login?{query}")
    assert seen.status == 400
    assert is_error_page(seen)


@pytest.mark.parametrize("cookie", ["x", "a" * 5000, "../../etc", "%00", "0" * 64, '"quoted"'])
async def test_a_strange_session_cookie_is_nobody(cookie: str) -> None:
    browser = World().browser(Cookie=f"__Host-mandat-session={cookie}; __Host-mandat-form={cookie}")
    assert (await browser.get("/account")).page == "login"
