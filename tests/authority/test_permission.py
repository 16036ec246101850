"""Asking for rights: who may ask, what is kept, how many may wait."""

from dataclasses import replace

import pytest

from doubles.authority import HERE, RULES, AuthorityWorld
from mandat.authority.fault import Fault
from mandat.authority.interfaces import RequestLimits
from mandat.authority.permission import IssuedRequest
from mandat.authority.values import ApplicationStatus
from mandat.protocol.keys import key_hash
from mandat.protocol.messages import PermissionRequestMessage
from mandat.protocol.refusals import Reason

MESSAGE = PermissionRequestMessage(RULES, "$REDIRECT_URL", None)


async def test_the_question_is_kept_and_its_keys_only_as_hashes(world: AuthorityWorld) -> None:
    shop = await world.application(await world.user("dana"))
    issued = await world.authority.permission.ask(shop.application.key, MESSAGE, address="198.51.100.7")
    assert isinstance(issued, IssuedRequest)
    assert (len(issued.consumer_key), len(issued.token)) == (32, 64)
    [kept] = world.stores.requests.rows.values()
    assert kept == issued.request
    assert (kept.consumer_key_hash, kept.token_hash) == (key_hash(issued.consumer_key), key_hash(issued.token))
    assert (kept.rules, kept.redirection, kept.address) == (RULES, "$REDIRECT_URL", "198.51.100.7")
    assert kept.expires - kept.created == 86400


@pytest.mark.parametrize("key", ["", "x", "unknownunknown00", "x" * 65, "a b", "\x00" * 16, "\ud800" * 16, "é" * 16])
async def test_an_unknown_application_key_is_refused(world: AuthorityWorld, key: str) -> None:
    fault = await world.authority.permission.ask(key, MESSAGE, address=HERE)
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.INVALID_KEY
    assert world.stores.requests.rows == {}


@pytest.mark.parametrize(
    ("status", "may_ask"),
    [(status, status in {ApplicationStatus.ACTIVE, ApplicationStatus.TRUSTED}) for status in ApplicationStatus],
)
async def test_only_an_application_in_use_may_ask(
    world: AuthorityWorld, status: ApplicationStatus, may_ask: bool
) -> None:
    shop = (await world.application(await world.user("dana"))).application
    world.stores.applications.rows[shop.id] = replace(shop, status=status)
    issued = await world.authority.permission.ask(shop.key, MESSAGE, address=HERE)
    assert isinstance(issued, IssuedRequest) == may_ask
    assert len(world.stores.requests.rows) == may_ask


@pytest.mark.parametrize(
    ("limits", "whose"),
    [
        (RequestLimits(per_address=2, per_application=9), "address"),
        (RequestLimits(per_address=9, per_application=2), "application"),
    ],
)
async def test_only_so_many_questions_wait_at_once(limits: RequestLimits, whose: str) -> None:
    world = AuthorityWorld(limits=limits)
    shop = (await world.application(await world.user("dana"))).application
    for _ in range(2):
        await world.request(shop.key)
    fault = await world.authority.permission.ask(shop.key, MESSAGE, address="198.51.100.7")
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.TOO_MANY_REQUESTS
    assert whose in fault.message
    world.clock.advance(86400)
    assert isinstance(await world.authority.permission.ask(shop.key, MESSAGE, address="198.51.100.7"), IssuedRequest)


async def test_an_expired_question_is_pruned_a_week_later(world: AuthorityWorld) -> None:
    shop = (await world.application(await world.user("dana"))).application
    await world.request(shop.key)
    world.clock.advance(86400 * 8)
    await world.authority.prune()
    assert len(world.stores.requests.rows) == 1
    world.clock.advance(1)
    await world.authority.prune()
    assert world.stores.requests.rows == {}
