"""The marketplace killed in the middle of an upgrade, and of going back: started again, it comes to the right end."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import pytest

from doubles.zone_provider import ZoneProvider
from marketplace.browser import Browser
from marketplace.test_killed import DEADLINE_SECONDS, child, connect, provider, until
from support.marketplace_process import MarketplaceProcess

__all__ = ["child", "provider"]

STACK = "/stacks/certificate-guard"
RECORD = "/domain/zone/example.org/record"


async def install_the_old_version(browser: Browser, provider: ZoneProvider) -> str:
    await connect(browser)
    await browser.open("/signup?next=/stacks/certificate-guard/preview%3F-version%3D1.0.0%26zone%3Dexample.org")
    await browser.submit("/signup", login="carol", password="correct horse")
    await browser.submit(f"{STACK}/install")
    await browser.open(provider.confirm(browser.left_for))
    path = browser.page.url.path
    await until(browser, path, "installed")
    return path


async def killed_when(
    due: Callable[[], bool], provider: ZoneProvider, child: MarketplaceProcess, browser: Browser
) -> None:
    """Confirms what was asked; kills after the provider has done a write, before its answer arrives; starts again."""
    killed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def kill_once(method: str, path: str) -> None:
        if not killed.is_set() and due():
            child.kill()
            loop.call_soon_threadsafe(killed.set)
            time.sleep(0.05)  # the answer to a dead process would otherwise race with nothing

    provider.after = kill_once
    with contextlib.suppress(Exception):  # the page may be asked for when nobody is there
        await browser.open(provider.confirm(browser.left_for))
    await asyncio.wait_for(killed.wait(), DEADLINE_SECONDS)
    child.start()


@pytest.mark.slow
@pytest.mark.parametrize("writes", [1, 2, 4])
async def test_killed_in_an_upgrade_it_goes_on_and_nothing_is_there_twice(
    provider: ZoneProvider, child: MarketplaceProcess, writes: int
) -> None:
    child.start()
    browser = Browser(child.origin)
    path = await install_the_old_version(browser, provider)
    before = len(provider.writes())
    await browser.open(f"{path}/upgrade")
    await browser.submit(f"{path}/begin-upgrade")
    await killed_when(lambda: len(provider.writes()) == before + writes, provider, child, browser)
    await until(browser, path, "installed")
    assert "1.1.0 available" not in browser.page.text
    assert [record["target"] for record in provider.records] == [
        '0 issue "letsencrypt.org; validationmethods=dns-01,http-01"',
        '0 issuewild ";"',
        '0 iodef "mailto:security@example.org"',
        '0 issuemail ";"',
    ]
    assert provider.published == provider.records


@pytest.mark.slow
async def test_killed_while_going_back_it_goes_on_to_the_old_version(
    provider: ZoneProvider, child: MarketplaceProcess
) -> None:
    child.start()
    browser = Browser(child.origin)
    path = await install_the_old_version(browser, provider)
    provider.fault = lambda method, called: (400, {"message": "no"}) if method == "DELETE" else None
    await browser.open(f"{path}/upgrade")
    await browser.submit(f"{path}/begin-upgrade")
    await browser.open(provider.confirm(browser.left_for))
    await until(browser, path, "upgrade_failed")
    provider.fault = lambda method, called: None
    await browser.open(f"{path}/undo-upgrade")
    await browser.submit(f"{path}/undo-upgrade")
    await killed_when(lambda: provider.writes()[-1].startswith("DELETE"), provider, child, browser)
    await until(browser, path, "installed")
    assert "Version 1.1.0 available" in browser.page.text
    assert sorted(record["target"] for record in provider.records) == [
        '0 iodef "mailto:security@example.org"',
        '0 issue "letsencrypt.org"',
        '0 issuewild ";"',
        "security_contact=mailto:security@example.org",
    ]
    assert provider.published == provider.records
