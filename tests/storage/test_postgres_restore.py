"""A database that pg_restore filled: what was taken back since the dump stays so, and is listed."""

import pytest

from mandat.core.credential import CredentialState
from mandat.storage.operations.backup import BackupFault
from mandat.storage.postgres.database import open_postgres
from mandat.storage.postgres.place import parse_place
from mandat.storage.postgres.restoring import PostgresRestore
from mandat.storage.postgres.verify import verify_postgres
from support.postgres_cluster import run_program
from support.storage import NOW, Scene

pytestmark = pytest.mark.slow


@pytest.fixture
def made(on_postgres):
    """The installation, whose storage is closed again: no node is at work."""
    return on_postgres


@pytest.fixture
def backup(made, postgres, tmp_path):
    """Call it to dump; what it gives restores the dump into another database and names that."""
    names = []

    def dump():
        file = f"{postgres.socket_folder}/{made.database}.dump"
        run_program("pg_dump", "--format=custom", "--file", file, made.url)

        def restore():
            names.append(postgres.empty_database())
            run_program("pg_restore", "--no-owner", "--dbname", postgres.url(names[-1]), file)
            return parse_place(postgres.url(names[-1]), setting="FILE")

        return restore

    yield dump
    for name in names:
        postgres.drop(name)


def work(made, restored, current=None):
    return PostgresRestore(current or made.place, restored, made.keys, clock=made.clock, entropy=made.entropy)


async def history(made, backup):
    """One delegation that stays, one that is revoked after the dump, one that is made after it."""
    storage = made.open()
    scene = Scene(storage)
    await scene.application()
    await scene.delegation(name="stays")
    taken_back = await scene.delegation(name="taken back")
    waiting = await scene.ask(name="answered later")
    restore = backup()
    await scene.revoke(taken_back)
    await scene.answer(waiting)
    later = await scene.delegation(name="later")
    storage.close()
    return restore, taken_back, later


async def test_what_was_revoked_since_the_dump_is_listed_and_stays_revoked(made, backup):
    restore, taken_back, later = await history(made, backup)
    restored = restore()
    look = await work(made, restored).restore(only_look=True)
    assert (look.since.revoked, look.since.lost_credentials, look.before) == ([taken_back.id], 2, None)
    done = await work(made, restored).restore()
    assert (done.since.revoked, done.before) == ([taken_back.id], str(made.place))
    assert verify_postgres(restored, made.keys) == []
    storage = open_postgres(restored, made.keys, clock=made.clock, entropy=made.entropy, tell_node=int)
    states = {one.id: one.state for one in await storage.credentials.list_credentials()}
    assert states == {1: CredentialState.VALIDATED, taken_back.id: CredentialState.REVOKED}
    assert made.server.execute("SELECT 1 FROM permission_requests", database=restored.parameters["dbname"]) == []
    assert (await Scene(storage).delegation(name="next")).id > later.id, "no number is given twice"
    storage.close()
    assert verify_postgres(restored, made.keys) == []
    assert verify_postgres(made.place, made.keys) == [], "the database of before was only read"


async def test_what_was_revoked_since_is_valid_again_only_when_asked_for(made, backup):
    restore, taken_back, _ = await history(made, backup)
    restored = restore()
    done = await work(made, restored).restore(revive=True)
    assert (done.since.revoked, done.revived) == ([taken_back.id], True)
    storage = open_postgres(restored, made.keys, clock=made.clock, entropy=made.entropy, tell_node=int)
    assert {one.state for one in await storage.credentials.list_credentials()} == {CredentialState.VALIDATED}
    storage.close()


async def test_where_the_database_of_before_is_lost_nothing_is_compared(made, backup):
    restore, _, _ = await history(made, backup)
    restored = restore()
    done = await work(made, restored, current=restored).restore()
    assert (done.since, done.before, done.at) == (None, None, NOW)
    assert verify_postgres(restored, made.keys) == []


async def test_nodes_at_work_and_rows_that_are_not_ours_stop_it(made, backup):
    restore, _, _ = await history(made, backup)
    restored = restore()
    storage = made.open()
    await Scene(storage).application(key="application9")
    with pytest.raises(BackupFault, match="stop every node first"):
        await work(made, restored).restore()
    storage.close()
    name = restored.parameters["dbname"]
    made.server.execute("UPDATE credentials SET account = 'mallory' WHERE id = 1", database=name)
    with pytest.raises(BackupFault, match="credentials 1"):
        await work(made, restored).restore()
