"""A gateway in another process, a writer that is killed, a disk that fills up: with real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import support
from mandat.core.credential import CredentialState
from support.storage import Scene, hash_of

pytestmark = pytest.mark.slow

TESTS = Path(support.__file__).parent.parent
KILLS = 5
ACKNOWLEDGED_BEFORE_KILL = 60


class Child:
    """A program of `support.storage_child`."""

    def __init__(self, mode: str, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "support.storage_child", mode, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )

    def ask(self, line: str) -> str:
        """What it says to one line of input."""
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def kill(self) -> list[str]:
        """Kills it as a power button would; answers whole lines that it still had said."""
        self.process.send_signal(signal.SIGKILL)
        rest = self.process.stdout.read()
        self.process.wait()
        return rest[: rest.rfind("\n") + 1].splitlines()


@pytest.fixture
def gateway(installation) -> Iterator[Child]:
    """A reader in a process of its own."""
    child = Child("peek", installation.folder)
    assert child.process.stdout.readline().strip() == "ready"
    yield child
    child.kill()
    child.process.stdin.close()


async def test_a_revocation_is_seen_in_another_process_right_after_its_answer(scene, gateway):
    await scene.application()
    await scene.delegation(name="untouched")
    gateway.ask(hash_of("untouched key").hex())
    for turn in range(30):
        credential = await scene.delegation(name=f"{turn}")
        key = hash_of(f"{turn} key").hex()
        assert gateway.ask(key) == "storage VALIDATED"
        assert gateway.ask(key) == "memory VALIDATED"
        await scene.revoke(credential)
        assert gateway.ask(key) == "storage REVOKED"
    assert gateway.ask(hash_of("untouched key").hex()) == "memory VALIDATED"


async def test_a_request_is_seen_in_another_process_in_each_of_its_states(scene, gateway):
    await scene.application()
    key = hash_of("mine key").hex()
    assert gateway.ask(key) == "storage None"
    request = await scene.ask(name="mine")
    assert gateway.ask(key) == "storage PENDING"
    await scene.answer(request, state=CredentialState.REFUSED)
    assert gateway.ask(key) == "storage REFUSED"
    await scene.stores.requests.forget_request(request.id)
    assert gateway.ask(key) == "memory REFUSED"


async def test_what_was_acknowledged_outlives_a_kill(installation):
    acknowledged: list[str] = []
    for _ in range(KILLS):
        child = Child("write", installation.folder)
        said = [child.process.stdout.readline().strip() for _ in range(ACKNOWLEDGED_BEFORE_KILL)]
        acknowledged += said + child.kill()
        child.process.stdin.close()
    storage = installation.open()
    try:
        for line in acknowledged:
            event, name = line.split()
            credential = await storage.credentials.find_answer(Scene.token(name))
            assert credential is not None, line
            assert event == "confirmed" or credential.state is CredentialState.REVOKED, line
    finally:
        storage.close()
    assert len(acknowledged) >= KILLS * ACKNOWLEDGED_BEFORE_KILL
    assert installation.verify() == []


def test_a_full_disk_refuses_writes_keeps_reads_and_heals(installation):
    child = Child("full", installation.folder)
    said, _ = child.process.communicate(timeout=60)
    assert [line.split()[0] for line in said.splitlines()] == ["refused", "still", "written"]
    assert installation.read("requests", "PRAGMA integrity_check") == [("ok",)]
    names = {row[0] for row in installation.read("requests", "SELECT token_hash FROM permission_requests")}
    assert {Scene.token("before"), Scene.token("after")} <= names
