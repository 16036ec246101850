"""One marketplace in a folder of its own, with a provider in memory, a set clock, and a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.nature import CountingEntropy, SetClock
from doubles.zone_provider import ZoneProvider
from mandat.marketplace.settings import MarketplaceSettings
from mandat.marketplace.wiring import Marketplace, open_marketplace
from marketplace.shop import Shop


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def provider(clock: SetClock) -> ZoneProvider:
    return ZoneProvider(clock=clock)


@pytest.fixture
def settings(tmp_path: Path, provider: ZoneProvider) -> MarketplaceSettings:
    return MarketplaceSettings(
        folder=tmp_path / "market",
        endpoint=provider.base,
        port=8701,
        public_url="http://shop.test:8701",
        dns_server="127.0.0.1:8703",
    )


@pytest.fixture
def marketplace(settings: MarketplaceSettings, provider: ZoneProvider, clock: SetClock) -> Iterator[Marketplace]:
    opened = open_marketplace(
        settings, clock=clock, entropy=CountingEntropy(), transport=provider.transport(), visit=provider.visit
    )
    yield opened
    opened.close()


@pytest.fixture
def shop(marketplace: Marketplace, provider: ZoneProvider) -> Shop:
    """A marketplace with its keys, and somebody at its desk."""
    return Shop(marketplace, provider)
