"""The whole story in a real browser: register, give the keys, shop, answer, install, take back, be refused."""

import asyncio
import os
import re
import signal
import time

import dns.message
import dns.query
import pytest
from playwright.async_api import BrowserContext, Error, Page, expect

from conftest import DebianProgram
from support.browser import look, open_browser
from support.demo import Demo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

ZONE = "first.example"
WANTED = {
    (ZONE, "MX"): f"10 mail.{ZONE}.",
    (ZONE, "TXT"): "v=spf1 mx ~all",
    (f"mail._domainkey.{ZONE}", "TXT"): "v=DKIM1",
    (f"_dmarc.{ZONE}", "TXT"): "v=DMARC1; p=none",
}


async def test_a_new_user_walks_the_whole_journey(demo: Demo, debian_program: DebianProgram) -> None:
    async with open_browser(debian_program("chromium")) as browser:
        page = await browser.new_page()
        key, secret = await register_an_application(page, demo)
        await give_the_keys_to_the_marketplace(page, demo, key, secret)
        await sign_up_at_the_marketplace(page, demo)
        await order(page, demo)
        await answer_as_the_customer(page, demo)
        await expect(page.locator("main")).to_contain_text("Everything is in place", timeout=30_000)
        await expect(page.locator("main")).to_contain_text(demo.person("customer")["account"])
        await look(page, "14-installed")
        for (name, kind), begins in WANTED.items():
            assert any(answer.startswith(begins) for answer in answers(demo, name, kind)), (name, kind)
        await take_the_rights_back(browser, demo)
        await the_marketplace_says_so(page)


async def test_a_marketplace_killed_in_mid_install_finishes_with_nothing_twice(
    demo: Demo, debian_program: DebianProgram
) -> None:
    zone = "other.example"
    async with open_browser(debian_program("chromium")) as browser:
        page = await browser.new_page()
        await page.goto(demo.marketplace)
        if page.url.endswith("/setup"):
            await give_the_keys_to_the_marketplace(page, demo, demo.application_key, demo.application_secret)
        await sign_up_at_the_marketplace(page, demo, "patient-shopper")
        await order(page, demo, zone)
        await log_in(page, demo.person("customer"))
        await page.get_by_role("button", name="Confirm").click()
        os.kill(demo.pid_of("mandat.server.processes.marketplace"), signal.SIGKILL)
        await wait_until_serving(page, f"{demo.marketplace}/installations")
        await page.get_by_role("link", name=re.compile(zone)).first.click()
        await expect(page.locator("main")).to_contain_text("Everything is in place", timeout=60_000)
    client = demo.client(demo.grant([("GET", f"/domain/zone/{zone}/record")]))
    made = [client.get(f"/domain/zone/{zone}/record", fieldType=kind) for kind in ("MX", "SPF", "TXT", "DKIM", "DMARC")]
    assert sum(len(records) for records in made) == 4


async def wait_until_serving(page: Page, address: str) -> None:
    """Until the restarted marketplace answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            await page.goto(address)
            return
        except Error:
            assert time.monotonic() < deadline, "the marketplace did not come back"
            await asyncio.sleep(0.2)


async def log_in(page: Page, person: dict[str, str]) -> None:
    """Fills the authority's login page."""
    await page.get_by_label("Login").fill(person["login"])
    await page.get_by_label("Password").fill(person["password"])
    await page.get_by_role("button", name="Log in").click()


async def register_an_application(page: Page, demo: Demo) -> tuple[str, str]:
    await page.goto(f"{demo.origin}/signup")
    await page.get_by_label("Login").fill("new-developer")
    await page.get_by_label("Password", exact=True).fill("a long enough password")
    await look(page, "01-sign-up")
    await page.get_by_role("button", name="Create account").click()
    await look(page, "02-home")
    await page.goto(f"{demo.origin}/createApp/")
    await page.get_by_label("Application name").fill("Stackyard")
    await page.get_by_label("Application description").fill("Installs software stacks on your account")
    await look(page, "03-create-application")
    await page.get_by_role("button", name="Create keys").click()
    key, secret = await page.locator("code.secret-value").all_inner_texts()
    await look(page, "04-keys")
    await page.reload()
    assert secret not in await page.content()
    await look(page, "05-keys-shown-once")
    return key, secret


async def give_the_keys_to_the_marketplace(page: Page, demo: Demo, key: str, secret: str) -> None:
    await page.goto(demo.marketplace)
    await page.get_by_label("Application key").fill(key)
    await page.get_by_label("Application secret").fill(secret)
    await look(page, "06-marketplace-first-run")
    await page.get_by_role("button", name="Check and open the shop").click()
    await expect(page.locator("main")).to_contain_text("The shop is open")
    await look(page, "07-catalogue")


async def sign_up_at_the_marketplace(page: Page, demo: Demo, login: str = "shopper") -> None:
    await page.goto(f"{demo.marketplace}/signup")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password", exact=True).fill("another long password")
    await look(page, "08-marketplace-sign-up")
    await page.get_by_role("button", name=re.compile("Create")).click()


async def order(page: Page, demo: Demo, zone: str = ZONE) -> None:
    await page.goto(demo.marketplace)
    await page.get_by_role("link", name="Mail DNS set").first.click()
    await look(page, "09-stack")
    await page.get_by_label("Your domain").fill(zone)
    await page.get_by_role("button", name="Show me what will happen").click()
    preview = page.locator("main")
    await expect(preview).to_contain_text(f"MX record {zone}")
    assert "second.example" not in await preview.inner_text()
    await look(page, "10-preview")
    await page.locator("main button[type=submit]").last.click()


async def answer_as_the_customer(page: Page, demo: Demo) -> None:
    # The developer is still logged in at the authority: she is somebody else.
    await expect(page.locator("main")).to_contain_text("asks to act on your account")
    await page.get_by_role("button", name="Switch account").click()
    await log_in(page, demo.person("customer"))
    question = page.locator("main")
    await expect(question).to_contain_text("Stackyard")
    await expect(question).to_contain_text(demo.person("customer")["account"])
    await expect(question).to_contain_text("http://localhost")
    await look(page, "12-question")
    await page.get_by_role("button", name="Confirm").click()
    await page.wait_for_url(re.compile(re.escape(demo.marketplace)))
    await look(page, "13-back-at-the-marketplace")


async def take_the_rights_back(browser: BrowserContext, demo: Demo) -> None:
    page = await browser.new_page()
    await page.goto(f"{demo.origin}/account/applications")
    await expect(page.locator("main")).to_contain_text("Stackyard")
    await look(page, "15-connected")
    connected = page.locator("section").filter(has=page.get_by_role("heading", name="Stackyard", exact=True))
    await connected.get_by_role("link", name="Take these rights back").click()
    await look(page, "16-revoke")
    await page.locator("main button[type=submit]").first.click()
    await expect(page.locator("main")).to_contain_text("The rights are taken back")
    await expect(connected.get_by_role("link", name="Take these rights back")).to_have_count(0)
    await look(page, "17-revoked")
    await page.close()


async def the_marketplace_says_so(page: Page) -> None:
    await page.get_by_role("button", name="Does it still work?").click()
    await look(page, "18-marketplace-after-revocation")
    await expect(page.get_by_text("works", exact=True)).to_have_count(0, timeout=10_000)


def answers(demo: Demo, name: str, kind: str) -> list[str]:
    """What the sandbox's DNS says."""
    host, port = demo.dns
    reply = dns.query.tcp(dns.message.make_query(name, kind), host, port=port, timeout=5)
    return [str(item).strip('"') for rrset in reply.answer for item in rrset]
