"""The catalogue is searched by words and by category."""

import httpx2
import pytest

from mandat.marketplace.pages.application import make_application
from mandat.marketplace.pages.catalogue import find_stacks
from mandat.marketplace.stacks.shelf import read_library
from mandat.marketplace.wiring import Marketplace
from marketplace.browser import Browser
from marketplace.shop import Shop
from marketplace.test_pages import ORIGIN

OFFERED = read_library()


@pytest.mark.parametrize(
    ("words", "category", "found"),
    [
        ("DKIM", "", ["mail-dns"]),
        ("certificate weakness", "", ["certificate-guard"]),
        ("certificate dkim", "", []),
        ("", "E-mail", ["mail-dns"]),
        ("server", "Domains", []),
        ("", "No such category", []),
        ("<script>", "", []),
    ],
)
def test_every_word_has_to_be_there(words: str, category: str, found: list[str]) -> None:
    assert [stack.id for stack in find_stacks(OFFERED, words=words, category=category)] == found


def test_nothing_searched_shows_everything() -> None:
    assert find_stacks(OFFERED, words="", category="") == OFFERED


async def test_the_page_searches_without_a_script(marketplace: Marketplace, shop: Shop) -> None:
    browser = Browser(ORIGIN, transport=httpx2.ASGITransport(make_application(marketplace.site)))
    await browser.open("/stacks")
    await browser.submit("/stacks", q="dkim")
    assert "Mail DNS set" in browser.page.text and "Status page" not in browser.page.text
    assert "1 stack " in browser.page.text
    assert "No stack matches." in (await browser.open("/stacks?q=nothing+of+the+kind")).text
    assert (await browser.open("/stacks?q=%3Cscript%3E")).text.count("<script>") == 0
    assert (await browser.open("/stacks?q=a&q=b")).status_code == 400
