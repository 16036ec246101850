"""The tests themselves: with one line of Mandat broken, a test fails that passes otherwise.

Each break is made in a copy of the sources, on which the test then runs in a process of its own. A break whose line is
no longer there fails at once, whatever form runs.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

FULL = os.environ.get("MANDAT_TORTURE") == "full"
ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Break:
    """`line` of `file` becomes `broken`, and `test` fails saying `says`. `is_quick`: tried in the short form too."""

    name: str
    file: str
    line: str
    broken: str
    test: str
    says: str
    is_quick: bool = False


BREAKS = [
    Break(
        name="the signature of a grant is not checked",
        file="storage/grants/rows.py",
        line="        genuine = self._verifier.check(signature, message)\n        if not genuine and",
        broken="        genuine = True\n        if not genuine and",
        test="tests/storage/test_tampering.py::test_an_inserted_credential_permits_nothing",
        says="DID NOT RAISE",
        is_quick=True,
    ),
    Break(
        name="the answer is given before the commit",
        file="storage/engine/writer.py",
        line="            outcomes = [self._attempt(connection, waiting) for waiting in batch]\n",
        broken="            outcomes = [self._attempt(connection, waiting) for waiting in batch]\n"
        "            _deliver(outcomes)\n",
        test="tests/torture/test_faults.py::test_r3_a_failed_sync_is_never_an_acknowledgement_and_heals_without_restart",
        says="AssertionError",
    ),
    Break(
        name="a change is not noted in the change log",
        file="storage/stores/change_log.py",
        line="    _note(connection, consumer_key_hash=consumer_key_hash, at=at)\n",
        broken="    pass\n",
        test="tests/torture/test_faults.py::test_r13_a_locked_database_is_503_in_time_and_calls_go_on",
        says="assert 200 == 403",
    ),
    Break(
        name="nothing is synced",
        file="storage/engine/files.py",
        line='    connection.execute(f"PRAGMA synchronous = {synchronous}")\n',
        broken='    connection.execute("PRAGMA synchronous = OFF")\n',
        test="tests/torture/test_power_cut.py",
        says="lost",
    ),
    Break(
        name="a stale lease is accepted",
        file="storage/postgres/freshness.py",
        line="self._monotonic() - self._read_at <= self.",
        broken="0.0 <= self.",
        test="tests/storage/test_postgres_grant_source.py"
        "::test_another_node_uses_its_memory_until_the_bound_and_not_after",
        says="assert",
    ),
    Break(
        name="on one node, grants in memory are never checked again",
        file="storage/grants/reader.py",
        line="        if version != self._data_version:\n",
        broken="        if False:\n",
        test="tests/storage/test_grant_reader.py::test_a_change_is_seen_at_once_and_touches_nothing_else",
        says="assert",
        is_quick=True,
    ),
]
names = [one.name for one in BREAKS]


@pytest.mark.parametrize("one", BREAKS, ids=names)
def test_each_line_to_be_broken_is_still_there(one: Break) -> None:
    _broken(SOURCES, one)


@pytest.mark.parametrize("one", [one for one in BREAKS if FULL or one.is_quick], ids=lambda one: one.name)
def test_a_test_fails_when(one: Break, tmp_path: Path) -> None:
    copy = tmp_path / "src"
    shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
    if FULL:
        code, output = _run(one.test, copy)
        assert code == 0, output
    (copy / "mandat" / one.file).write_text(_broken(copy, one), encoding="utf-8")
    code, output = _run(one.test, copy)
    print(f"{one.name}: {output.strip().splitlines()[-1]}")
    assert code == 1, output
    assert one.says in output


def _broken(sources: Path, one: Break) -> str:
    """The file with its line broken."""
    text = (sources / "mandat" / one.file).read_text(encoding="utf-8")
    assert text.count(one.line) == 1, f"{one.file} does not hold what is to be broken: say anew how to break it"
    return text.replace(one.line, one.broken)


def _run(test: str, sources: Path) -> tuple[int, str]:
    """The status of pytest (1: tests failed; others: it could not run them) and what it said, on those sources."""
    # Says where the package came from, so that nobody tests the wrong one by mistake.
    probe = f"import mandat, sys; sys.exit(not mandat.__file__.startswith({str(sources)!r}))"
    environment = {**os.environ, "PYTHONPATH": str(sources), "MANDAT_TORTURE": "short"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    subprocess.run([sys.executable, "-c", probe], env=environment, cwd=ROOT, check=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    outcome = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    return outcome.returncode, outcome.stdout + outcome.stderr
