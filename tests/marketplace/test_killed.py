"""The marketplace killed in the middle of an installation: started again, it finishes, and nothing is there twice."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.zone_provider import AK, AS, ZoneProvider
from marketplace.browser import Browser
from support.marketplace_process import MarketplaceProcess

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 40


@pytest.fixture
def provider() -> Iterator[ZoneProvider]:
    provider = ZoneProvider()
    with provider.serve():
        yield provider


@pytest.fixture
def child(tmp_path: Path, provider: ZoneProvider) -> Iterator[MarketplaceProcess]:
    child = MarketplaceProcess(tmp_path / "market", provider.base)
    yield child
    child.kill()


async def connect(browser: Browser) -> None:
    """What the developer does once."""
    await browser.open("/")
    await browser.submit("/setup", application_key=AK, application_secret=AS)
    assert browser.shows("catalogue")


async def order(browser: Browser, provider: ZoneProvider) -> str:
    """Sign up, order, confirm, come back. Gives the installation's path."""
    await browser.open("/signup?next=/stacks/mail-dns/preview%3Fzone%3Dexample.org")
    await browser.submit("/signup", login="carol", password="correct horse")
    await browser.submit("/stacks/mail-dns/install")
    await browser.open(provider.confirm(browser.left_for))
    assert browser.shows("installation"), browser.page.text
    return browser.page.url.path


async def until(browser: Browser, path: str, state: str) -> None:
    """Loads the page again until the installation is in this state."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        await browser.open(path)
        if browser.state == state:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"still {browser.state}: {browser.page.text}")


@pytest.mark.parametrize("writes", [0, 1, 3, 5])
async def test_killed_after_any_write_it_goes_on_and_nothing_is_there_twice(
    provider: ZoneProvider, child: MarketplaceProcess, writes: int
) -> None:
    """The kill comes after the provider carried the write out, and before its answer arrives: the worst moment."""
    killed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def kill_once(method: str, path: str) -> None:
        if not killed.is_set() and len(provider.writes()) == writes:
            child.kill()
            loop.call_soon_threadsafe(killed.set)
            time.sleep(0.05)  # the answer to a dead process would otherwise race with nothing

    child.start()
    browser = Browser(child.origin)
    await connect(browser)
    provider.after = kill_once
    try:
        path = await order(browser, provider)
    except Exception:
        path = f"/installations/{provider.delegations[-1].redirection.split('/')[4]}"
    await asyncio.wait_for(killed.wait(), DEADLINE_SECONDS)
    child.start()
    await until(browser, path, "installed")
    assert [record["fieldType"] for record in provider.records] == ["MX", "TXT", "TXT", "TXT"]
    keys = {call.idempotency_key for call in provider.calls if call.method == "POST"}
    assert len(keys) == 5


@pytest.mark.parametrize("deletions", [1, 3])
async def test_killed_while_removing_it_goes_on_and_removes_everything(
    provider: ZoneProvider, child: MarketplaceProcess, deletions: int
) -> None:
    killed = asyncio.Event()
    loop = asyncio.get_running_loop()
    child.start()
    browser = Browser(child.origin)
    await connect(browser)
    path = await order(browser, provider)
    await until(browser, path, "installed")

    def kill_once(method: str, called: str) -> None:
        if not killed.is_set() and sum(write.startswith("DELETE") for write in provider.writes()) == deletions:
            child.kill()
            loop.call_soon_threadsafe(killed.set)
            time.sleep(0.05)  # as above

    provider.after = kill_once
    await browser.open(f"{path}/remove")
    await browser.submit(f"{path}/remove")
    with contextlib.suppress(Exception):  # the page may be asked for when nobody is there
        await browser.open(provider.confirm(browser.left_for))
    await asyncio.wait_for(killed.wait(), DEADLINE_SECONDS)
    child.start()
    await until(browser, path, "removed")
    assert provider.records == provider.published == []


async def test_stopped_properly_it_goes_on_at_the_next_start(provider: ZoneProvider, child: MarketplaceProcess) -> None:
    child.start()
    browser = Browser(child.origin)
    await connect(browser)
    provider.fault = lambda method, path: (503, {"message": "later"}) if path.endswith("/refresh") else None
    path = await order(browser, provider)
    assert child.stop() < 5
    provider.fault = lambda method, path: None
    child.start()
    await until(browser, path, "installed")
    assert len(provider.records) == 4


async def test_several_customers_at_once_do_not_get_in_each_others_way(
    provider: ZoneProvider, child: MarketplaceProcess
) -> None:
    child.start()
    await connect(Browser(child.origin))

    async def shop(number: int) -> None:
        browser = Browser(child.origin)
        await browser.open("/signup?next=/stacks/mail-dns/preview%3Fzone%3Dexample.org")
        await browser.submit("/signup", login=f"carol{number}", password="correct horse")
        await browser.submit("/stacks/mail-dns/install")
        await browser.open(provider.confirm(browser.left_for))
        await until(browser, browser.page.url.path, "installed")

    await asyncio.gather(*(shop(number) for number in range(8)))
    assert len(provider.records) == 32
