"""A PostgreSQL database as the authority meets it: its layout, what stops a start, and how it is written to."""

import asyncio
import subprocess
import sys
import threading

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, text
from sqlalchemy.pool import NullPool

from doubles.nature import CountingEntropy
from doubles.old_postgres import OldPostgres
from mandat.authority.interfaces import AlreadyAnswered, RecordTampered, StorageUnavailable
from mandat.authority.values import Credential
from mandat.storage.engine import tables
from mandat.storage.engine.migration import MIGRATIONS
from mandat.storage.faults import KeysOfAnotherInstallation, NewerDatabase, OlderDatabase
from mandat.storage.keys.keyrings import create_keys, load_authority_keys
from mandat.storage.postgres.access import GRANTS, USAGE, PostgresWriter, make_engine
from mandat.storage.postgres.database import has_installation, open_postgres
from mandat.storage.postgres.migration import HEAD, SERVES, migrate_postgres
from mandat.storage.postgres.place import DatabaseRefused, PlaceFault, parse_place
from mandat.storage.postgres.verify import verify_postgres
from support.postgres_cluster import one_server
from support.storage import Scene
from support.waiting import wait_for


@pytest.fixture
def scene(on_postgres, postgres_storage):
    return Scene(postgres_storage)


def test_migrations_make_the_tables_that_stores_use(on_postgres):
    together = MetaData()
    for metadata in (tables.grants, tables.requests, tables.usage):
        for table in metadata.tables.values():
            table.to_metadata(together)
    engine = make_engine(on_postgres.place, role="test", settings={}, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, together) == []


def test_the_known_head_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(MIGRATIONS / "postgres"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


async def test_nodes_that_start_at_once_make_one_database(postgres):
    place = parse_place(postgres.url(postgres.empty_database()))
    await asyncio.gather(*(asyncio.to_thread(migrate_postgres, place) for _ in range(4)))
    assert not has_installation(place)


def test_a_newer_database_is_refused_and_left_alone(on_postgres):
    on_postgres.execute("UPDATE alembic_version SET version_num = 'x_9999'")
    for start in (lambda: migrate_postgres(on_postgres.place), on_postgres.open):
        with pytest.raises(NewerDatabase, match=r"postgresql://.* was written by a newer Mandat \(revision x_9999\)"):
            start()


def test_a_newer_database_that_serves_this_version_is_opened_and_left_alone(on_postgres):
    on_postgres.execute("UPDATE alembic_version SET version_num = 'x_9999'")
    on_postgres.execute("INSERT INTO installation VALUES (%s, %s)", SERVES, b"postgres_0000 " + HEAD.encode())
    migrate_postgres(on_postgres.place)
    on_postgres.open().close()
    assert on_postgres.execute("SELECT version_num FROM alembic_version") == [("x_9999",)]
    on_postgres.execute("UPDATE installation SET value = 'postgres_00010' WHERE name = %s", SERVES)
    with pytest.raises(NewerDatabase):
        migrate_postgres(on_postgres.place)


def test_a_layout_that_only_adds_says_which_older_programs_it_serves(on_postgres):
    on_postgres.open().close()
    assert on_postgres.execute("SELECT value FROM installation WHERE name = %s", SERVES) == []
    on_postgres.execute("DROP TABLE call_tallies")
    on_postgres.execute("UPDATE alembic_version SET version_num = 'postgres_0001'")
    migrate_postgres(on_postgres.place)
    assert on_postgres.execute("SELECT value FROM installation WHERE name = %s", SERVES) == [(b"postgres_0001",)]
    on_postgres.open().close()


@pytest.fixture
def somebody_in_the_way(postgres):
    """An empty database in which an open transaction makes a table that the migration makes too; `give_way` ends it."""
    name = postgres.empty_database()
    with psycopg.connect(postgres.url(name)) as blocker:
        blocker.execute("CREATE TABLE sessions ()")
        yield name, blocker.rollback


def is_waiting(postgres, name):
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    return bool(postgres.execute(query, name))


async def test_a_migration_lets_others_pass_and_tries_again(postgres, somebody_in_the_way):
    name, give_way = somebody_in_the_way
    work = asyncio.create_task(asyncio.to_thread(migrate_postgres, parse_place(postgres.url(name))))
    for _ in range(2):
        await asyncio.to_thread(wait_for, lambda: is_waiting(postgres, name), what="its waiting", every=0.001)
        await asyncio.to_thread(wait_for, lambda: not is_waiting(postgres, name), what="its giving way", every=0.001)
    give_way()
    await work
    assert postgres.execute("SELECT version_num FROM alembic_version", database=name) == [(HEAD,)]


def test_a_migration_that_is_killed_in_the_middle_leaves_nothing_and_goes_through_the_next_time(
    postgres, somebody_in_the_way
):
    name, give_way = somebody_in_the_way
    work = (
        "import sys; from mandat.storage.postgres.migration import migrate_postgres as m;"
        "from mandat.storage.postgres.place import parse_place as p; m(p(sys.argv[1]))"
    )
    child = subprocess.Popen([sys.executable, "-c", work, postgres.url(name)])
    wait_for(lambda: is_waiting(postgres, name), what="the middle of the migration", every=0.005)
    child.kill()
    child.wait()
    give_way()
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    wait_for(lambda: not is_waiting(postgres, name), what="the server to notice")
    assert postgres.execute(tables, database=name) == [(0,)]
    migrate_postgres(parse_place(postgres.url(name)))
    assert postgres.execute("SELECT version_num FROM alembic_version", database=name) == [(HEAD,)]


def test_a_database_that_was_not_migrated_is_not_opened(postgres, on_postgres):
    place = parse_place(postgres.url(postgres.empty_database()))
    with pytest.raises(OlderDatabase):
        open_postgres(place, on_postgres.keys, clock=on_postgres.clock, entropy=CountingEntropy(), tell_node=int)


def test_other_keys_are_refused(on_postgres, tmp_path):
    on_postgres.open().close()
    assert has_installation(on_postgres.place)
    entropy = CountingEntropy()
    entropy(1)
    create_keys(tmp_path / "other", entropy)
    keys = load_authority_keys(tmp_path / "other")
    with pytest.raises(KeysOfAnotherInstallation):
        open_postgres(on_postgres.place, keys, clock=on_postgres.clock, entropy=entropy, tell_node=int)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://user:geheim@host/db", "MANDAT_STORAGE_PASSWORD"),
        ("postgresql://host:notaport/db", "cannot be used"),
        ("postgresql://host/db?nonsense=1", "is not one"),
        ("postgresql://[::1/db", "is not one"),
        ("postgresql://h/%zz", "is not one"),
    ],
)
def test_a_wrong_url_is_one_sentence_without_a_password(url, says):
    with pytest.raises((PlaceFault, DatabaseRefused), match=says) as refusal:
        migrate_postgres(parse_place(url))
    assert "geheim" not in refusal.value.sentence
    assert "\n" not in refusal.value.sentence


def test_an_unreachable_server_an_unknown_database_and_user_are_one_sentence_each(postgres, tmp_path):
    for url, says in (
        ("postgresql://user@127.0.0.1:1/db", "look whether it runs"),
        (f"postgresql://postgres@/db?host={tmp_path}", "look whether it runs"),
        (postgres.url("nosuchdatabase"), "nosuchdatabase"),
        (postgres.url(user="nosuchuser"), "nosuchuser"),
    ):
        place = parse_place(url, password="geheim")
        with pytest.raises(DatabaseRefused, match=says) as refusal:
            migrate_postgres(place)
        assert "\n" not in refusal.value.sentence
        assert "geheim" not in refusal.value.sentence + str(place) + repr(place)


def test_missing_rights_are_named(on_postgres, postgres):
    postgres.execute("DROP ROLE IF EXISTS weak")
    postgres.execute("CREATE ROLE weak LOGIN")
    weak = parse_place(postgres.url(postgres.empty_database(), user="weak"))
    with pytest.raises(DatabaseRefused, match="give this database user the right"):
        migrate_postgres(weak)
    on_postgres.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak")
    reader = parse_place(postgres.url(on_postgres.database, user="weak"))
    with pytest.raises(DatabaseRefused, match="lacks the right INSERT on the table"):
        open_postgres(reader, on_postgres.keys, clock=on_postgres.clock, entropy=CountingEntropy(), tell_node=int)


def test_an_old_server_is_refused():
    server = OldPostgres("13.14")
    try:
        with pytest.raises(DatabaseRefused, match="runs on a PostgreSQL older than 14; upgrade the server"):
            migrate_postgres(parse_place(f"postgresql://mandat@127.0.0.1:{server.port}/mandat"))
    finally:
        server.close()


def test_a_server_that_would_lose_what_was_acknowledged_is_refused():
    with one_server() as server:
        for setting in ("full_page_writes", "fsync"):
            server.configure(setting, "off")
            with pytest.raises(DatabaseRefused, match=f"{setting} = off: a power cut would"):
                migrate_postgres(parse_place(server.url()))


def test_a_database_of_another_encoding_is_refused(postgres):
    postgres.execute("DROP DATABASE IF EXISTS latin")
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    with pytest.raises(DatabaseRefused, match="ENCODING 'UTF8'"):
        migrate_postgres(parse_place(postgres.url("latin")))


async def test_of_two_answers_on_two_nodes_one_wins_and_the_history_stays_one_chain(on_postgres, scene):
    other = on_postgres.open()
    beside = Scene(other)
    await scene.application()
    for turn in range(10):
        request = await scene.ask(name=f"contested {turn}")
        answers = await asyncio.gather(scene.answer(request), beside.answer(request, account="customer-2"))
        (winner,) = [answer for answer in answers if isinstance(answer, Credential)]
        assert [answer for answer in answers if isinstance(answer, AlreadyAnswered)] == [AlreadyAnswered(winner)]
    names = [(one, f"{index} {turn}") for index, one in enumerate((scene, beside)) for turn in range(30)]
    await asyncio.gather(*(one.delegation(name=name) for one, name in names))
    other.close()
    assert verify_postgres(on_postgres.place, on_postgres.keys) == []
    numbers = on_postgres.execute("SELECT sequence FROM grant_changes ORDER BY sequence")
    assert numbers == [(number,) for number in range(1, len(numbers) + 1)]


async def test_a_job_that_fails_takes_back_its_own_changes_only(on_postgres, scene, postgres_storage):
    await scene.application()
    outcomes = await asyncio.gather(
        *(scene.application(key=key) for key in ("a", "b", "a", "c")), return_exceptions=True
    )
    assert [isinstance(outcome, StorageUnavailable) for outcome in outcomes] == [False, False, True, False]
    assert verify_postgres(on_postgres.place, on_postgres.keys) == []


async def test_history_cannot_be_changed_by_mistake(on_postgres, scene):
    await scene.application()
    for statement in (
        "UPDATE audit SET actor = 'nobody'",
        "UPDATE audit SET event = 'x'",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "UPDATE audit_seals SET at = 1",
        "DELETE FROM audit_seals",
    ):
        with pytest.raises(Exception, match="append-only"):
            on_postgres.execute(statement)


@pytest.mark.parametrize("edit", ["account = 'customer-2'", "state = 'refused'", "mac = ''", "user_id = 9"])
async def test_an_edited_row_is_refused_and_named(on_postgres, scene, edit):
    await scene.application()
    edited, neighbour = await scene.delegation(), await scene.delegation()
    on_postgres.execute(f"UPDATE credentials SET {edit} WHERE id = {edited.id}")
    with pytest.raises(RecordTampered):
        await scene.stores.credentials.find_credential(edited.id)
    assert await scene.stores.credentials.find_credential(neighbour.id) == neighbour
    assert any(
        f"credentials {edited.id}" in finding.where for finding in verify_postgres(on_postgres.place, on_postgres.keys)
    )


async def test_a_lock_that_somebody_holds_too_long_is_a_refusal_and_heals(on_postgres, scene):
    entered, leave = threading.Event(), threading.Event()
    writer = PostgresWriter(on_postgres.place, GRANTS)

    def hold(_connection):
        entered.set()
        leave.wait(20)

    holding = asyncio.create_task(writer.run(hold))
    await asyncio.to_thread(entered.wait, 10)
    with pytest.raises(StorageUnavailable):
        await scene.application(key="waits")
    leave.set()
    await asyncio.gather(holding, return_exceptions=True)
    assert (await scene.application(key="again")).key == "again"
    await asyncio.to_thread(writer.close)


async def test_a_restart_of_the_server_is_refusals_while_it_lasts_and_nothing_after(postgres, on_postgres, scene):
    first = await scene.application(key="before")
    postgres.halt()
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await scene.application(key="during")
        with pytest.raises(StorageUnavailable):
            await scene.stores.applications.find_application(first.id)
    postgres.start()
    assert await scene.stores.applications.find_application(first.id) == first
    assert (await scene.application(key="after")).key == "after"
    assert verify_postgres(on_postgres.place, on_postgres.keys) == []


async def test_sessions_that_the_server_ended_are_replaced_without_a_refusal(on_postgres, scene):
    first = await scene.application(key="before")
    await asyncio.gather(*(scene.stores.applications.find_application(first.id) for _ in range(8)))
    on_postgres.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE application_name LIKE 'mandat%' AND datname = current_database()"
    )
    assert await scene.stores.applications.find_application(first.id) == first
    assert (await scene.application(key="after")).key == "after"


async def test_counters_may_be_lost_in_a_power_cut_and_grants_may_not(on_postgres):
    found = {}
    for kind in (GRANTS, USAGE):
        writer = PostgresWriter(on_postgres.place, kind)
        query = text("SELECT current_setting('synchronous_commit')")
        found[kind.name] = await writer.run(lambda connection, query=query: connection.execute(query).scalar())
        await asyncio.to_thread(writer.close)
    assert found == {"grants": "on", "usage": "off"}
