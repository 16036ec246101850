"""R2: the power goes at every sync of a real load; what was acknowledged until then is there afterwards.

The whole installation runs under a tracer. From the trace a model of the disk is built up (`torture.power`), and at
the end of each sync, as if the power had gone just before it took effect, the product opens what the disk would hold.
"""

import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from mandat.server.nature import clock, entropy
from mandat.storage.database import open_storage
from mandat.storage.keys.keyrings import load_authority_keys
from mandat.storage.operations.verify import verify
from support.ports import free_ports
from support.waiting import wait_for
from torture.history import Operation, read_stored, violations
from torture.load import Customer, Installation
from torture.power import Disk, FileCall, read_trace, traced

FULL = os.environ.get("MANDAT_TORTURE") == "full"
SEED = int(os.environ.get("MANDAT_TORTURE_SEED", "5"))
REQUESTS = 300 if FULL else 60
"""Changes that were acknowledged: requests for rights, confirmations, revocations."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if FULL else 180)]


def test_r2_what_was_acknowledged_outlives_a_power_cut_at_every_sync(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("NOT TESTED: strace is not installed on this machine")
    installation = Installation.create(tmp_path / "live", free_ports(1))
    data, log = installation.folder / "data", tmp_path / "trace"
    disk = Disk(data)
    offset = time.time() - time.monotonic()
    with installation.running(under=traced(log)) as running:
        _work(installation)
    calls = _whole_trace(log, running.process.pid)
    acknowledged = [_in_unix_time(one, offset) for one in installation.journal.operations]
    dice = random.Random(SEED)
    cuts = 0
    for call in calls:
        if disk.boundary_of(call):
            cuts += 1
            for model, toss in (("nothing unsynced", None), ("some of it", dice)):
                disk.cut(tmp_path / "after", toss)
                told = [one for one in acknowledged if one.end <= call.ended]
                found = _judge(tmp_path / "after", installation.folder / "keys", told)
                assert found == [], f"seed {SEED}, cut {cuts} keeping {model}: {found}"
        disk.apply(call)
    disk.cut(tmp_path / "after", None)
    assert _judge(tmp_path / "after", installation.folder / "keys", acknowledged) == []
    _verified_by_command(tmp_path / "after", installation)
    print(f"R2 seed {SEED}: {_changes(installation)} acknowledged changes, {cuts} cuts of each of two kinds, 0 lost")
    assert cuts > REQUESTS / 2


def _work(installation: Installation) -> None:
    """Two customers in turn: the point is not how many at once, but that each change is acknowledged by itself."""
    people = [Customer(installation, number) for number in range(2)]
    for one in people:
        one.log_in()
    turn = 0
    while _changes(installation) < REQUESTS:
        turn += 1
        customer = people[turn % 2]
        key = customer.confirm()
        assert key is not None
        if turn % 3:
            assert customer.revoke(key) == 200
    for one in people:
        one.close()


def _changes(installation: Installation) -> int:
    return sum(installation.journal.count(kind, "ok") for kind in ("request", "confirm", "revoke"))


def _whole_trace(log: Path, pid: int) -> list[FileCall]:
    """The trace, once the tracer has written the end of the first process."""
    last = re.compile(rf"^{pid} .*\+\+\+ (exited|killed)", re.MULTILINE)
    wait_for(lambda: last.search(log.read_text(encoding="ascii")), what="the end of the trace")
    return list(read_trace(log))


def _in_unix_time(operation: Operation, offset: float) -> Operation:
    return replace(operation, start=operation.start + offset, end=operation.end + offset)


def _judge(data: Path, keys_folder: Path, told: list[Operation]) -> list[str]:
    """What is wrong with the databases when the product opens them: damage, and everything that was told and is not."""
    keys = load_authority_keys(keys_folder)
    try:
        open_storage(data, keys, clock=clock, entropy=entropy, keys_folder=keys_folder).close()
    except Exception as fault:
        return [f"does not open: {fault}"]
    findings = verify(data, keys)
    stored = read_stored(data)
    known = _requested(data) | stored.keys()
    asked = [one.consumer_key for one in told if (one.kind, one.outcome) == ("request", "ok")]
    return [
        *(f"verify: {finding.where} {finding.what}" for finding in findings),
        *violations(told, stored),
        *(f"lost: request {key[:8]}" for key in asked if sha256(key.encode()).hexdigest() not in known),
    ]


def _requested(data: Path) -> set[str]:
    connection = sqlite3.connect(f"file:{data / 'requests.sqlite'}?mode=ro", uri=True)
    try:
        return {key.hex() for (key,) in connection.execute("SELECT consumer_key_hash FROM permission_requests")}
    finally:
        connection.close()


def _verified_by_command(data: Path, installation: Installation) -> None:
    config = installation.folder / "after.toml"
    config.write_text(installation.config.read_text() + f'storage = "{data}"\n')
    command = [sys.executable, "-m", "mandat.cli.main", "verify", "--config", str(config)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
