"""Installations on a real sandbox, by a marketplace that is killed, asked twice, asked for much, and left in the lurch.

Short by default; MANDAT_TORTURE=full (make torture) draws 100 kills (threats.md 5.1, R15) and orders 50 at once.
"""

import asyncio
import itertools
import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress

import httpx2
import pytest

from mandat.marketplace.store.database import DATABASE_FILE
from mandat.sandbox.store.faults import FaultAction
from support.demo import Demo
from support.marketplace_process import MarketplaceProcess
from torture.shopping import UNDER_WAY, Account, Shopper, connect, differences, path_of

FULL = os.environ.get("MANDAT_TORTURE") == "full"
SEED = int(os.environ.get("MANDAT_TORTURE_SEED", "3"))
KILLS = 100 if FULL else 5
REMOVAL_KILLS = 30 if FULL else 2
AT_ONCE = 50 if FULL else 12
MAKE_SERVER = "POST /cloud/project/{serviceName}/instance"

NUMBERS = itertools.count(1)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if FULL else 120)]


@pytest.fixture(scope="module")
def market(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MarketplaceProcess]:
    """A marketplace of its own on the demo's provider; runs, and has keys."""
    market = MarketplaceProcess(tmp_path_factory.mktemp("market"), demo.endpoint)
    market.start()
    asyncio.run(connect(demo, market.origin))
    yield market
    market.kill()


@pytest.fixture
async def shopper(demo: Demo, market: MarketplaceProcess) -> AsyncIterator[Shopper]:
    """Somebody new."""
    shopper = Shopper(demo, market.origin, f"carol{next(NUMBERS)}")
    await shopper.sign_up()
    yield shopper
    await shopper.browser.client.aclose()


@pytest.fixture(scope="module")
def account(demo: Demo) -> Account:
    return Account(demo)


class Killer:
    """Kills at moments that are drawn, until enough met work under way; notes how far that was, and how long it took.

    Attributes:
        left: kills still to come.
        points: how often a kill found how many steps done.
        seconds: from the last start to the end, for each installation.
    """

    def __init__(self, market: MarketplaceProcess, kills: int) -> None:
        self.dice = random.Random(SEED)
        self.left = kills
        self.points: Counter[int] = Counter()
        self.seconds: list[float] = []
        self._market = market

    async def disturb(self, shopper: Shopper, back: str, *, lasts_seconds: float) -> str:
        """Comes back by `back`, with kills in between; the state that it ends in."""
        path = path_of(back)
        while True:
            coming = asyncio.create_task(_come(shopper, back))
            await self._moment(path.rpartition("/")[2], lasts_seconds)
            await asyncio.to_thread(self._market.kill)
            await coming
            state, done, _all = self._progress(path.rpartition("/")[2])
            if state in (*UNDER_WAY, "awaiting_permission", "awaiting_removal"):
                self.left -= 1
                self.points[done] += 1
            began = time.monotonic()
            await asyncio.to_thread(self._market.start)
            if self.left and self.dice.random() < 0.5:
                lasts_seconds = max(lasts_seconds, 2.0)  # until the engine is at work again, and a little further
                continue
            with suppress(httpx2.HTTPError):
                await shopper.browser.open(back)
            state = await shopper.follow(path)
            self.seconds.append(time.monotonic() - began)
            return state

    async def _moment(self, installation_id: str, lasts_seconds: float) -> None:
        """Half of the moments are drawn by time; most of that is waiting for the server. So half are drawn by step."""
        if self.dice.random() < 0.5:
            await asyncio.sleep(self.dice.uniform(0.0, lasts_seconds))
            return
        ends = time.monotonic() + lasts_seconds + 1.0
        state, done, steps = self._progress(installation_id)
        wanted = self.dice.randint(done, max(done, steps - 1))
        while done < wanted and state != "removed" and time.monotonic() < ends:
            await asyncio.sleep(0.002)
            state, done, _ = self._progress(installation_id)
        await asyncio.sleep(self.dice.uniform(0.0, 0.02))

    def _progress(self, installation_id: str) -> tuple[str, int, int]:
        """State, steps that are done, steps: of installing or of removing, whichever it is about."""
        with closing(sqlite3.connect(self._market.folder / DATABASE_FILE)) as store:
            query = "SELECT state FROM installations WHERE id = ?"
            (state,) = store.execute(query, (installation_id,)).fetchone()
            query = "SELECT count(*) FILTER (WHERE state = 'done'), count(*) FROM steps WHERE installation_id = ? AND "
            query += "step_id LIKE '-%'" if "remov" in state else "step_id NOT LIKE '-%'"
            return (state, *store.execute(query, (installation_id,)).fetchone())

    def __str__(self) -> str:
        ordered, points = sorted(self.seconds), dict(sorted(self.points.items()))
        return (
            f"seed {SEED}: {self.points.total()} kills of {len(ordered)} at work, by steps that were done: {points};"
            f" from a restart to the end {ordered[len(ordered) // 2]:.1f} s at the median, {ordered[-1]:.1f} at most"
        )


async def _come(shopper: Shopper, back: str) -> None:
    with suppress(httpx2.HTTPError):  # the marketplace may be dead by then; she loads the page again
        await shopper.browser.open(back)


async def test_r15_a_marketplace_killed_at_random_moments_does_each_thing_once(
    market: MarketplaceProcess, shopper: Shopper, account: Account
) -> None:
    before, wanted = account.contents(), {"zone": account.zone, "project": account.project}
    mark = account.mark()
    back = await shopper.order("web-site", name="calm", **wanted)
    began, path = time.monotonic(), path_of(back)
    await shopper.browser.open(back)
    assert await shopper.follow(path) == "installed", shopper.browser.page.text
    lasts_seconds = time.monotonic() - began
    installed = account.effects_since(mark)
    mark = account.mark()
    await shopper.remove(path)
    removed = account.effects_since(mark)
    assert account.contents() == before
    killer, number = Killer(market, KILLS), 0
    while killer.left:
        number += 1
        mark = account.mark()
        back = await shopper.order("web-site", name=f"site{number}", **wanted)
        state = await killer.disturb(shopper, back, lasts_seconds=lasts_seconds)
        assert state == "installed", f"seed {SEED}, installation {number}: {shopper.browser.page.text}"
        assert differences(account.effects_since(mark), installed) == [], f"seed {SEED}, installation {number}"
        new = account.contents()
        (server,) = new.servers - before.servers
        assert server[0] == f"site{number}.{account.zone}"
        assert new.records - before.records == Counter([("A", f"site{number}", server[1])])
        mark = account.mark()
        await shopper.remove(path_of(back))
        assert differences(account.effects_since(mark), removed) == [], f"seed {SEED}, installation {number}"
        assert account.contents() == before, f"seed {SEED}, installation {number}"
    print(f"Installing, {killer}")


async def test_killed_while_removing_it_leaves_nothing_and_takes_nothing_twice(
    market: MarketplaceProcess, shopper: Shopper, account: Account
) -> None:
    """Uninstalling a whole one and undoing half of one, in turn."""
    before, wanted = account.contents(), {"zone": account.zone, "project": account.project}
    path = await shopper.install("web-site", name="calm", **wanted)
    back, began = await shopper.ask_removal(path), time.monotonic()
    await shopper.browser.open(back)
    assert await shopper.follow(path) == "removed"
    lasts_seconds = time.monotonic() - began
    killer, number = Killer(market, REMOVAL_KILLS), 0
    while killer.left:
        number += 1
        name, mark, publishing = f"gone{number}", account.mark(), f"POST /domain/zone/{account.zone}/refresh"
        if number % 2:
            path = await shopper.install("web-site", name=name, **wanted)
        else:
            with account.fault("POST /domain/zone/{zoneName}/refresh", FaultAction.FAIL, status=409, remaining=1):
                back = await shopper.order("web-site", name=name, **wanted)
                await shopper.browser.open(back)
                path = path_of(back)
                assert await shopper.follow(path) == "failed"
        back = await shopper.ask_removal(path)
        state = await killer.disturb(shopper, back, lasts_seconds=lasts_seconds)
        assert state == "removed", f"seed {SEED}, removal {number}: {shopper.browser.page.text}"
        assert account.contents() == before, f"seed {SEED}, removal {number}"
        effects = account.effects_since(mark)
        assert [times for change, times in effects.items() if change.startswith("DELETE")] == [1, 1], effects
        assert effects[f"{publishing.replace('/domain', '/1.0/domain')}"] == (2 if number % 2 else 1)
    print(f"Removing, {killer}")


async def test_two_installations_at_once_on_one_zone_keep_apart(
    demo: Demo, market: MarketplaceProcess, shopper: Shopper, account: Account
) -> None:
    """The same stack under the same name, by two people of the same account: the hardest to tell apart."""
    before, wanted = account.contents(), {"zone": account.zone, "project": account.project, "name": "twin"}
    other = Shopper(demo, market.origin, "doris")
    await other.sign_up()
    backs = [await shopper.order("web-site", **wanted), await other.order("web-site", **wanted)]
    people = (shopper, other)
    await asyncio.gather(*(one.browser.open(back) for one, back in zip(people, backs, strict=True)))
    states = await asyncio.gather(*(one.follow(path_of(back)) for one, back in zip(people, backs, strict=True)))
    assert states == ["installed", "installed"]
    both = account.contents()
    assert Counter(value for _, _, value in both.records - before.records) == Counter(
        address for _, address in both.servers - before.servers
    )
    await shopper.remove(path_of(backs[0]))
    left = account.contents()
    assert len(left.servers - before.servers) == len(left.records - before.records) == 1
    await other.remove(path_of(backs[1]))
    assert account.contents() == before


async def test_pressed_confirmed_and_opened_twice_it_is_installed_once(
    market: MarketplaceProcess, shopper: Shopper, account: Account
) -> None:
    before, mark = account.contents(), account.mark()
    back = await shopper.order("web-site", times=2, zone=account.zone, project=account.project, name="double")
    await asyncio.gather(*(shopper.second_tab().open(back) for _ in range(3)))
    await shopper.browser.open(back)
    path = path_of(back)
    assert await shopper.follow(path) == "installed", shopper.browser.page.text
    await shopper.browser.open(back)
    assert shopper.browser.state == "installed"
    assert set(account.effects_since(mark).values()) == {1}
    assert (account.contents().servers - before.servers).total() == 1
    await shopper.remove(path)
    assert account.contents() == before


async def test_many_installations_at_once_all_finish(
    demo: Demo, market: MarketplaceProcess, shopper: Shopper, account: Account
) -> None:
    before, began = account.contents(), time.monotonic()
    people = [shopper] + [Shopper(demo, market.origin, f"customer{number}") for number in range(AT_ONCE // 10)]
    for one in people[1:]:
        await one.sign_up()
    wanted = {"zone": account.zone, "project": account.project}
    orders = [
        (
            people[number % len(people)],
            await people[number % len(people)].order("web-site", name=f"m{number}", **wanted),
        )
        for number in range(AT_ONCE)
    ]
    ordered = time.monotonic()
    tabs = [one.second_tab() for one, _ in orders]
    await asyncio.gather(*(tab.open(back) for tab, (_, back) in zip(tabs, orders, strict=True)))
    states = await asyncio.gather(
        *(one.follow(path_of(back), seconds=300, tab=tab) for tab, (one, back) in zip(tabs, orders, strict=True))
    )
    finished = time.monotonic()
    assert Counter(states) == {"installed": AT_ONCE}
    new = account.contents()
    assert (new.servers - before.servers).total() == (new.records - before.records).total() == AT_ONCE
    for one, back in orders:
        await one.remove(path_of(back))
    assert account.contents() == before
    print(f"{AT_ONCE} web sites at once: ordered in {ordered - began:.1f} s, all up in {finished - ordered:.1f} s")


async def test_a_running_installation_that_is_cancelled_stops_and_leaves_nothing_unnoticed(
    shopper: Shopper, account: Account
) -> None:
    before = account.contents()
    with account.fault(MAKE_SERVER, FaultAction.LATE, seconds=1.0, after_effect=True):
        back = await shopper.order("web-site", zone=account.zone, project=account.project, name="stopped")
        await shopper.browser.open(back)
        path = path_of(back)
        while (account.contents().servers - before.servers).total() == 0:
            await asyncio.sleep(0.05)
        await shopper.browser.open(path)
        await shopper.browser.submit(f"{path}/cancel")
        assert await shopper.follow(path) == "failed"
    assert "You stopped it" in shopper.browser.page.text
    assert (account.contents().servers - before.servers).total() == 1
    await shopper.remove(path)
    assert account.contents() == before


@pytest.mark.parametrize("operation", [MAKE_SERVER, "POST /domain/zone/{zoneName}/record"])
async def test_an_effect_whose_answer_is_lost_is_not_repeated(
    shopper: Shopper, account: Account, operation: str
) -> None:
    before, mark = account.contents(), account.mark()
    with account.fault(operation, FaultAction.FAIL, status=500, after_effect=True, remaining=2):
        path = await shopper.install("web-site", zone=account.zone, project=account.project, name="lost")
    assert set(account.effects_since(mark).values()) == {1}
    await shopper.remove(path)
    assert account.contents() == before


@pytest.mark.parametrize("after_effect", [False, True])
async def test_a_provider_that_hangs_is_given_up_within_a_minute_and_the_page_says_so(
    shopper: Shopper, account: Account, after_effect: bool
) -> None:
    if not FULL:
        pytest.skip("takes a minute: make torture")
    before, operation = account.contents(), MAKE_SERVER
    with account.fault(operation, FaultAction.HANG, after_effect=after_effect, remaining=None):
        back = await shopper.order("web-site", zone=account.zone, project=account.project, name="hung")
        await shopper.browser.open(back)
        assert await shopper.follow(path_of(back)) == "failed"
        assert "did not answer properly, several times" in shopper.browser.page.text
    await shopper.remove(path_of(back))
    assert account.contents() == before
