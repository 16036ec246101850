"""Quotas of a running node: one for all its processes, changed by a reload, and shared over Redis."""

import asyncio
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from doors.in_memory import Application, asgi_call
from mandat.server.middleware import MandatMiddleware
from support.ports import free_ports
from support.redis import RedisServer
from support.serving import Serving
from support.waiting import wait_for
from torture.load import Customer, Installation

pytestmark = pytest.mark.slow

BURST = 6


QUOTAS = f"[quotas]\napplication_per_minute = 1\napplication_burst = {BURST}\n"


@dataclass
class Shop:
    """An application of the installation, with a delegation."""

    installation: Installation
    consumer_key: str = ""

    @classmethod
    def open(cls, installation: Installation) -> "Shop":
        customer = Customer(installation)
        customer.log_in()
        key = customer.confirm()
        customer.close()
        assert key is not None
        return cls(installation, key)

    def call(self, method: str = "GET", path: str = "/auth/currentCredential") -> httpx2.Response:
        """A signed call on a connection of its own, so that any worker may get it."""
        url = f"{self.installation.origin}/1.0{path}"
        headers = self.installation.signature(self.consumer_key, method, url)
        return httpx2.request(method, url, headers=headers, timeout=15)

    def outcomes(self, calls: int) -> Counter[int]:
        return Counter(self.call().status_code for _ in range(calls))


def another(installation: Installation) -> Installation:
    made = installation.mandat("app", "create", "--name", "Modest", "--description", "Calls seldom")
    return Installation(installation.folder, installation.port, str(made["key"]), str(made["secret"]))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Installation, Installation]:
    """Two equal installations."""
    folder, port = tmp_path_factory.mktemp("installed"), free_ports(2)
    one = Installation.create(folder / "one", port, more=QUOTAS)
    shutil.copytree(folder / "one", folder / "two")
    two = Installation(folder / "two", port + 1, one.key, one.secret)
    two.config.write_text(one.config.read_text().replace(str(port), str(port + 1)))
    return one, two


@pytest.fixture(scope="module")
def node(installed: tuple[Installation, Installation]) -> Iterator[tuple[Serving, Installation]]:
    with installed[0].running() as running:
        yield running, installed[0]


def test_two_workers_share_one_quota_and_applications_do_not(node: tuple[Serving, Installation]) -> None:
    _, installation = node
    greedy, modest = Shop.open(installation), Shop.open(another(installation))
    assert greedy.outcomes(4 * BURST) == {200: BURST, 429: 3 * BURST}
    refused = greedy.call()
    assert refused.json()["errorCode"] == "QUOTA_EXCEEDED"
    assert 55 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit"].startswith('"application";r=0;t=')
    assert modest.outcomes(BURST) == {200: BURST}
    assert modest.call().status_code == 429


def test_what_is_not_judged_is_not_counted(node: tuple[Serving, Installation]) -> None:
    _, installation = node
    shop = Shop.open(another(installation))
    for path in ("/1.0/auth/time", "/.well-known/mandat/jwks.json"):
        assert {httpx2.get(installation.origin + path).status_code for _ in range(2 * BURST)} == {200}
    assert {shop.call("GET", "/me/api/credential").status_code for _ in range(2 * BURST)} == {403}
    assert shop.outcomes(BURST + 1) == {200: BURST, 429: 1}


def test_a_reload_changes_the_quota_and_forgets_no_call(node: tuple[Serving, Installation]) -> None:
    running, installation = node
    shop = Shop.open(another(installation))
    assert shop.outcomes(BURST) == {200: BURST}
    text = installation.config.read_text()
    installation.config.write_text(text.replace(f"burst = {BURST}", f"burst = {2 * BURST}"))
    running.process.send_signal(signal.SIGHUP)
    wait_for(lambda: any(event["event"] == "reloaded" for event in running.events()), what="the reload", seconds=30)
    assert shop.outcomes(BURST + 1) == {200: BURST, 429: 1}


async def outcomes_beside(shop: Shop, calls: int) -> Counter[int]:
    """Of calls to an application behind the middleware, on a machine without a node."""
    app = MandatMiddleware(Application(), config=shop.installation.config, run=None)
    found: Counter[int] = Counter()
    path, origin = "/1.0/auth/currentCredential", shop.installation.origin
    for _ in range(calls):
        fields = {"Host": origin.removeprefix("http://")}
        fields |= shop.installation.signature(shop.consumer_key, "GET", origin + path)
        call = asgi_call(target=path)
        call.scope["headers"] = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
        await app(call.scope, call.receive, call.send)
        found[call.status] += 1
    end = asgi_call()
    await app({"type": "lifespan"}, end.receive, end.send)
    return found


def test_all_share_one_quota_over_redis_and_without_it_each_counts_its_own_and_the_log_says_so(
    installed: tuple[Installation, Installation], tmp_path: Path
) -> None:
    server, installation = RedisServer(tmp_path), installed[1]
    installation.config.write_text(f'{installation.config.read_text()}[redis]\nurl = "{server.url}"\n')
    try:
        with installation.running() as running:
            shop = Shop.open(installation)
            half = BURST // 2
            assert shop.outcomes(half) == {200: half}
            # 404: permitted, but the application beside has no such route.
            assert asyncio.run(outcomes_beside(shop, BURST)) == {404: BURST - half, 429: half}
            assert shop.outcomes(1) == {429: 1}
            server.stop()

            def lost() -> list[str]:
                return [one["quotas"] for one in running.events() if one["event"] == "redis does not answer"]

            wait_for(lost, what="the log", seconds=15)
            assert lost() == ["each node counts its own calls"]
            wait_for(lambda: shop.call().status_code == 200, what="the node's own bucket", seconds=15)
            assert shop.outcomes(BURST) == {200: BURST - 1, 429: 1}
    finally:
        server.stop()
