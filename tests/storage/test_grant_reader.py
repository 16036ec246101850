"""What gateways know, and when they stop knowing it."""

import asyncio
import subprocess
import sys
import tracemalloc

import pytest

from mandat.authority.values import ApplicationStatus
from mandat.core.credential import CredentialState
from mandat.enforcement.interfaces import MISSING, SourceUnavailable
from support.storage import DAY, NOW, RULES, entry, hash_of


async def test_a_grant_is_read_from_storage_once_and_then_from_memory(scene, source):
    await scene.application()
    made = await scene.delegation(name="mine", account="customer-3")
    assert source.peek_grant(hash_of("mine key")) is MISSING
    grant = await source.find_grant(hash_of("mine key"))
    assert source.peek_grant(hash_of("mine key")) is grant
    assert await source.find_grant(hash_of("mine key")) is grant
    assert (grant.credential_id, grant.application_id, grant.account) == (made.id, 1, "customer-3")
    assert (grant.state, grant.rules.rules, grant.expires) == (CredentialState.VALIDATED, RULES, None)


async def test_an_application_comes_with_its_secret(scene, source):
    made = await scene.application(key="K" * 16)
    known = await source.find_application("K" * 16)
    assert (known.id, known.key, known.active, known.strict) == (made.id, "K" * 16, True, False)
    assert known.secrets == (b"s" * 32,)
    assert source.peek_application("K" * 16) is known


@pytest.mark.parametrize("status", list(ApplicationStatus))
async def test_only_active_and_trusted_applications_are_active(scene, source, status):
    made = await scene.application()
    await scene.stores.applications.set_application_status(made.id, status, at=NOW, audit=entry())
    known = await source.find_application(made.key)
    assert known.active is (status in {ApplicationStatus.ACTIVE, ApplicationStatus.TRUSTED})


async def test_what_does_not_exist_is_none_and_is_seen_as_soon_as_it_does(scene, source):
    await scene.application()
    assert await source.find_application("unknown") is None
    assert await source.find_grant(hash_of("mine key")) is None
    await scene.application(key="unknown")
    assert (await source.find_application("unknown")).key == "unknown"
    request = await scene.ask(name="mine")
    assert (await source.find_grant(hash_of("mine key"))).state is CredentialState.PENDING
    await scene.answer(request)
    assert (await source.find_grant(hash_of("mine key"))).state is CredentialState.VALIDATED


async def test_a_pending_request_is_never_kept(scene, source):
    await scene.ask(name="mine")
    pending = await source.find_grant(hash_of("mine key"))
    assert (pending.state, pending.account, pending.credential_id) == (CredentialState.PENDING, "", 0)
    assert source.peek_grant(hash_of("mine key")) is MISSING
    await scene.stores.requests.prune_requests(expired_before=NOW + 2 * DAY)
    assert await source.find_grant(hash_of("mine key")) is None


@pytest.mark.parametrize("change", ["revoke", "set networks", "delete application"])
async def test_a_change_is_seen_at_once_and_touches_nothing_else(scene, source, change):
    application = await scene.application()
    other = await scene.application()
    changed = await scene.delegation(application.id, name="changed")
    await scene.delegation(other.id, name="kept")
    for key in ("changed key", "kept key"):
        await source.find_grant(hash_of(key))
    kept = source.peek_grant(hash_of("kept key"))
    match change:
        case "revoke":
            await scene.revoke(changed)
        case "set networks":
            await scene.stores.credentials.set_allowed_networks(changed.id, [], at=NOW, audit=entry())
        case "delete application":
            await scene.stores.applications.delete_application(application.id, at=NOW, audit=entry())
    assert source.peek_grant(hash_of("changed key")) is MISSING
    assert source.peek_grant(hash_of("kept key")) is kept
    grant = await source.find_grant(hash_of("changed key"))
    assert (grant.state is CredentialState.VALIDATED) is (change == "set networks")


async def test_a_suspended_application_is_seen_at_once(scene, source):
    made = await scene.application()
    assert (await source.find_application(made.key)).active
    await scene.stores.applications.set_application_status(made.id, ApplicationStatus.BLOCKED, at=NOW, audit=entry())
    assert source.peek_application(made.key) is MISSING
    assert not (await source.find_application(made.key)).active


async def test_a_deleted_application_is_seen_at_once(scene, source):
    made = await scene.application()
    await source.find_application(made.key)
    await scene.stores.applications.delete_application(made.id, at=NOW, audit=entry())
    assert source.peek_application(made.key) is MISSING
    assert await source.find_application(made.key) is None


async def test_held_freshness_lasts_until_it_is_released(scene, source):
    await scene.application()
    made = await scene.delegation(name="mine")
    grant = await source.find_grant(hash_of("mine key"))
    assert source.hold_freshness()
    assert not source.hold_freshness()
    await scene.revoke(made)
    assert source.peek_grant(hash_of("mine key")) is grant
    source.release_freshness()
    assert source.peek_grant(hash_of("mine key")) is MISSING


async def test_a_gap_in_the_change_log_empties_memory(installation, scene, source):
    await scene.application()
    await scene.delegation(name="mine")
    await source.find_grant(hash_of("mine key"))
    for _ in range(3):
        await scene.delegation()
    installation.alter("grants", "DELETE FROM grant_changes WHERE sequence < (SELECT max(sequence) FROM grant_changes)")
    assert source.peek_grant(hash_of("mine key")) is MISSING


async def test_memory_is_bounded_and_the_least_used_goes_first(installation, scene):
    await scene.application()
    for name in ("a", "b", "c"):
        await scene.delegation(name=name)
    source = installation.source(most_grants=2)
    for key in ("a key", "b key", "a key", "c key"):
        await source.find_grant(hash_of(key))
    assert source.peek_grant(hash_of("b key")) is MISSING
    assert source.peek_grant(hash_of("a key")) is not MISSING
    assert source.peek_grant(hash_of("c key")) is not MISSING
    source.close()


async def test_a_grant_takes_less_than_a_kilobyte(scene, source):
    await scene.application()
    many = 500
    await asyncio.gather(*(scene.delegation(name=f"{number}", account=f"customer-{number}") for number in range(many)))
    keys = [hash_of(f"{number} key") for number in range(many)]
    await source.find_grant(keys[0])
    tracemalloc.start()
    try:
        for key in keys:
            await source.find_grant(key)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size / many < 1024


async def test_a_missing_database_closes_the_door_until_it_is_back(installation, scene):
    made = await scene.application()
    source = installation.source()
    grants, aside = installation.data / "grants.sqlite", installation.data / "aside"
    grants.rename(aside)
    with pytest.raises(SourceUnavailable):
        source.peek_application(made.key)
    with pytest.raises(SourceUnavailable):
        await source.find_grant(hash_of("any"))
    aside.rename(grants)
    assert (await source.find_application(made.key)).id == made.id
    source.close()


async def test_a_lock_of_somebody_else_does_not_stop_reads(installation, scene, source):
    await scene.application()
    await scene.delegation(name="mine")
    with installation.locked("grants"), installation.locked("requests"):
        assert (await source.find_grant(hash_of("mine key"))).state is CredentialState.VALIDATED
        assert await source.find_grant(hash_of("other key")) is None
        assert await scene.stores.credentials.find_credential(1) is not None


async def test_the_reader_writes_nothing(installation, scene, source):
    await scene.application()
    await source.find_application("application1")
    with pytest.raises(SourceUnavailable, match="readonly"):
        source._loader._rows("DELETE FROM applications")


def test_the_way_to_the_reader_imports_no_orm():
    program = "import sys, mandat.storage.grants.reader; print([name for name in sys.modules if 'sqlalchemy' in name])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
