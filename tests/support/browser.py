"""A real browser, headless, for the journeys. Screenshots go to $MANDAT_SCREENSHOTS when that is set."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import BrowserContext, Page, async_playwright

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def open_browser(
    executable: Path, *, with_scripts: bool = True, width: int = 1200
) -> AsyncIterator[BrowserContext]:
    """A fresh browser profile in Debian's Chromium."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        context = await browser.new_context(java_script_enabled=with_scripts, viewport={"width": width, "height": 900})
        context.set_default_timeout(15_000)
        try:
            yield context
        finally:
            await browser.close()


async def look(page: Page, name: str) -> None:
    """Keeps a picture of the page for human eyes."""
    if folder := os.environ.get("MANDAT_SCREENSHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
