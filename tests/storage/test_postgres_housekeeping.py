"""What operators do to an installation over the years, on PostgreSQL: forgetting, erasing, rotating keys."""

from dataclasses import replace

import pytest

from mandat.authority.values import AuditEvent, Role
from mandat.core.credential import CredentialState
from mandat.enforcement.interfaces import Use
from mandat.storage.keys.files import node_key_file
from mandat.storage.keys.keyrings import load_authority_keys
from mandat.storage.keys.places import KeyFolder
from mandat.storage.keys.rotation import Rotation
from mandat.storage.operations.audit_export import Scope
from mandat.storage.operations.call_export import export_calls
from mandat.storage.postgres.database import open_postgres
from mandat.storage.postgres.freshness import LeaseTerms
from mandat.storage.postgres.grant_source import PostgresGrantSource
from mandat.storage.postgres.reading import reading_postgres
from mandat.storage.postgres.verify import verify_postgres
from support.storage import DAY, NOW, Scene, entry, hash_of


@pytest.fixture
def storage(on_postgres):
    opened = open_postgres(
        on_postgres.place,
        on_postgres.keys,
        clock=on_postgres.clock,
        entropy=on_postgres.entropy,
        tell_node=lambda: None,
        keys_folder=on_postgres.folder / "keys",
    )
    yield opened
    opened.close()


@pytest.fixture
def scene(storage):
    return Scene(storage)


def findings(on_postgres):
    return verify_postgres(on_postgres.place, load_authority_keys(on_postgres.folder / "keys"))


async def test_what_ended_is_forgotten_and_everything_verifies(on_postgres, scene, storage):
    await scene.application()
    await scene.delegation(name="running")
    await scene.revoke(await scene.delegation(name="revoked"))
    await scene.answer(await scene.ask(name="refused"), state=CredentialState.REFUSED)
    await storage.usage.record([Use(1, "GET /me", "a", 1, NOW, 1), Use(2, "GET /me", "a", 1, NOW + DAY, 1)])
    assert await storage.retention.forget_credentials(ended_before=NOW + DAY, at=NOW + DAY) == 2
    assert await storage.retention.forget_uses(last_before=NOW + 1) > 0
    assert [one.id for one in await storage.credentials.list_credentials()] == [1]
    assert findings(on_postgres) == []


async def test_personal_data_is_erased_and_the_chain_holds(on_postgres, scene, storage):
    await storage.users.add_user(
        login="alice", account="customer-1", role=Role.CUSTOMER, password_hash="x", at=NOW, address="192.0.2.1"
    )
    await scene.application()
    await scene.delegation(account="customer-1")
    await storage.users.close_account("customer-1", at=NOW)
    assert await storage.erasure.erase_before(NOW + 1) > 0
    assert {line.actor for line in await storage.audit.list_audit("customer-1", limit=9)} == {""}
    assert await storage.erasure.erase_account("customer-1", audit=entry("customer-1")) is not None
    assert await storage.users.find_user("alice") is None
    assert findings(on_postgres) == []


@pytest.mark.parametrize("kind", ["sealing", "signing"])
async def test_keys_rotate_and_gateways_follow(on_postgres, scene, storage, kind):
    application = await scene.application()
    await scene.delegation(name="mine")
    epochs = iter(range(1, 1_000))
    source = PostgresGrantSource(
        on_postgres.place,
        on_postgres.node_keys,
        terms=LeaseTerms(),
        monotonic=lambda: 0.0,
        epoch=lambda: next(epochs),
        newer_keys=node_key_file(on_postgres.folder / "keys").newer,
    )
    before = await source.find_grant(hash_of("mine key"))
    rotation = Rotation(KeyFolder(on_postgres.folder / "keys", on_postgres.entropy), on_postgres.entropy)
    audit = replace(entry("", AuditEvent.KEYS_ROTATED), subject=f"keys:{kind}")
    went_on = getattr(rotation, f"prepare_{kind}")()
    rotated = await getattr(rotation, f"finish_{kind}")(storage.rekeying, audit, went_on=went_on)
    assert (rotated.left, rotated.rows > 0) == ((), True)
    assert (await source.find_grant(hash_of("mine key"))).credential_id == before.credential_id
    assert (await source.find_application(application.key)).secrets == (b"s" * 32,)
    assert findings(on_postgres) == []
    source.close()


async def test_calls_are_exported_from_one_state_of_the_database(on_postgres, storage):
    kept = await Scene(storage).delegation((await Scene(storage).application(key="shop")).id)
    await storage.usage.record([Use(kept.id, "GET /me", "192.0.2.1", 2, NOW), Use(kept.id, "-", "a", 1, NOW)])
    with reading_postgres(on_postgres.place, role="history") as connection:
        lines = list(export_calls(connection, connection, Scope("customer-1"), at=NOW))
    assert [(one["application"], one["rule"], one["calls"]) for one in lines[1:-1]] == [
        ("shop", "-", 1),
        ("shop", "GET /me", 2),
    ]
    assert await storage.retention.forget_calls(before=NOW + 60) == 2
