"""The marketplace with `endpoint = ovh-eu`, against a double of OVHcloud's recorded answers, in both generations of
error bodies: with `errorCode` (until about 2022) and with `class` alone (since). Source: wire.md 0.1, 5.2.

The double ignores `Idempotency-Key`, as OVHcloud does, and names no port.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from doubles.nature import CountingEntropy, SetClock
from doubles.zone_provider import AK, ALICE, AS, PROJECT, ZoneProvider
from mandat.marketplace.installs.provider import KeysRefused, KeysWork
from mandat.marketplace.settings import MarketplaceSettings
from mandat.marketplace.states import State
from mandat.marketplace.store.values import ProblemKind
from mandat.marketplace.wiring import open_marketplace
from marketplace.shop import Shop
from marketplace.test_course import RECORD, fail_once


@pytest.fixture(params=["code", "class"])
def provider(request: pytest.FixtureRequest, clock: SetClock) -> ZoneProvider:
    return ZoneProvider(
        clock=clock,
        base="https://eu.api.ovh.com/1.0",
        generation=request.param,
        honours_keys=False,
        names_port=False,
        site_address=("51.38.1.1", 80),
    )


@pytest.fixture
def shop(tmp_path: Path, provider: ZoneProvider, clock: SetClock) -> Iterator[Shop]:
    settings = MarketplaceSettings(folder=tmp_path / "market", endpoint="ovh-eu", public_url="http://shop.test:8701")
    marketplace = open_marketplace(
        settings, clock=clock, entropy=CountingEntropy(), transport=provider.transport(), visit=provider.visit
    )
    yield Shop(marketplace, provider)
    marketplace.close()


def test_keys_are_told_apart(shop: Shop) -> None:
    assert shop.site.provider.check_keys(AK, AS) == KeysWork("https://eu.api.ovh.com")
    wrong_key, wrong_secret = shop.site.provider.check_keys("B" * 16, AS), shop.site.provider.check_keys(AK, "C" * 32)
    assert isinstance(wrong_key, KeysRefused) and wrong_key.field == "application_key"
    assert isinstance(wrong_secret, KeysRefused) and wrong_secret.field == "application_secret"


@pytest.mark.parametrize(("stack_id", "typed"), [("mail-dns", {}), ("web-site", {"project": PROJECT})])
def test_installing_and_uninstalling_leaves_no_trace(
    shop: Shop, provider: ZoneProvider, stack_id: str, typed: dict[str, str]
) -> None:
    session = shop.log_in()
    sent = shop.order_stack(session, stack_id, {"zone": "example.org", **typed})
    installation = shop.run(shop.confirm(session, sent))
    assert installation.state is State.INSTALLED, installation.problem
    assert shop.remove(session, installation).state is State.REMOVED
    assert provider.records == [] and provider.instances == {}


def test_a_site_is_looked_at_on_port_80(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    shop.run(shop.confirm(session, shop.order_stack(session, "web-site", {"zone": "example.org", "project": PROJECT})))
    assert provider.visited == [("www.example.org", "51.38.1.1", 80)]


def test_a_permission_taken_back_stops_and_goes_on_after_asking_again(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    provider.after = lambda method, path: provider.revoke_all() if len(provider.records) == 2 else None
    stopped = shop.run(shop.confirm(session, shop.order(session)))
    provider.after = lambda method, path: None
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.PERMISSION_ENDED
    assert shop.run(shop.confirm(session, shop.ask_again(session, stopped))).state is State.INSTALLED
    assert len(provider.records) == 4


def test_a_call_that_was_not_granted_is_named(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    running = shop.confirm(session, shop.order(session))
    provider.delegations[0].rules.remove(("POST", "/domain/zone/example.org/refresh"))
    stopped = shop.run(running)
    assert stopped.problem is not None
    assert (stopped.problem.kind, stopped.problem.step_id) == (ProblemKind.NOT_GRANTED, "publish")


def test_a_zone_of_somebody_else_is_refused_in_the_providers_words(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    stopped = shop.run(shop.confirm(session, shop.order(session, "second.example"), ALICE))
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.STEP_REFUSED
    assert stopped.problem.message == "This service does not exist"


def test_what_is_gone_counts_as_removed(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    installation = shop.installed(session)
    provider.records.clear()
    assert shop.remove(session, installation).state is State.REMOVED


def test_a_write_whose_answer_got_lost_is_never_repeated_unasked(shop: Shop, provider: ZoneProvider) -> None:
    session = shop.log_in()
    fail_once(provider, RECORD, 500, nth=2)
    stopped = shop.run(shop.confirm(session, shop.order(session)))
    assert stopped.problem is not None and stopped.problem.kind is ProblemKind.ANSWER_LOST
    shop.site.removals.settle(stopped)
    assert len(provider.records) == 1
    plan = shop.site.removals.plan(shop.get(stopped.id))
    assert plan.unknown is not None and plan.unknown.id == "add-spf"
