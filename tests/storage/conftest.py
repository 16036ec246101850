"""An installation for each test, and the backends that the interface suite runs on."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doubles.nature import CountingEntropy, SetClock
from doubles.stores import MemoryStores
from mandat.storage.database import Storage
from mandat.storage.grants.reader import SqliteGrantSource
from support.postgres import PostgresInstallation, PostgresServer
from support.storage import NOW, Installation, Scene


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: migrating takes longer than most tests."""
    folder = tmp_path_factory.mktemp("pristine")
    Installation.create(folder)
    return folder


@pytest.fixture
def installation(pristine: Path, tmp_path: Path) -> Installation:
    """Fresh databases and keys."""
    shutil.copytree(pristine, tmp_path, dirs_exist_ok=True)
    return Installation(tmp_path, CountingEntropy(), SetClock(NOW))


@pytest.fixture
def storage(installation: Installation) -> Iterator[Storage]:
    """The authority's side of the installation."""
    opened = installation.open()
    yield opened
    opened.close()


@pytest.fixture
def source(installation: Installation) -> Iterator[SqliteGrantSource]:
    """A gateway's side of the installation."""
    opened = installation.source()
    yield opened
    opened.close()


@pytest.fixture
def scene(storage: Storage) -> Scene:
    """Puts things into the installation."""
    return Scene(storage)


@pytest.fixture
def on_postgres(postgres: PostgresServer, tmp_path: Path) -> Iterator[PostgresInstallation]:
    """An installation whose tables lie on a PostgreSQL server."""
    made = PostgresInstallation.create(tmp_path / "on_postgres", postgres)
    yield made
    postgres.drop(made.database)


@pytest.fixture
def postgres_storage(on_postgres: PostgresInstallation) -> Iterator[Storage]:
    """The authority's side of it."""
    opened = on_postgres.open()
    yield opened
    opened.close()


BACKENDS = {"sqlite": "storage", "postgres": "postgres_storage"}


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def stores(request: pytest.FixtureRequest) -> Any:
    """Every implementation of the authority's stores: what the interface suite says holds for each of them."""
    return MemoryStores() if request.param == "memory" else request.getfixturevalue(BACKENDS[request.param])


@pytest.fixture
def anywhere(stores: Any) -> Scene:
    """Puts things into the implementation at hand."""
    return Scene(stores)
