"""Fixtures of the whole suite: the one running demo, and which tests share it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.demo import Demo, start_demo
from support.tunnel import HOSTS

if TYPE_CHECKING:
    from support.postgres import PostgresServer

DEBIAN_PROGRAMS = {"browser": "chromium"}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The whole system, started once per run the way a user starts it; or the one that runs in $MANDAT_RUNNING_DEMO."""
    if folder := os.environ.get("MANDAT_RUNNING_DEMO"):
        yield Demo.running_in(Path(folder))
        return
    # Clients that know OVHcloud's host names alone reach it through support.tunnel.
    also = [f"--public-url=https://{host}" for host in HOSTS]
    running = start_demo(tmp_path_factory.mktemp("demo") / "data", None, *also)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def postgres() -> "Iterator[PostgresServer]":
    """A PostgreSQL server, started once per run and worker."""
    from support.postgres import PostgresServer

    # Not below pytest's own folder: pytest closes that to others, and the server does not run as root.
    with tempfile.TemporaryDirectory(prefix="mandat-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        yield server
        server.close()


@pytest.fixture(scope="session")
def debian_program() -> "DebianProgram":
    """Gives the path of a Debian program, or skips the test loudly where it is not installed."""
    return DebianProgram()


class DebianProgram:
    """Looks a program up once per test that needs it."""

    def __call__(self, name: str) -> Path:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"NOT TESTED: {name} is not installed on this machine")
        return Path(found)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that use the running demo stay in one worker, so that one demo serves them all.

    Those that need a PostgreSQL server are slow: each worker would start one.
    """
    for item in items:
        if _needs_postgres(item):
            item.add_marker(pytest.mark.slow)
        if "demo" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.demo)
            item.add_marker(pytest.mark.xdist_group("demo"))


def _needs_postgres(item: pytest.Item) -> bool:
    """As a fixture, or as the parameter that chooses the backend of an interface suite."""
    chosen = getattr(item, "callspec", None)
    backends = chosen.params.values() if chosen is not None else ()
    return "postgres" in getattr(item, "fixturenames", ()) or "postgres" in backends
