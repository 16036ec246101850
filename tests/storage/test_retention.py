"""What has ended long enough ago is forgotten; its history stays, and everything verifies."""

import pytest

from mandat.core.credential import CredentialState
from mandat.enforcement.interfaces import Use
from support.storage import DAY, NOW, hash_of


@pytest.fixture
async def years(scene):
    """Delegations: running, revoked, refused, run out, to run out later. All of NOW."""
    application = await scene.application()
    await scene.delegation(name="running")
    await scene.revoke(await scene.delegation(name="revoked"))
    await scene.answer(await scene.ask(name="refused"), state=CredentialState.REFUSED)
    await scene.answer(await scene.ask(application.id, name="ran out"), expires=NOW + DAY)
    await scene.answer(await scene.ask(application.id, name="later"), expires=NOW + 10 * DAY)
    return scene.stores


async def test_only_what_ended_before_is_forgotten(installation, years, source):
    assert await years.retention.forget_credentials(ended_before=NOW, at=NOW) == 0
    assert await years.retention.forget_credentials(ended_before=NOW + 2 * DAY, at=NOW + 2 * DAY) == 3
    assert [one.id for one in await years.credentials.list_credentials()] == [1, 5]
    assert await source.find_grant(hash_of("revoked key")) is None
    assert installation.verify() == []
    lines = await years.audit.list_audit("customer-1", limit=3)
    assert {line.event for line in lines} == {"credential.forgotten"}


async def test_a_gateway_that_had_it_in_memory_forgets_it_too(years, source):
    await source.find_grant(hash_of("revoked key"))
    await years.retention.forget_credentials(ended_before=NOW + 1, at=NOW)
    assert await source.find_grant(hash_of("revoked key")) is None


async def test_hundreds_are_forgotten_some_at_a_time(installation, scene):
    await scene.application()
    for number in range(230):
        await scene.answer(await scene.ask(name=f"{number}"), state=CredentialState.REFUSED)
    assert await scene.stores.retention.forget_credentials(ended_before=NOW + 1, at=NOW) == 230
    assert installation.verify() == []


async def test_counters_nobody_added_to_are_forgotten(installation, storage):
    await storage.usage.record([Use(1, "GET /me", "a", 1, NOW, 1), Use(2, "GET /me", "a", 1, NOW + DAY, 2)])
    assert await storage.retention.forget_uses(last_before=NOW + 1) == 3
    assert set(await storage.usage.last_uses([1, 2])) == {2}
    assert set(await storage.usage.last_secret_uses([1, 2])) == {2}
