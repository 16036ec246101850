"""The doors of one test run: each is started once, in the worker that has its tests."""

from collections.abc import Iterator

import pytest

from doors.doors import DoorRunner
from doors.table import load_table


@pytest.fixture(scope="session")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorRunner]:
    """Starts doors when they are asked for."""
    running = DoorRunner(load_table(), tmp_path_factory.mktemp("doors"))
    yield running
    running.close()
