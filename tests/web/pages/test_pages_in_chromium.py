"""The pages in a real browser: the journey without scripts, accessibility, narrow screens, light and dark.

With MANDAT_SCREENSHOTS set to a folder, every page is kept there as a picture.
"""

from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from support.browser import look, open_browser
from support.pages import PASSWORD, World
from support.pages_server import served_pages, served_shop

pytestmark = [pytest.mark.browser, pytest.mark.slow]

Chromium = Callable[[str], Path]
RULES = ("GET /me", "GET /domain/zone/example.org/*", "POST /domain/zone/example.org/record", "DELETE /domain/zone/*")


async def log_in(page: Page) -> None:
    await page.fill("[name=login]", "alice")
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button[type=submit]")


async def test_the_whole_journey_works_without_scripts(debian_program: Chromium) -> None:
    async with served_pages() as world, served_shop() as shop:
        application = await world.application("Shop")
        request = await world.ask(application, *RULES, redirection=f"{shop}/back?a=1#b")
        complaints: list[str] = []
        async with open_browser(debian_program("chromium"), with_scripts=False) as browser:
            page = await browser.new_page()
            page.on("console", lambda message: complaints.append(message.text))
            await page.goto(f"{world.origin}/signup")
            await log_in(page)
            await page.goto(f"{world.origin}/auth/?credentialToken={request.token}")
            assert request.token not in page.url
            await page.get_by_text("The exact 4 rules").click()
            assert await page.get_by_text("/domain/zone/example.org/record", exact=True).is_visible()
            await page.get_by_role("button", name="Confirm").click()
            await page.get_by_text("Back at the shop").wait_for()
            assert page.url == f"{shop}/back?a=1#b"
            await page.goto(f"{world.origin}/account/applications")
            await page.get_by_role("link", name="Take these rights back").click()
            await page.get_by_role("button", name="Take rights back").click()
            await page.get_by_text("No application may act on your account").wait_for()
        assert complaints == []


async def test_keys_for_a_script_are_made_without_scripts(debian_program: Chromium) -> None:
    async with served_pages() as world:
        await world.person()
        async with open_browser(debian_program("chromium"), with_scripts=False) as browser:
            page = await browser.new_page()
            await page.goto(f"{world.origin}/createToken/?GET=/me&applicationName=My+script")
            await log_in(page)
            await page.click("button[value=add]")
            assert await page.evaluate("document.activeElement.name") == "path_2"
            await page.keyboard.type("/domain/zone")
            await page.fill("[name=description]", "Renews things")
            # Enter goes on to the review; it must not press the button that adds a row.
            await page.press("[name=name]", "Enter")
            await page.get_by_text("Make these keys?").first.wait_for()
            await page.click("button[value=change]")
            assert await page.input_value("[name=path_2]") == "/domain/zone"
            await page.press("[name=name]", "Enter")
            await page.click("button[value=create]")
            await page.get_by_text("Copy the keys now").wait_for()
            assert not await page.locator("#use-in-console").is_visible()
            [credential] = world.stores.credentials.rows.values()
            assert [str(rule) for rule in credential.rules] == ["GET /me", "GET /domain/zone"]


async def test_where_the_browser_stops_the_redirect_the_page_offers_the_way_on(debian_program: Chromium) -> None:
    """Chromium judges every hop after a form by `form-action`, so a third origin is not reached (ADR 0004)."""
    async with served_pages() as world, served_shop() as third, served_shop(forward_to=third) as shop:
        await world.person()
        request = await world.ask(await world.application("Shop"), redirection=f"{shop}/back")
        async with open_browser(debian_program("chromium")) as browser:
            page = await browser.new_page()
            await page.goto(f"{world.origin}/auth/?credentialToken={request.token}")
            await log_in(page)
            async with page.expect_event("console", lambda message: "form-action" in message.text):
                await page.get_by_role("button", name="Confirm").click()
            await page.get_by_role("button", name="Confirm").click()
            await page.get_by_role("link", name="Go on to").click()
            await page.get_by_text("Back at the shop").wait_for()
            assert page.url.startswith(third)


async def test_the_secret_is_gone_after_reload_and_back(debian_program: Chromium) -> None:
    async with served_pages() as world:
        await world.person()
        async with open_browser(debian_program("chromium")) as browser:
            page = await browser.new_page()
            await page.goto(f"{world.origin}/createApp/")
            await log_in(page)
            await page.fill("[name=name]", "Shop")
            await page.fill("[name=description]", "Sells")
            await page.click("main button[type=submit]")
            await page.get_by_text("Copy the secret now").wait_for()
            secret = world.stores.applications.secrets[1]
            assert secret in await page.content()
            await page.reload()
            assert secret not in await page.content()
            await page.go_back()
            await page.go_forward()
            assert secret not in await page.content()
            assert len(await world.stores.applications.list_applications(owner=None)) == 1


async def walk(page: Page, world: World) -> AsyncIterator[str]:
    """Every page, one after the other; gives a name each time the browser stands on one."""
    for part in (walk_as_customer, walk_as_developer):
        async for name in part(page, world):
            yield name


async def walk_as_customer(page: Page, world: World) -> AsyncIterator[str]:
    shop = await world.application("Stackmarket")
    await page.goto(world.origin)
    yield "home"
    await page.goto(f"{world.origin}/signup")
    yield "signup"
    await page.fill("[name=login]", "?!")
    await page.fill("[name=password]", PASSWORD)
    await page.click("main button[type=submit]")
    yield "signup-wrong"
    request = await world.ask(shop, *RULES)
    await page.goto(f"{world.origin}/auth/?credentialToken={request.token}")
    yield "login"
    await log_in(page)
    yield "consent"
    await page.locator("details").evaluate_all("each => each.forEach(one => one.open = true)")
    yield "consent-open"
    everything = ("GET /*", "POST /*", "PUT /*", "DELETE /*")
    networks = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    request = await world.ask(shop, *everything, redirection=None, allowed_networks=networks)
    await page.goto(f"{world.origin}/auth/?credentialToken={request.token}")
    yield "consent-whole-account"
    await page.click("button[value=confirm]")
    yield "done"
    await page.goto(f"{world.origin}/auth/?credentialToken={request.token}")
    yield "ended"
    request = await world.ask(shop, redirection=None)
    await page.goto(f"{world.origin}/auth/?credentialToken={request.token}")
    await page.click("button[value=refuse]")
    yield "refused"
    world.note_use(1, at=int(world.clock.now), address="203.0.113.9", calls=12)
    await page.goto(f"{world.origin}/account/applications")
    yield "connected"
    await page.goto(f"{world.origin}/account/applications/revoke?all=yes")
    yield "revoke"


async def walk_as_developer(page: Page, world: World) -> AsyncIterator[str]:
    mine = (await world.application("Backup robot", owner="alice")).application
    await page.goto(f"{world.origin}/createApp/")
    yield "create-application"
    await page.fill("[name=name]", "Shop")
    await page.fill("[name=description]", "Sells things")
    await page.click("main button[type=submit]")
    yield "application-created"
    await page.reload()
    yield "application-shown"
    await page.goto(f"{world.origin}/createToken/?GET=/me&DELETE=/domain/zone/*&PUT=*&POST=nothing&duration=300")
    yield "create-token-wrong"
    await page.fill("[name=path_4]", "")
    await page.click("button[value=add]")
    yield "create-token"
    await page.fill("[name=name]", "My script")
    await page.fill("[name=description]", "Renews things")
    await page.press("[name=name]", "Enter")
    yield "review-token"
    await page.click("button[value=create]")
    yield "token-created"
    await page.reload()
    yield "token-shown"
    await world.authority.applications.suspend(mine.owner, mine.id, actor="user:alice", address="")
    await page.goto(f"{world.origin}/developer/applications")
    yield "my-applications"
    await page.goto(f"{world.origin}/developer/applications/change?application={mine.id}&action=delete")
    yield "change-application"
    await page.goto(f"{world.origin}/account")
    yield "account"
    await page.goto(f"{world.origin}/auth/?credentialToken={'a' * 64}")
    yield "unknown"
    await page.goto(f"{world.origin}/nothing")
    yield "error"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 320)])
async def test_every_page_is_accessible_and_fits(debian_program: Chromium, scheme: str, width: int) -> None:
    faults: list[str] = []
    async with served_pages(marketplace_url="http://localhost:1") as world:
        await world.person()
        async with open_browser(debian_program("chromium"), width=width) as browser:
            page = await browser.new_page()
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            async for name in walk(page, world):
                await page.wait_for_load_state()
                await look(page, f"{name}-{scheme}-{width}")
                results = await Axe().run(page)
                faults += [
                    f"{name}: {fault['id']}: {fault['nodes'][0]['html'][:120]}"
                    for fault in results.response["violations"]
                ]
                if await page.evaluate("document.scrollingElement.scrollWidth > window.innerWidth"):
                    faults.append(f"{name}: wider than the screen")
    assert faults == []
