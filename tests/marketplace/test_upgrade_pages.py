"""The upgrade as a browser without JavaScript meets it: told of, shown, asked for, followed, gone back from."""

import httpx2
import pytest

from doubles.zone_provider import ZoneProvider
from mandat.marketplace.pages.application import make_application
from mandat.marketplace.wiring import Marketplace
from marketplace.browser import Browser
from marketplace.shop import Shop
from marketplace.test_course import RECORD, fail_once
from marketplace.test_pages import ORIGIN, sign_up

pytestmark = pytest.mark.slow

STACK = "/stacks/certificate-guard"


@pytest.fixture
def browser(marketplace: Marketplace) -> Browser:
    transport = httpx2.ASGITransport(make_application(marketplace.site), client=("192.0.2.7", 4711))
    return Browser(ORIGIN, transport=transport)


async def install_old(browser: Browser, provider: ZoneProvider, shop: Shop) -> str:
    """Orders version 1.0.0 on its own page, and lets the engine work."""
    await sign_up(browser)
    shown = await browser.open(f"{STACK}?-version=1.0.0")
    assert "This is an older version" in shown.text
    await browser.submit(f"{STACK}/preview", zone="example.org")
    await browser.submit(f"{STACK}/install")
    await browser.open(provider.confirm(browser.left_for))
    path = browser.page.url.path
    shop.run(shop.get(path.rpartition("/")[2]))
    await browser.open(path)
    assert browser.state == "installed"
    return path


async def upgrade(browser: Browser, provider: ZoneProvider, shop: Shop, path: str) -> None:
    await browser.open(f"{path}/upgrade")
    await browser.submit(f"{path}/begin-upgrade")
    await browser.open(provider.confirm(browser.left_for))
    assert browser.state == "upgrading"
    shop.run(shop.get(path.rpartition("/")[2]))
    await browser.open(path)


async def test_the_newest_version_is_offered_and_older_ones_on_request(browser: Browser, shop: Shop) -> None:
    shown = (await browser.open(STACK)).text
    assert "version 1.1.0" in shown and f'href="{STACK}?-version=1.0.0"' in shown
    assert (await browser.open(f"{STACK}?-version=0.9.0")).status_code == 404


async def test_every_page_says_that_a_newer_version_is_there(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    path = await install_old(browser, provider, shop)
    for page in (path, "/installations", "/stacks"):
        assert "Version 1.1.0 available" in (await browser.open(page)).text


async def test_the_difference_is_shown_before_anything_is_asked(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    path = await install_old(browser, provider, shop)
    before = len(provider.delegations)
    shown = (await browser.open(f"{path}/upgrade")).text
    for words in (
        "Upgrade Certificate guard to 1.1.0",
        "You have version 1.0.0.",
        "will be created",
        "will be changed in place",
        "will be removed",
        "stays as it is",
        "validationmethods=dns-01,http-01",
        "How a request must be proven",
        "4 settings are taken over",
        "more than before",
        "See the settings of the zone example.org",
        f"{RECORD}/{provider.records[0]['id']}",
    ):
        assert words in shown, words
    assert len(provider.delegations) == before


async def test_new_settings_change_the_difference_and_bad_ones_are_refused(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    path = await install_old(browser, provider, shop)
    assert "validationmethods=dns-01&#34;" in (await browser.open(f"{path}/upgrade?methods=dns-01")).text
    answer = await browser.open(f"{path}/upgrade?methods=carrier-pigeon")
    assert answer.status_code == 400 and "choose one of the listed" in answer.text
    await browser.open(f"{path}/upgrade")
    assert (await browser.submit(f"{path}/begin-upgrade", methods="http-01")).status_code == 403
    assert len(provider.delegations) == 1


async def test_upgrading_from_the_page_to_the_new_version(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    path = await install_old(browser, provider, shop)
    await upgrade(browser, provider, shop, path)
    assert browser.state == "installed" and "available" not in browser.page.text
    for words in ("issuemail", "every permission for this installation was ended", "1.1.0"):
        assert words in browser.page.text, words
    assert "security_contact" not in browser.page.text


async def test_an_upgrade_that_stopped_offers_to_go_on_back_keep_and_uninstall(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    path = await install_old(browser, provider, shop)
    fail_once(provider, RECORD, 400)
    await upgrade(browser, provider, shop, path)
    assert browser.state == "upgrade_failed"
    for words in ("Try again", "Back to version 1.0.0", "Keep it as it is", "Uninstall all of it", "is unwell"):
        assert words in browser.page.text, words
    there = browser.page.text.partition("What was created")[2]
    assert "validationmethods" in there and "issuemail" not in there
    shown = (await browser.open(f"{path}/undo-upgrade")).text
    assert "will be changed in place" in shown and "stays as it is" in shown
    await browser.submit(f"{path}/undo-upgrade")
    await browser.open(provider.confirm(browser.left_for))
    assert "going back to version 1.0.0" in browser.page.text
    shop.run(shop.get(path.rpartition("/")[2]))
    await browser.open(path)
    assert browser.state == "installed" and "Version 1.1.0 available" in browser.page.text


async def test_an_upgrade_that_is_refused_can_be_dropped(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    path = await install_old(browser, provider, shop)
    await browser.open(f"{path}/upgrade")
    await browser.submit(f"{path}/begin-upgrade")
    provider.refuse(browser.left_for)
    await browser.open(path)
    assert browser.state == "awaiting_upgrade" and "Do not upgrade" in browser.page.text
    await browser.submit(f"{path}/keep-upgrade")
    assert browser.state == "installed" and "Version 1.1.0 available" in browser.page.text


async def test_what_stopped_in_the_middle_is_uninstalled_whole(
    browser: Browser, shop: Shop, provider: ZoneProvider
) -> None:
    path = await install_old(browser, provider, shop)
    fail_once(provider, f"{RECORD}/{provider.records[3]['id']}", 400)
    await upgrade(browser, provider, shop, path)
    assert len(provider.records) == 5
    await browser.open(f"{path}/remove")
    await browser.submit(f"{path}/remove")
    await browser.open(provider.confirm(browser.left_for))
    shop.run(shop.get(path.rpartition("/")[2]))
    await browser.open(path)
    assert browser.state == "removed" and provider.records == []


async def test_nobody_upgrades_what_is_somebody_elses(browser: Browser, shop: Shop, provider: ZoneProvider) -> None:
    path = await install_old(browser, provider, shop)
    other = Browser(ORIGIN, transport=browser.client._transport)
    await sign_up(other, "mallory")
    assert (await other.open(f"{path}/upgrade")).status_code == 404
