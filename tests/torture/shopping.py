"""Customers of a marketplace process who install and remove on the running demo, and what the account shows then."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from mandat.client import Client
from mandat.client.approval import approve
from mandat.sandbox.operating.fault_switch import clear_faults, order_fault
from mandat.sandbox.operating.inspection import read_ledger
from mandat.sandbox.store.faults import Fault, FaultAction
from marketplace.browser import Browser
from support.demo import Demo

DEADLINE_SECONDS = 60.0
"""Issue 3: from a restart to a state in which nothing is under way."""

UNDER_WAY = ("running", "cancelling", "removing")
PASSWORD = "correct horse battery"


async def connect(demo: Demo, origin: str) -> None:
    """What the developer does once: gives the marketplace its keys."""
    browser = Browser(origin)
    await browser.open("/")
    await browser.submit("/setup", application_key=demo.application_key, application_secret=demo.application_secret)
    assert browser.shows("catalogue"), browser.page.text


class Shopper:
    """Somebody with a browser, a login at the marketplace, and an account at the provider."""

    def __init__(self, demo: Demo, origin: str, login: str, *, customer: int = 0) -> None:
        self.browser = Browser(origin)
        self._login = login
        self._person = demo.person("customer", customer)

    async def sign_up(self) -> None:
        """Once; the session outlives restarts of the marketplace."""
        await self.browser.open("/signup")
        await self.browser.submit("/signup", login=self._login, password=PASSWORD)
        assert self.browser.page.status_code == 200, self.browser.page.text

    async def order(self, stack: str, *, times: int = 1, **inputs: str) -> str:
        """Presses the button of the preview and answers the provider's question. The address to come back by.

        Args:
            times: how often the button is pressed, at once.
        """
        query = "&".join(f"{name}={value}" for name, value in inputs.items())
        await self.browser.open(f"/stacks/{stack}/preview?{query}")
        tabs = [self.second_tab(self.browser.page) for _ in range(times - 1)]
        await asyncio.gather(*(each.submit(f"/stacks/{stack}/install") for each in (self.browser, *tabs)))
        assert {each.left_for for each in tabs} <= {self.browser.left_for}
        return await self.confirm()

    def second_tab(self, page: httpx2.Response | None = None) -> Browser:
        """Another window of the same browser, on that page."""
        tab = Browser(self.browser.origin)
        tab.client.cookies.update(self.browser.client.cookies)
        tab.page = page or tab.page
        return tab

    async def ask_removal(self, path: str) -> str:
        """Presses "remove" and answers the provider's question. The address to come back by."""
        await self.browser.open(f"{path}/remove")
        await self.browser.submit(f"{path}/remove")
        return await self.confirm()

    async def confirm(self) -> str:
        """Answers the provider's question that the marketplace led to."""
        person = self._person
        assert self.browser.left_for, self.browser.page.text
        given = await asyncio.to_thread(
            approve, self.browser.left_for, login=person["login"], password=person["password"]
        )
        assert given.outcome == "confirmed"
        assert given.redirection is not None
        return given.redirection

    async def follow(self, path: str, *, seconds: float = DEADLINE_SECONDS, tab: Browser | None = None) -> str:
        """Loads the installation's page until nothing is under way; the state that it ends in."""
        ends, tab = time.monotonic() + seconds, tab or self.browser
        while True:
            await tab.open(path)
            if tab.shows("installation") and tab.state not in UNDER_WAY:
                return tab.state
            assert time.monotonic() < ends, f"still {tab.state}: {tab.page.text}"
            await asyncio.sleep(0.1)

    async def install(self, stack: str, **inputs: str) -> str:
        """From the order to the end. The installation's path."""
        back = await self.order(stack, **inputs)
        await self.browser.open(back)
        path = path_of(back)
        assert await self.follow(path) == "installed", self.browser.page.text
        return path

    async def remove(self, path: str) -> None:
        """From the question to the end."""
        await self.browser.open(await self.ask_removal(path))
        assert await self.follow(path) == "removed", self.browser.page.text


def path_of(back: str) -> str:
    """The installation's page, from the address that leads back to it."""
    found = re.search(r"/installations/[a-z2-7]+", back)
    assert found is not None, back
    return found[0]


@dataclass(frozen=True)
class Contents:
    """What is there: records as (type, name, value), servers as (name, address)."""

    records: Counter[tuple[str, str, str]]
    servers: Counter[tuple[str, str]]


class Account:
    """The demo's customer as the provider sees her."""

    def __init__(self, demo: Demo, *, customer: int = 0, zone: str | None = None) -> None:
        self.zone = zone or demo.zone
        self._folder = demo.folder
        self._account = demo.person("customer", customer)["account"]
        self._client: Client = demo.client(
            demo.grant([("GET", "/domain/zone/*"), ("GET", "/cloud/project*")], customer=customer)
        )
        self.project: str = self._client.get("/cloud/project")[0]

    def contents(self) -> Contents:
        """What exists now."""
        records: Counter[tuple[str, str, str]] = Counter()
        for record_id in self._client.get(f"/domain/zone/{self.zone}/record"):
            found: dict[str, Any] = self._client.get(f"/domain/zone/{self.zone}/record/{record_id}")
            records[(found["fieldType"], found["subDomain"], found["target"])] += 1
        servers = Counter(
            (each["name"], each["ipAddresses"][0]["ip"] if each["ipAddresses"] else "")
            for each in self._client.get(f"/cloud/project/{self.project}/instance")
        )
        return Contents(records, servers)

    @contextmanager
    def fault(
        self,
        operation: str,
        action: FaultAction,
        *,
        after_effect: bool = False,
        status: int | None = None,
        seconds: float | None = None,
        remaining: int | None = 1,
    ) -> Iterator[None]:
        """The sandbox disturbs this account's calls of `operation` for the length of the block."""
        wanted = Fault(
            operation,
            action,
            int(time.time()),
            account=self._account,
            after_effect=after_effect,
            status=status,
            seconds=seconds,
            remaining=remaining,
        )
        number = order_fault(self._folder, wanted)
        try:
            yield
        finally:
            clear_faults(self._folder, number)

    def mark(self) -> int:
        """The present end of the ledger."""
        return max((entry.id for entry in read_ledger(self._folder, self._account)), default=0)

    def effects_since(self, mark: int) -> Counter[str]:
        """How often each kind of change happened since `mark`; ids are left out."""
        return Counter(
            f"{entry.method} {_without_ids(entry.path)}"
            for entry in read_ledger(self._folder, self._account)
            if entry.id > mark and entry.changed
        )


def _without_ids(path: str) -> str:
    return re.sub(r"/([0-9]+|[0-9a-f-]{36})(?=/|$)", "/ID", path)


def differences(found: Counter[str], expected: Counter[str]) -> list[str]:
    """In words, what happened too often or too rarely."""
    names: Iterable[str] = sorted({*found, *expected})
    return [f"{each}: {found[each]} times, not {expected[each]}" for each in names if found[each] != expected[each]]
