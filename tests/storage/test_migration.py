"""Making and opening databases, and what stops it."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from mandat.storage.database import has_databases, migrate, open_storage
from mandat.storage.engine import tables
from mandat.storage.engine.migration import HEADS, MIGRATIONS
from mandat.storage.faults import (
    DatabaseUnreadable,
    FolderNotWritable,
    KeysOfAnotherInstallation,
    MigrationFailed,
    NewerDatabase,
    OlderDatabase,
)
from mandat.storage.keys.keyrings import create_keys, load_authority_keys
from support.storage import Installation, Scene


async def test_files_and_folder_belong_to_their_owner_only(installation, scene):
    await scene.application()
    assert stat.S_IMODE(installation.data.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in installation.data.iterdir()}
    assert {"grants.sqlite", "requests.sqlite", "usage.sqlite", "grants.sqlite-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_an_empty_folder_of_others_is_closed_and_a_full_one_keeps_its_mode(tmp_path):
    empty, full = tmp_path / "empty", tmp_path / "full"
    for folder in (empty, full):
        folder.mkdir(mode=0o755)
    (full / "a file").write_text("")
    for folder in (empty, full):
        migrate(folder)
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700
    assert stat.S_IMODE(full.stat().st_mode) == 0o755
    assert stat.S_IMODE((full / "grants.sqlite").stat().st_mode) == 0o600


async def test_migrating_again_keeps_everything(installation, scene):
    made = await scene.application()
    migrate(installation.data)
    assert await scene.stores.applications.find_application(made.id) == made


def test_two_that_migrate_at_once_make_one_database(tmp_path):
    program = "import sys, pathlib, mandat.storage.database as d; d.migrate(pathlib.Path(sys.argv[1]))"
    started = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "data")]) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    installation = Installation.create(tmp_path)
    installation.open().close()
    assert installation.verify() == []


@pytest.mark.parametrize("file", ["grants", "requests", "usage"])
def test_migrations_make_the_tables_that_stores_use(installation, file):
    engine = create_engine(f"sqlite:///{installation.data / file}.sqlite")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), getattr(tables, file)) == []


@pytest.mark.parametrize("file", ["grants", "requests", "usage"])
def test_the_known_heads_are_the_newest_migrations(file):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(MIGRATIONS / file))
    assert ScriptDirectory.from_config(config).get_heads() == [HEADS[file]]


@pytest.mark.parametrize("file", ["grants", "requests", "usage"])
def test_a_newer_database_is_refused_and_left_alone(installation, file):
    installation.alter(file, "UPDATE alembic_version SET version_num = 'x_9999'")
    for start in (lambda: migrate(installation.data), installation.open):
        with pytest.raises(
            NewerDatabase,
            match=rf"{file}\.sqlite was written by a newer Mandat \(revision x_9999\); run",
        ):
            start()
    assert installation.read(file, "SELECT version_num FROM alembic_version") == [("x_9999",)]


def test_databases_that_were_not_migrated_are_not_opened(tmp_path):
    installation = Installation.create(tmp_path)
    (installation.data / "usage.sqlite").unlink()
    with pytest.raises(OlderDatabase, match=r"mandat serve"):
        installation.open()


@pytest.mark.parametrize("file", ["grants", "requests", "usage"])
def test_a_file_that_is_no_database_says_so(tmp_path, file):
    tmp_path.joinpath(f"{file}.sqlite").write_bytes(b"not a database, whatever its name says" * 100)
    with pytest.raises(DatabaseUnreadable, match=r"restore it from a backup"):
        migrate(tmp_path)


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path):
    Installation.create(tmp_path).alter("requests", "DROP TABLE alembic_version")
    data = tmp_path / "data"
    before = (data / "requests.sqlite").read_bytes()
    with pytest.raises(
        MigrationFailed, match=r"as it was before \(table accounts already exists\); end other programs"
    ):
        migrate(data)
    assert (data / "requests.sqlite").read_bytes() == before


def test_a_place_that_cannot_be_written_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderNotWritable, match=r"choose another folder"):
        migrate(tmp_path / "file" / "data")


def test_databases_of_other_keys_are_refused(installation, tmp_path):
    installation.open().close()
    create_keys(tmp_path / "others", os.urandom)
    others = load_authority_keys(tmp_path / "others")
    with pytest.raises(KeysOfAnotherInstallation, match=r"point `keys` to the folder"):
        open_storage(installation.data, others, clock=installation.clock, entropy=os.urandom)


def test_a_fresh_folder_has_no_databases(tmp_path):
    assert not has_databases(tmp_path)
    assert not has_databases(tmp_path / "missing")
    migrate(tmp_path)
    assert has_databases(tmp_path)


def test_a_folder_with_any_name_will_do(tmp_path):
    installation = Installation.create(tmp_path / "100% of ä ; 'it' #1?")
    storage = installation.open()
    try:
        assert asyncio.run(Scene(storage).application()).id == 1
    finally:
        storage.close()
    source = installation.source()
    source.check_freshness()
    source.close()


def test_migrations_are_part_of_the_package():
    import mandat

    assert Path(mandat.__file__).parent in MIGRATIONS.parents
    assert all((MIGRATIONS / file / f"{head}.py").is_file() for file, head in HEADS.items())
