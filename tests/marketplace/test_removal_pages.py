"""Undo, uninstall, keep and delete as a browser without JavaScript meets them."""

import httpx2
import pytest

from doubles.zone_provider import ZoneProvider
from mandat.marketplace.pages.application import make_application
from mandat.marketplace.wiring import Marketplace
from marketplace.browser import Browser
from marketplace.shop import Shop
from marketplace.test_course import RECORD, fail_once
from marketplace.test_pages import ORIGIN, confirm, order, sign_up


@pytest.fixture
def browser(marketplace: Marketplace) -> Browser:
    transport = httpx2.ASGITransport(make_application(marketplace.site), client=("192.0.2.7", 4711))
    return Browser(ORIGIN, transport=transport)


async def install(browser: Browser, provider: ZoneProvider, shop: Shop) -> str:
    await sign_up(browser)
    await order(browser)
    return await confirm(browser, provider, shop)


async def test_uninstalling_from_the_page_to_an_empty_list(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    path = await install(browser, provider, shop)
    assert "Uninstall" in browser.page.text
    shown = (await browser.open(f"{path}/remove")).text
    for words in ("Remove the MX record", f"{RECORD}/{2**40}", "Choose 1 hour", "Nothing else is touched"):
        assert words in shown
    assert len(provider.delegations) == 1
    await browser.submit(f"{path}/remove")
    await browser.open(provider.confirm(browser.left_for))
    assert browser.state == "removing" and "Steps of removing" in browser.page.text
    shop.run(shop.get(path.rpartition("/")[2]))
    await browser.open(path)
    assert browser.state == "removed" and "every permission for it was ended" in browser.page.text
    assert "dig +short" not in browser.page.text
    await browser.submit(f"{path}/forget")
    assert browser.shows("installations") and "Nothing here yet" in browser.page.text


async def test_a_failed_installation_offers_resume_undo_and_keep(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    fail_once(provider, RECORD, 400, nth=3)
    path = await install(browser, provider, shop)
    for words in ("Try again", "Undo what was done", "Keep it as it is"):
        assert words in browser.page.text
    assert "Delete from my list" not in browser.page.text
    await browser.submit(f"{path}/keep")
    assert browser.state == "kept"
    await browser.open("/installations")
    await browser.submit(f"{path}/forget")
    assert "Nothing here yet" in browser.page.text


async def test_a_failed_installation_that_made_nothing_can_leave_at_once(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    fail_once(provider, "/domain/zone/example.org", 400)
    path = await install(browser, provider, shop)
    assert "Undo what was done" not in browser.page.text
    await browser.submit(f"{path}/forget")
    assert (await browser.open(path)).status_code == 404


async def test_what_is_still_there_does_not_leave_the_list_unasked(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    await sign_up(browser)
    await order(browser)
    waiting = f"/installations/{provider.delegations[0].redirection.split('/')[4]}"
    await browser.open(waiting)
    forms = browser.page
    await browser.open(provider.confirm("?credentialToken=0"))
    shop.run(shop.get(waiting.rpartition("/")[2]))
    browser.page = forms
    answer = await browser.submit(f"{waiting}/forget")
    assert answer.status_code == 409
    await browser.open(waiting)
    assert browser.state == "installed"


async def test_a_removal_that_is_refused_can_be_dropped(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    path = await install(browser, provider, shop)
    await browser.open(f"{path}/remove")
    await browser.submit(f"{path}/remove")
    provider.refuse(browser.left_for)
    await browser.open(path)
    assert browser.state == "awaiting_removal" and "Do not remove it" in browser.page.text
    await browser.submit(f"{path}/keep")
    assert browser.state == "installed"


async def test_a_running_installation_can_be_stopped(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    await sign_up(browser)
    await order(browser)
    await browser.open(provider.confirm(browser.left_for))
    path = browser.page.url.path
    await browser.submit(f"{path}/cancel")
    assert browser.state == "cancelling"
    shop.run(shop.get(path.rpartition("/")[2]))
    await browser.open(path)
    assert browser.state == "failed" and "You stopped it" in browser.page.text


async def test_nobody_removes_what_is_somebody_elses(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    path = await install(browser, provider, shop)
    other = Browser(ORIGIN, transport=browser.client._transport)
    await sign_up(other, "mallory")
    assert (await other.open(f"{path}/remove")).status_code == 404
