"""Replacing an application's secret: who may, how many, until when."""

import pytest

from doubles.authority import HERE, AuthorityWorld
from mandat.authority.applications.secrets import LONGEST_OVERLAP_SECONDS, IssuedSecret
from mandat.authority.fault import Fault
from mandat.authority.values import AuditEvent, SecretUse
from mandat.protocol.refusals import Reason

WHO = {"actor": "user:dev", "address": HERE}


@pytest.fixture
async def shop(world: AuthorityWorld):
    """An application of dev, with a second secret."""
    owner = await world.user("dev")
    application = (await world.application(owner)).application
    issued = await world.authority.application_secrets.add_secret(owner.account, application.id, **WHO)
    assert isinstance(issued, IssuedSecret)
    return application


async def test_a_new_secret_is_32_characters_and_its_making_is_told_without_it(world, shop):
    assert world.stores.audit[-1].event == AuditEvent.APPLICATION_SECRET_ADDED
    listed = await world.authority.application_secrets.list_secrets(shop.owner, shop.id)
    assert [one.secret.id for one in listed] == [1, 2]


async def test_a_third_is_a_conflict(world, shop):
    outcome = await world.authority.application_secrets.add_secret(shop.owner, shop.id, **WHO)
    assert isinstance(outcome, Fault)
    assert outcome.reason is Reason.CONFLICT


async def test_only_its_owner_and_the_operator_reach_it(world, shop):
    secrets = world.authority.application_secrets
    assert await secrets.list_secrets("somebody-else", shop.id) is None
    outcomes = [
        await secrets.add_secret("somebody-else", shop.id, **WHO),
        await secrets.end_secret("somebody-else", shop.id, 1, ends=None, **WHO),
    ]
    assert {outcome.reason for outcome in outcomes} == {Reason.UNKNOWN_OBJECT}
    assert len(await secrets.list_secrets(None, shop.id)) == 2


async def test_an_end_lies_ahead_and_within_a_year(world, shop):
    secrets, now = world.authority.application_secrets, int(world.clock.now)
    for ends in (now, now - 1, 0, now + LONGEST_OVERLAP_SECONDS + 1):
        outcome = await secrets.end_secret(shop.owner, shop.id, 1, ends=ends, **WHO)
        assert isinstance(outcome, Fault)
        assert outcome.field == "ends"
    ended = await secrets.end_secret(shop.owner, shop.id, 1, ends=now + LONGEST_OVERLAP_SECONDS, **WHO)
    assert ended.ends == now + LONGEST_OVERLAP_SECONDS


async def test_an_ended_one_is_listed_no_more_and_forgotten_by_pruning(world, shop):
    secrets, now = world.authority.application_secrets, int(world.clock.now)
    await secrets.end_secret(shop.owner, shop.id, 1, ends=now + 60, **WHO)
    world.clock.now += 60
    assert [one.secret.id for one in await secrets.list_secrets(shop.owner, shop.id)] == [2]
    await world.authority.prune()
    assert sorted(world.stores.applications.secret_rows) == [2]


async def test_the_last_use_is_with_its_secret(world, shop):
    world.stores.usage.secret_rows[2] = SecretUse(at=5, calls=3)
    listed = await world.authority.application_secrets.list_secrets(shop.owner, shop.id)
    assert [one.last_use for one in listed] == [None, SecretUse(at=5, calls=3)]
