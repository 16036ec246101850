"""Interface suite: `SecretStore`; then what gateways know of secrets, and who may change them."""

import pytest

from mandat.authority.interfaces import RecordTampered, TooManySecrets
from mandat.enforcement.interfaces import SourceUnavailable, Use
from support.storage import NOW, entry

LATER = NOW + 3600


async def two_secrets(scene):
    """An application with a first and a second secret, and their ids."""
    application = await scene.application(key="rotating")
    added = await scene.stores.secrets.add_secret(application.id, "t" * 32, most=2, at=NOW, audit=entry())
    first, second = await scene.stores.secrets.list_secrets(application.id)
    assert second == added
    return application, first.id, second.id


async def end(scene, application, secret_id, *, ends, at=NOW):
    return await scene.stores.secrets.end_secret(application.id, secret_id, ends=ends, at=at, audit=entry())


async def test_an_application_begins_with_one_secret_that_has_no_end(anywhere):
    application = await anywhere.application()
    (only,) = await anywhere.stores.secrets.list_secrets(application.id)
    assert (only.application_id, only.created, only.ends) == (application.id, NOW, None)


async def test_a_third_secret_is_refused_until_one_of_the_two_has_ended(anywhere):
    application, first, _ = await two_secrets(anywhere)
    secrets = anywhere.stores.secrets
    assert await secrets.add_secret(application.id, "u" * 32, most=2, at=NOW, audit=entry()) == TooManySecrets()
    await end(anywhere, application, first, ends=LATER)
    assert await secrets.add_secret(application.id, "u" * 32, most=2, at=NOW, audit=entry()) == TooManySecrets()
    assert (await secrets.add_secret(application.id, "u" * 32, most=2, at=LATER, audit=entry())).id > first


async def test_the_last_secret_without_an_end_stays(anywhere):
    application, first, second = await two_secrets(anywhere)
    assert (await end(anywhere, application, first, ends=LATER)).ends == LATER
    assert await end(anywhere, application, second, ends=LATER) is None
    assert await end(anywhere, application, second, ends=NOW) is None
    assert len(await anywhere.stores.secrets.list_secrets(application.id)) == 2


async def test_an_end_can_be_moved_and_now_removes_at_once(anywhere):
    application, first, second = await two_secrets(anywhere)
    await end(anywhere, application, first, ends=LATER)
    await end(anywhere, application, first, ends=LATER + 60)
    assert [secret.ends for secret in await anywhere.stores.secrets.list_secrets(application.id)] == [LATER + 60, None]
    await end(anywhere, application, first, ends=NOW)
    assert [secret.id for secret in await anywhere.stores.secrets.list_secrets(application.id)] == [second]


async def test_what_has_ended_is_removed_and_nothing_else(anywhere):
    application, first, second = await two_secrets(anywhere)
    await end(anywhere, application, first, ends=LATER)
    assert await anywhere.stores.secrets.remove_ended_secrets(at=LATER - 1) == 0
    assert await anywhere.stores.secrets.remove_ended_secrets(at=LATER) == 1
    assert [secret.id for secret in await anywhere.stores.secrets.list_secrets(application.id)] == [second]


async def test_what_does_not_exist_has_no_secrets(anywhere):
    secrets = anywhere.stores.secrets
    assert await secrets.list_secrets(7) == []
    assert await secrets.add_secret(7, "u" * 32, most=2, at=NOW, audit=entry()) is None
    application, _, _ = await two_secrets(anywhere)
    assert await end(anywhere, application, 99, ends=LATER) is None


async def test_ids_no_row_can_have_are_a_miss(stores):
    for impossible in (0, -1, 2**63):
        assert await stores.secrets.list_secrets(impossible) == []
        assert await stores.secrets.add_secret(impossible, "u", most=2, at=NOW, audit=entry()) is None
        assert await stores.secrets.end_secret(impossible, 1, ends=NOW, at=NOW, audit=entry()) is None


async def test_a_gateway_knows_both_secrets_and_their_ends_right_after_each_change(installation, scene, source):
    application, first, second = await two_secrets(scene)
    known = await source.find_application("rotating")
    assert known.secrets == (b"s" * 32, b"t" * 32)
    assert (known.secret_ids, known.secret_ends) == ((first, second), ())
    await end(scene, application, first, ends=LATER)
    assert (await source.find_application("rotating")).secret_ends == (LATER, None)
    await end(scene, application, first, ends=NOW)
    assert (await source.find_application("rotating")).secrets == (b"t" * 32,)
    assert installation.verify() == []


@pytest.mark.parametrize("edit", ["ends = ends + 86400", "ends = NULL", "created = 1, ends = 'never'"])
async def test_an_end_moved_behind_the_authoritys_back_is_refused_by_both_sides(installation, scene, source, edit):
    application, first, _ = await two_secrets(scene)
    await end(scene, application, first, ends=LATER)
    installation.alter("grants", f"UPDATE application_secrets SET {edit} WHERE id = ?", first)
    with pytest.raises(SourceUnavailable):
        await source.find_application("rotating")
    with pytest.raises(RecordTampered):
        await end(scene, application, first, ends=NOW)
    assert await scene.stores.secrets.remove_ended_secrets(at=NOW + 10**9) == 0
    assert f"applications {application.id}" in {finding.where for finding in installation.verify()}


async def test_each_change_is_in_the_history_at_its_version(installation, scene):
    application, first, _ = await two_secrets(scene)
    await end(scene, application, first, ends=LATER)
    await scene.stores.secrets.remove_ended_secrets(at=LATER)
    versions = installation.read("grants", "SELECT record_version FROM audit WHERE record = 'application' ORDER BY id")
    assert versions == [(1,), (2,), (3,), (4,)]
    assert installation.verify() == []


async def test_the_last_use_of_each_secret_is_told(storage):
    await storage.usage.record([Use(1, "GET /me", "192.0.2.1", calls=2, at=NOW, secret_id=5)])
    await storage.usage.record(
        [Use(1, "PUT /me", "192.0.2.2", calls=1, at=NOW + 9, secret_id=5), Use(2, "-", "a", 1, NOW)]
    )
    uses = await storage.usage.last_secret_uses([5, 6, 2**70])
    assert {secret: (use.at, use.calls) for secret, use in uses.items()} == {5: (NOW + 9, 3)}
