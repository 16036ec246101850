"""An upgrade in a real browser: shown, stopped by a fault, gone back from, done, uninstalled; DNS says the same."""

import re

import dns.message
import dns.query
import pytest
from playwright.async_api import Page, expect

from conftest import DebianProgram
from journeys.test_walkthrough import give_the_keys_to_the_marketplace, log_in, sign_up_at_the_marketplace
from mandat.cli.main import run
from support.browser import look, open_browser
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(180)]

ZONE = "first.example"
OLD = {'0 issue "letsencrypt.org"', '0 issuewild ";"', f'0 iodef "mailto:security@{ZONE}"'}
NEW = {
    '0 issue "letsencrypt.org; validationmethods=dns-01"',
    '0 issuewild ";"',
    f'0 iodef "mailto:security@{ZONE}"',
    '0 issuemail ";"',
}


async def test_an_upgrade_stops_goes_back_and_is_done_in_the_end(demo: Demo, debian_program: DebianProgram) -> None:
    async with open_browser(debian_program("chromium")) as browser:
        page = await browser.new_page()
        await page.goto(demo.marketplace)
        if page.url.endswith("/setup"):
            await give_the_keys_to_the_marketplace(page, demo, demo.application_key, demo.application_secret)
        await sign_up_at_the_marketplace(page, demo, "upgrader")
        await install_the_old_version(page, demo)
        assert caa(demo) == OLD
        refuse_the_next_record(demo)
        await ask_for_the_upgrade(page, demo, "u")
        await expect(page.get_by_text("The upgrade stopped at a step")).to_be_visible(timeout=30_000)
        await look(page, "u5-stopped")
        assert len(caa(demo)) == 3
        await go_back(page)
        assert caa(demo) == OLD
        await ask_for_the_upgrade(page, demo, "v")
        await expect(page.get_by_text("Everything is in place")).to_be_visible(timeout=30_000)
        await look(page, "u8-upgraded")
        assert caa(demo) == NEW and txt(demo) == set()
        await uninstall(page)
        assert caa(demo) == set()


async def install_the_old_version(page: Page, demo: Demo) -> None:
    await page.goto(f"{demo.marketplace}/stacks/certificate-guard")
    await page.get_by_role("link", name="version 1.0.0").click()
    await look(page, "u1-older-version")
    await page.get_by_label("Your domain").fill(ZONE)
    await page.get_by_role("button", name="Show me what will happen").click()
    await page.get_by_role("button", name="Ask for these rights and install").click()
    await log_in(page, demo.person("customer"))
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("Everything is in place")).to_be_visible(timeout=30_000)
    await expect(page.get_by_role("heading", name="Version 1.1.0 available")).to_be_visible()
    await look(page, "u2-newer-version-available")


async def ask_for_the_upgrade(page: Page, demo: Demo, prefix: str) -> None:
    await page.get_by_role("link", name="Show me the difference").click()
    await page.get_by_label("How a request must be proven").select_option("dns-01")
    await page.get_by_role("button", name="Show what this changes").click()
    await expect(page.locator("[data-fate=changed]")).to_contain_text("validationmethods=dns-01")
    await expect(page.locator("[data-fate=removed]")).to_contain_text("Security contact")
    await look(page, f"{prefix}3-difference")
    await page.get_by_role("button", name="Ask for these rights and upgrade").click()
    question = page.locator("main")
    await expect(question).to_contain_text(re.compile("record"))
    await look(page, f"{prefix}4-question")
    await page.get_by_role("button", name="Confirm").click()
    await page.wait_for_url(re.compile(re.escape(demo.marketplace)))


async def go_back(page: Page) -> None:
    await page.get_by_role("link", name="Back to version 1.0.0").click()
    await look(page, "u6-going-back")
    await page.get_by_role("button", name="Ask for these rights and go back").click()
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("Everything is in place")).to_be_visible(timeout=30_000)
    await expect(page.get_by_role("heading", name="Version 1.1.0 available")).to_be_visible()
    await look(page, "u7-back")


async def uninstall(page: Page) -> None:
    await page.get_by_role("link", name="Uninstall").click()
    await page.get_by_role("button", name="Ask for these rights and remove").click()
    await page.get_by_role("button", name="Confirm").click()
    await expect(page.get_by_text("every permission for it was ended")).to_be_visible(timeout=30_000)
    await look(page, "u9-uninstalled")


def refuse_the_next_record(demo: Demo) -> None:
    """The sandbox refuses one record."""
    operation = "POST /domain/zone/{zoneName}/record"
    assert run(["sandbox", "fault", "set", operation, "--fail", "409", "--data", str(demo.folder)]) == 0


def caa(demo: Demo) -> set[str]:
    return answers(demo, ZONE, "CAA")


def txt(demo: Demo) -> set[str]:
    return answers(demo, f"_security.{ZONE}", "TXT")


def answers(demo: Demo, name: str, kind: str) -> set[str]:
    """What the sandbox's DNS says."""
    host, port = demo.dns
    reply = dns.query.tcp(dns.message.make_query(name, kind), host, port=port, timeout=5)
    return {str(item) for rrset in reply.answer for item in rrset}
