"""Rows changed by plain SQL: found when read, by both sides, and no matter to their neighbours."""

import pytest

from mandat.authority.interfaces import RecordTampered
from mandat.authority.values import ApplicationStatus, Role, Session
from mandat.core.credential import CredentialEvent, CredentialState
from mandat.enforcement.interfaces import SourceUnavailable
from support.storage import NOW, entry, hash_of

EDITS_OF_A_CREDENTIAL = [
    """rules = '[["GET","/*"],["POST","/*"]]'""",
    "rules = '[]'",
    "rules = 'no list'",
    "rules = x'ff'",
    "account = 'customer-2'",
    "account = CAST(x'ff41' AS TEXT)",
    "state = 'validated', version = version + 1",
    "state = 'unheard of'",
    "suspended = 1",
    "expires = 4000000000",
    "expires = 1800000099.5",
    "allowed_networks = NULL",
    """allowed_networks = '["10.0.0.0/8"]'""",
    "created = created + 1",
    "application_id = 2",
    "signature = x''",
    "signature = 'text'",
    "signature = zeroblob(64)",
]


@pytest.mark.parametrize("edit", EDITS_OF_A_CREDENTIAL)
async def test_an_edited_credential_is_refused_by_both_sides(installation, scene, source, edit):
    await scene.application()
    await scene.application()
    networks = []
    edited = await scene.delegation(name="edited", networks=networks, account="customer-1")
    await scene.revoke(edited)
    neighbour = await scene.delegation(name="neighbour", account="customer-1")
    assert installation.alter("grants", f"UPDATE credentials SET {edit} WHERE id = ?", edited.id) == 1
    with pytest.raises(RecordTampered):
        await scene.stores.credentials.find_credential(edited.id)
    with pytest.raises(SourceUnavailable):
        await source.find_grant(hash_of("edited key"))
    assert (await source.find_grant(hash_of("neighbour key"))).credential_id == neighbour.id
    assert await scene.stores.credentials.list_credentials(account="customer-1") == [neighbour]
    assert any(f"credentials {edited.id}" in finding.where for finding in installation.verify())


@pytest.mark.parametrize("edit", ["user_id = 2", "request_token_hash = zeroblob(32)", "mac = zeroblob(32)", "mac = 7"])
async def test_an_edit_of_what_only_the_authority_uses_is_found_by_it(installation, scene, edit):
    await scene.application()
    edited = await scene.delegation()
    installation.alter("grants", f"UPDATE credentials SET {edit}")
    with pytest.raises(RecordTampered):
        await scene.stores.credentials.find_credential(edited.id)


async def test_a_credential_moved_to_another_consumer_key_permits_nothing(installation, scene, source):
    await scene.application()
    await scene.delegation(name="victim")
    installation.alter("grants", "UPDATE credentials SET consumer_key_hash = ?", hash_of("thief key"))
    with pytest.raises(SourceUnavailable):
        await source.find_grant(hash_of("thief key"))


async def test_an_inserted_credential_permits_nothing(installation, scene, source):
    await scene.application()
    await scene.delegation(name="model")
    columns = (
        "application_id, user_id, state, suspended, rules, allowed_networks, created, expires, changed, version,"
        " signature, mac"
    )
    installation.alter(
        "grants",
        f"INSERT INTO credentials (account, consumer_key_hash, request_token_hash, {columns})"
        f" SELECT 'customer-2', ?, ?, {columns} FROM credentials",
        hash_of("forged key"),
        hash_of("forged token"),
    )
    with pytest.raises(SourceUnavailable):
        await source.find_grant(hash_of("forged key"))


async def test_an_edited_credential_is_never_signed_again(installation, scene):
    await scene.application()
    edited, neighbour = await scene.delegation(), await scene.delegation()
    installation.alter("grants", "UPDATE credentials SET account = 'customer-2' WHERE id = ?", edited.id)
    with pytest.raises(RecordTampered):
        await scene.stores.credentials.set_allowed_networks(edited.id, None, at=NOW, audit=entry())
    assert await scene.revoke(edited, neighbour) == [neighbour.id]
    assert installation.read("grants", "SELECT version FROM credentials WHERE id = ?", edited.id) == [(1,)]


async def test_an_edited_credential_does_not_keep_its_application_from_being_deleted(installation, scene, source):
    application = await scene.application()
    await scene.delegation(name="edited")
    neighbour = await scene.delegation()
    installation.alter("grants", "UPDATE credentials SET account = 'customer-2' WHERE id = 1")
    assert await scene.stores.applications.delete_application(application.id, at=NOW, audit=entry())
    assert (await scene.stores.credentials.find_credential(neighbour.id)).state is CredentialState.REVOKED
    assert await source.find_application(application.key) is None


@pytest.mark.parametrize(
    "edit", ["status = 'trusted'", "owner = 'developer-2'", "key = 'thief'", "strict = 1", "name = 'Your bank'"]
)
async def test_an_edited_application_is_refused_by_both_sides(installation, scene, source, edit):
    edited, neighbour = await scene.application(key="edited"), await scene.application(key="neighbour")
    await scene.stores.applications.set_application_status(edited.id, ApplicationStatus.BLOCKED, at=NOW, audit=entry())
    installation.alter("grants", f"UPDATE applications SET {edit} WHERE id = ?", edited.id)
    key = "thief" if "thief" in edit else "edited"
    with pytest.raises(RecordTampered):
        await scene.stores.applications.find_application_by_key(key)
    with pytest.raises(RecordTampered):
        await scene.stores.applications.set_application_status(
            edited.id, ApplicationStatus.ACTIVE, at=NOW, audit=entry()
        )
    with pytest.raises(SourceUnavailable):
        await source.find_application(key)
    assert (await source.find_application("neighbour")).id == neighbour.id
    assert await scene.stores.applications.list_applications(owner=None) == [neighbour]


async def test_swapped_secrets_are_found(installation, scene, source):
    await scene.application(key="one")
    await scene.application(key="two")
    installation.alter("grants", "UPDATE application_secrets SET application_id = 3 - application_id")
    for key in ("one", "two"):
        with pytest.raises(SourceUnavailable):
            await source.find_application(key)
    with pytest.raises(RecordTampered):
        await scene.stores.applications.set_application_status(1, ApplicationStatus.BLOCKED, at=NOW, audit=entry())
    assert {finding.where for finding in installation.verify()} == {"applications 1", "applications 2"}


@pytest.mark.parametrize("edit", ["DELETE FROM application_secrets", "UPDATE application_secrets SET key_id = 'other'"])
async def test_missing_and_foreign_secrets_are_found(installation, scene, source, edit):
    await scene.application(key="one")
    installation.alter("grants", edit)
    with pytest.raises(SourceUnavailable):
        await source.find_application("one")


@pytest.mark.parametrize(
    "edit", ["role = 'operator'", "password_hash = 'mine'", "account = 'x'", "closed = 0", "id = 7"]
)
async def test_an_edited_user_cannot_be_read(installation, storage, edit):
    for login in ("alice", "bob"):
        await storage.users.add_user(
            login=login, account=login, role=Role.CUSTOMER, password_hash="hash", at=NOW, address="192.0.2.1"
        )
    await storage.users.close_account("alice", at=NOW)
    installation.alter("requests", f"UPDATE users SET {edit} WHERE login = 'alice'")
    with pytest.raises(RecordTampered):
        await storage.users.find_user("alice")
    assert [user.login for user in await storage.users.list_users()] == ["bob"]


async def test_an_inserted_session_logs_nobody_in(installation, storage):
    await storage.sessions.add_session(Session(hash_of("mine"), 1, NOW, NOW, "192.0.2.1"))
    columns = "user_id, created, last_seen, address, mac"
    installation.alter(
        "requests", f"INSERT INTO sessions (token_hash, {columns}) SELECT ?, {columns} FROM sessions", hash_of("forged")
    )
    with pytest.raises(RecordTampered):
        await storage.sessions.find_session(hash_of("forged"))
    assert await storage.sessions.find_session(hash_of("mine")) is not None


@pytest.mark.parametrize("column", ["consumer_key_hash", "rules", "application_id", "redirection", "expires"])
async def test_an_edited_request_cannot_be_confirmed(installation, scene, column):
    await scene.ask(name="edited")
    installation.alter("requests", f"UPDATE permission_requests SET {column} = ?", "[]")
    with pytest.raises(RecordTampered):
        await scene.stores.requests.find_request(hash_of("edited token"))


async def test_a_copied_back_row_is_found_by_verify(installation, scene):
    await scene.application()
    credential = await scene.delegation()
    before = installation.read("grants", "SELECT state, changed, version, signature, mac FROM credentials")[0]
    await scene.stores.credentials.change_credentials(
        [credential.id], CredentialEvent.REVOKE, at=NOW, audit=[entry(event="credential.revoked")]
    )
    assert installation.verify() == []
    installation.alter(
        "grants", "UPDATE credentials SET state = ?, changed = ?, version = ?, signature = ?, mac = ?", *before
    )
    (finding,) = installation.verify()
    assert finding.where == f"credential {credential.id}"
