"""Several marketplaces on one PostgreSQL database: one works, all show it, and what a dead one left is taken over."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from doubles.nature import CountingEntropy, SetClock
from doubles.zone_provider import ZoneProvider
from mandat.marketplace.installs.engine import BEAT_SECONDS, SILENT_SECONDS
from mandat.marketplace.problems import StartRefused
from mandat.marketplace.settings import MarketplaceSettings
from mandat.marketplace.wiring import KEY_FILE, Marketplace, open_marketplace
from marketplace.browser import Browser
from marketplace.shop import Shop
from marketplace.test_killed import connect, order, provider, until
from support.marketplace_process import MarketplaceProcess
from support.postgres import PostgresServer

__all__ = ["provider"]

TAKE_OVER_SECONDS = SILENT_SECONDS + 2 * BEAT_SECONDS + 20
"""The documented bound of 21 s for the take-over, and time for the rest on a busy machine."""


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    name = postgres.empty_database()
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def opened(url: str, provider: ZoneProvider, tmp_path: Path) -> Iterator[Callable[[str], Marketplace]]:
    """Opens a marketplace in a folder; without an engine that runs."""
    all_opened = []

    def open_one(folder: str) -> Marketplace:
        settings = MarketplaceSettings(folder=tmp_path / folder, endpoint=provider.base, database=url)
        all_opened.append(
            open_marketplace(settings, clock=SetClock(), entropy=CountingEntropy(), transport=provider.transport())
        )
        return all_opened[-1]

    yield open_one
    for each in all_opened:
        each.close()


def test_an_installation_and_its_removal_on_postgresql(
    opened: Callable[[str], Marketplace], provider: ZoneProvider
) -> None:
    shop = Shop(opened("one"), provider)
    session = shop.log_in()
    installation = shop.installed(session)
    assert installation.state == "installed"
    assert len(provider.records) == 4
    assert shop.remove(session, installation).state == "removed"
    assert provider.records == []
    assert shop.log_in().user_id == session.user_id, "the login is taken; the password opens it"


def test_a_request_id_that_is_too_long_is_kept_in_part(
    opened: Callable[[str], Marketplace], provider: ZoneProvider
) -> None:
    shop = Shop(opened("one"), provider)
    session = shop.log_in()
    installation = shop.confirm(session, shop.order(session))
    shop.books.installations.pause_step(installation.id, "publish", query_id="q" * 500, at=0.0)
    assert {each.query_id for each in shop.books.installations.list_steps(installation.id)} == {None, "q" * 200}


def test_a_second_marketplace_needs_the_key_file_of_the_first(
    opened: Callable[[str], Marketplace], tmp_path: Path
) -> None:
    opened("one")
    with pytest.raises(StartRefused, match=r"key file .* is missing"):
        opened("two")
    (tmp_path / "two" / KEY_FILE).write_bytes(bytes(32))
    with pytest.raises(StartRefused, match="not the one this database was made with"):
        opened("two")
    shutil.copy(tmp_path / "one" / KEY_FILE, tmp_path / "two" / KEY_FILE)
    opened("two")


@pytest.mark.parametrize("wrong", ["mysql://x/y", "postgresql://", "postgresql://nobody@127.0.0.1:1/none"])
def test_a_database_that_cannot_be_used_is_refused_in_one_sentence(wrong: str, tmp_path: Path) -> None:
    settings = MarketplaceSettings(folder=tmp_path, endpoint="http://127.0.0.1:1/1.0", database=wrong)
    with pytest.raises(StartRefused, match="database") as refused:
        open_marketplace(settings, clock=SetClock(), entropy=CountingEntropy())
    assert "\n" not in str(refused.value)


def test_a_password_in_the_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    shown = "postgresql://shop:hunter2@127.0.0.1:1/shop"
    settings = MarketplaceSettings(folder=tmp_path, endpoint="http://127.0.0.1:1/1.0", database=shown)
    with pytest.raises(StartRefused, match="PGPASSWORD") as refused:
        open_marketplace(settings, clock=SetClock(), entropy=CountingEntropy())
    assert "hunter2" not in str(refused.value)


@pytest.fixture
def two(url: str, provider: ZoneProvider, tmp_path: Path) -> Iterator[list[MarketplaceProcess]]:
    """Two marketplace processes that run, and have keys."""
    both = [MarketplaceProcess(tmp_path / name, provider.base, database=url) for name in ("one", "two")]
    both[0].start()
    (tmp_path / "two").mkdir()
    shutil.copy(tmp_path / "one" / KEY_FILE, tmp_path / "two" / KEY_FILE)
    both[1].start()
    asyncio.run(connect(Browser(both[0].origin)))
    yield both
    for each in both:
        each.kill()


@pytest.mark.slow
@pytest.mark.parametrize("dies", [True, False])
async def test_what_a_dead_or_silent_marketplace_left_is_taken_over(
    two: list[MarketplaceProcess], provider: ZoneProvider, dies: bool
) -> None:
    """It falls silent at the worst moment, between effect and answer; a silent one goes on later, and does no harm."""
    one, other = two
    silent = asyncio.Event()
    loop = asyncio.get_running_loop()

    def fall_silent(method: str, path: str) -> None:
        if not silent.is_set() and len(provider.writes()) == 2:
            loop.call_soon_threadsafe(silent.set)
            one.kill() if dies else one.pause()
            time.sleep(0.05)  # as in test_killed

    browser = Browser(one.origin)
    provider.after = fall_silent
    coming = asyncio.create_task(_path_of_order(browser, provider))
    await asyncio.wait_for(silent.wait(), 30)
    began = time.monotonic()
    elsewhere = Browser(other.origin)
    await elsewhere.open("/login")
    await elsewhere.submit("/login", login="carol", password="correct horse")
    path = f"/installations/{provider.delegations[-1].redirection.split('/')[4]}"
    await until(elsewhere, path, "installed")
    assert time.monotonic() - began < TAKE_OVER_SECONDS
    if not dies:
        one.go_on()
        await asyncio.sleep(1.0)  # time for the one that was silent to do what it must not do
        await until(elsewhere, path, "installed")
    await coming
    assert [record["fieldType"] for record in provider.records] == ["MX", "TXT", "TXT", "TXT"]


async def _path_of_order(browser: Browser, provider: ZoneProvider) -> None:
    try:
        await order(browser, provider)
    except Exception:  # the page may be asked for when nobody answers
        return
