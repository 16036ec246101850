"""Failures as pages, headers on every page, and hosts that are not ours."""

import re
from pathlib import Path

import pytest

from mandat.web.console.files import CONSOLE_FILES
from mandat.web.pages.routes import PAGE_ROUTES
from support.pages import World

SECURE = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
PAGES = [path for method, path in PAGE_ROUTES if method == "GET" and not path.startswith(("/static", "/favicon"))]
STATIC = [
    path
    for method, path in PAGE_ROUTES
    if method == "GET" and path.startswith(("/static", "/favicon")) and path not in CONSOLE_FILES
]


async def test_an_unknown_path_is_a_page() -> None:
    seen = await World().browser().get("/nothing/here")
    assert seen.status == 404
    assert "There is no such page" in seen.text


async def test_a_wrong_method_is_a_page() -> None:
    seen = await World().browser().get("/logout")
    assert seen.status == 405
    assert "<h1>" in seen.html


async def test_a_fault_of_ours_shows_no_trace_and_its_reference() -> None:
    world = World()
    browser = world.browser(**{"X-Ovh-QueryID": "EU.ext-1.abc"})
    world.stores.users.find_user_by_id = None  # type: ignore[assignment]
    await world.person()
    seen = await browser.log_in()
    assert seen.status == 500
    assert "EU.ext-1.abc" in seen.text
    assert "Traceback" not in seen.html
    assert "NoneType" not in seen.html


@pytest.mark.parametrize("path", PAGES)
async def test_when_storage_is_gone_a_page_says_try_again(path: str) -> None:
    world = World()
    await world.person()
    browser = world.browser()
    await browser.log_in()
    world.stores.health.broken = True
    seen = await browser.get(path)
    assert seen.status == 503
    assert seen.answer.headers["Retry-After"]
    assert "Nothing was changed" in seen.text


@pytest.mark.parametrize("path", PAGES)
async def test_every_page_has_the_headers_of_a_page(path: str) -> None:
    world = World()
    await world.person()
    browser = world.browser()
    await browser.log_in()
    for each in (await browser.get(path), await world.browser().get(path, follow=False)):
        headers = each.answer.headers
        wanted = SECURE if each.status != 303 else {"cache-control": "no-store", "referrer-policy": "same-origin"}
        assert {name: headers[name] for name in wanted} == wanted
        if each.status != 303:
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "style=" not in each.html
            assert "<script" not in each.html or path.startswith("/console")


@pytest.mark.parametrize("path", PAGES)
async def test_an_unknown_host_gets_no_page_but_the_way_to_ours(path: str) -> None:
    world = World()
    browser = world.browser()
    del browser.http.headers["X-Mandat-Public-Origin"]
    seen = await browser.get(path)
    assert seen.status == 421
    assert "public_urls" in seen.text
    assert world.origin in seen.text
    assert "set-cookie" not in seen.answer.headers


async def test_where_the_pages_have_a_host_of_their_own_others_lead_there() -> None:
    world = World(pages_url="https://login.example")
    browser = world.browser()
    seen = await browser.get("/auth/?credentialToken=abc%20d", follow=False)
    assert (seen.status, seen.answer.headers["Location"]) == (
        303,
        "https://login.example/auth/?credentialToken=abc%20d",
    )
    assert (await browser.post("/login", {"login": "a"})).status == 421
    browser.http.headers["X-Mandat-Public-Origin"] = "https://login.example"
    assert (await browser.get("/login")).page == "login"


@pytest.mark.parametrize("path", STATIC)
async def test_static_files_are_served_and_kept(path: str) -> None:
    browser = World().browser()
    seen = await browser.get(path)
    assert seen.status == 200
    assert seen.answer.headers["x-content-type-options"] == "nosniff"
    assert seen.answer.headers["content-type"] in {"text/css; charset=utf-8", "image/svg+xml"}
    browser.http.headers["If-None-Match"] = seen.answer.headers["etag"]
    assert (await browser.get(path)).status == 304


async def test_the_files_that_a_page_names_are_there() -> None:
    browser = World().browser()
    html = (await browser.get("/")).html
    named = re.findall(r'<link[^>]+href="([^"]+)"', html)
    assert len(named) == 2
    for path in named:
        seen = await browser.get(path)
        assert seen.status == 200
        assert "immutable" in seen.answer.headers["cache-control"]


async def test_the_start_page_names_the_endpoint_and_the_marketplace() -> None:
    world = World(marketplace_url="http://localhost:8701")
    seen = await world.browser().get("/")
    assert "https://auth.example/1.0" in seen.text
    assert 'href="http://localhost:8701"' in seen.html


def test_the_gateways_list_and_the_handlers_are_the_same() -> None:
    served = {
        (method, route.path.rstrip("/") or "/")
        for route in World().app.routes
        for method in getattr(route, "methods", set()) - {"OPTIONS"}
        if not route.path.startswith(("/1.0", "/v1"))
    }
    listed = {(method, path.rstrip("/") or "/") for method, path in PAGE_ROUTES if method != "HEAD"}
    assert listed == {each for each in served if each[1] != "/.well-known/mandat/jwks.json"}


def test_every_page_that_can_be_read_can_be_asked_for_its_head() -> None:
    assert {path for method, path in PAGE_ROUTES if method == "HEAD"} == {*PAGES, *STATIC, *CONSOLE_FILES}


def test_every_route_has_its_line_in_the_reference() -> None:
    reference = (Path(__file__).parents[3] / "docs" / "reference" / "pages.md").read_text(encoding="utf-8")
    described = {path.rstrip("/") for path in re.findall(r"`(/[^`?]*)`", reference)}
    assert {path.rstrip("/") for _method, path in PAGE_ROUTES if path not in CONSOLE_FILES} <= described
    assert any(path.startswith("/static/console-") for path in described)
