"""From SQLite to PostgreSQL: everything arrives, or nothing, and nobody works on both sides."""

import pytest

from mandat.authority.values import Role, Session
from mandat.storage.database import migrate
from mandat.storage.engine import tables
from mandat.storage.engine.moved import note_move
from mandat.storage.faults import InstallationMoved, MoveUnfinished
from mandat.storage.postgres.database import open_postgres
from mandat.storage.postgres.moving import MoveFault, move
from mandat.storage.postgres.place import DatabaseRefused, parse_place
from mandat.storage.postgres.verify import verify_postgres
from support.storage import NOW, Scene, entry, hash_of


@pytest.fixture
async def lived_in(installation):
    """An installation with something in every table, and with ids that were given and are gone."""
    storage = installation.open()
    scene = Scene(storage)
    application = await scene.application(key="first")
    gone = await scene.application(key="gone")
    kept = await scene.delegation(application.id, name="kept", account="customer-1")
    revoked = await scene.delegation(application.id, name="revoked", account="customer-2")
    await scene.revoke(revoked)
    await scene.ask(application.id, name="waiting")
    await scene.delegation(gone.id, name="last", account="customer-3")
    await storage.applications.delete_application(gone.id, at=NOW, audit=entry())
    await storage.users.add_user(
        login="Älice", account="customer-1", role=Role.OPERATOR, password_hash="hash", at=NOW, address="192.0.2.1"
    )
    await storage.sessions.add_session(Session(hash_of("session"), 1, NOW, NOW, "192.0.2.1"))
    await storage.login_attempts.note_failure(login="bob", address="192.0.2.9", at=NOW)
    from mandat.enforcement.interfaces import Use

    await storage.usage.record([Use(kept.id, "GET /me", "192.0.2.3", 7, NOW, 1)])
    storage.close()
    return installation


@pytest.fixture
def empty_place(postgres):
    return parse_place(postgres.url(postgres.empty_database()))


def opened(installation, place):
    return open_postgres(
        place, installation.keys, clock=installation.clock, entropy=installation.entropy, tell_node=lambda: None
    )


async def test_everything_arrives_with_its_id_and_is_genuine(lived_in, empty_place):
    before = lived_in.open()
    credentials = await before.credentials.list_credentials()
    applications = await before.applications.list_applications(owner=None)
    history = await before.audit.list_audit("customer-2", limit=10)
    before.close()
    counts = move(lived_in.data, empty_place, lived_in.keys)
    assert counts["credentials"] == 3
    assert all(counts[name] for name in ("audit", "audit_seals", "grant_changes", "users", "sessions", "rule_uses"))
    assert verify_postgres(empty_place, lived_in.keys) == []
    after = opened(lived_in, empty_place)
    assert await after.credentials.list_credentials() == credentials
    assert await after.applications.list_applications(owner=None) == applications
    assert await after.audit.list_audit("customer-2", limit=10) == history
    assert (await after.users.find_user("älice")).role is Role.OPERATOR
    assert await after.sessions.find_session(hash_of("session")) is not None
    assert (await after.requests.find_request(hash_of("waiting token"))).application_id == applications[0].id
    assert (await after.usage.last_uses([credentials[0].id]))[credentials[0].id].calls == 7
    after.close()


async def test_ids_go_on_after_the_greatest_that_was_ever_given(lived_in, empty_place):
    move(lived_in.data, empty_place, lived_in.keys)
    after = opened(lived_in, empty_place)
    scene = Scene(after)
    made = await scene.application(key="new")
    assert made.id == 3
    assert (await scene.delegation(made.id, name="new")).id == 4
    after.close()
    assert verify_postgres(empty_place, lived_in.keys) == []


async def test_the_files_are_not_served_again(lived_in, empty_place):
    move(lived_in.data, empty_place, lived_in.keys)
    for use in (lambda: migrate(lived_in.data), lived_in.open, lambda: move(lived_in.data, empty_place, lived_in.keys)):
        with pytest.raises(InstallationMoved, match="was moved to postgresql://"):
            use()


async def test_a_move_that_was_cut_off_before_the_commit_is_done_again(lived_in, empty_place):
    note_move(lived_in.data, str(empty_place), done=False)
    with pytest.raises(MoveUnfinished, match="run the same `mandat migrate` again"):
        lived_in.open()
    assert move(lived_in.data, empty_place, lived_in.keys)["credentials"] == 3


async def test_a_move_that_was_cut_off_after_the_commit_is_finished(lived_in, empty_place):
    counts = move(lived_in.data, empty_place, lived_in.keys)
    note_move(lived_in.data, str(empty_place), done=False)
    assert move(lived_in.data, empty_place, lived_in.keys) == counts
    with pytest.raises(InstallationMoved):
        lived_in.open()


async def test_an_altered_row_is_named_and_nothing_is_moved(lived_in, empty_place, postgres):
    lived_in.alter("grants", "UPDATE credentials SET account = 'customer-9' WHERE id = 1")
    with pytest.raises(MoveFault, match="credentials 1"):
        move(lived_in.data, empty_place, lived_in.keys)
    lived_in.open().close()


async def test_a_database_in_use_is_refused_and_both_sides_are_as_they_were(lived_in, on_postgres):
    storage = on_postgres.open()
    await Scene(storage).application()
    storage.close()
    with pytest.raises(MoveFault, match="has rows in"):
        move(lived_in.data, on_postgres.place, lived_in.keys)
    assert on_postgres.execute("SELECT count(*) FROM applications") == [(1,)]
    lived_in.open().close()


async def test_a_database_that_cannot_be_reached_changes_nothing(lived_in, tmp_path):
    with pytest.raises(DatabaseRefused, match="cannot be used"):
        move(lived_in.data, parse_place(f"postgresql://postgres@/x?host={tmp_path}"), lived_in.keys)
    lived_in.open().close()


def test_every_table_is_moved():
    from mandat.storage.postgres.moving import _SIDES

    moved = {table for _, metadata in _SIDES for table in metadata.tables}
    assert moved == set(tables.grants.tables) | set(tables.requests.tables) | set(tables.usage.tables)
