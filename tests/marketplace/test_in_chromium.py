"""Progress in a real browser: live with JavaScript, by reloading without, within the page's own policy."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from doubles.zone_provider import ZoneProvider
from marketplace.browser import Browser
from marketplace.test_killed import child, connect, order, provider
from support.marketplace_process import MarketplaceProcess

__all__ = ["child", "provider"]

ARGUMENTS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False])
async def test_progress_is_followed_to_the_end(
    provider: ZoneProvider, child: MarketplaceProcess, debian_program: Callable[[str], Path], javascript: bool
) -> None:
    chromium = debian_program("chromium")
    released = threading.Event()

    def wait_at_the_end(method: str, path: str) -> None:
        if path.endswith("/refresh"):
            released.wait(timeout=30)

    provider.fault = wait_at_the_end
    child.start()
    walker = Browser(child.origin)
    await connect(walker)
    path = await order(walker, provider)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(chromium), args=ARGUMENTS.split())
        context = await browser.new_context(java_script_enabled=javascript)
        for name, value in walker.client.cookies.items():
            await context.add_cookies([{"name": name, "value": value, "url": child.origin}])
        page = await context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(child.origin + path)
        await page.get_by_text("6 of 7 steps done").wait_for()
        released.set()
        await page.get_by_text("Everything is in place on example.org.").wait_for()
        await browser.close()
    assert complaints == []
