"""R10, R17 and reloads: thousands of clients that never finish, hours of calls, new configurations in the middle."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mandat.enforcement.settings import Limits
from support.ports import free_ports
from support.serving import Serving
from support.waiting import wait_for
from torture.history import check
from torture.load import Customer, Installation, Load
from torture.traffic import Traffic, descriptors, resident_bytes
from torture.upstreams import RULES, BadUpstream, section

FULL = os.environ.get("MANDAT_TORTURE") == "full"
HALF_OPEN = 9_000 if FULL else 300
SOAK_SECONDS = float(os.environ.get("MANDAT_SOAK_SECONDS", "600")) if FULL else 5.0
SOAK_PER_SECOND = 500 if FULL else 100
RELOADS = 10 if FULL else 3
HEAD_SECONDS = Limits().head_seconds
MIB = 1_048_576

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SOAK_SECONDS + 300)]


@dataclass
class Scene:
    """A running installation with an upstream at /good, and consumer keys for it."""

    installation: Installation
    running: Serving
    customers: list[Customer]
    keys: list[str]

    def gateways(self) -> list[int]:
        """The process ids of the workers."""
        return [self.running.pids(f"gateway-{number}")[-1] for number in range(2)]

    def everything(self) -> list[int]:
        """The process ids of all that runs."""
        return [self.running.process.pid, self.running.pids("authority")[-1], *self.gateways()]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with BadUpstream() as upstream:
        installation = Installation.create(
            tmp_path_factory.mktemp("crowds"), free_ports(1), more=section(upstream.port, "good")
        )
        with installation.running() as running:
            customers = [Customer(installation, number) for number in range(3)]
            for one in customers:
                one.log_in()
            keys = [customers[0].confirm(RULES) for _ in range(8)]
            assert None not in keys
            yield Scene(installation, running, customers, [key for key in keys if key])
            for one in customers:
                one.close()


def test_r10_half_open_connections_end_in_time_and_cost_the_others_nothing(scene: Scene) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < HALF_OPEN + 500:
        pytest.skip(f"NOT TESTED: {HALF_OPEN} sockets, this machine allows {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    limits = [Path(f"/proc/{pid}/limits").read_text() for pid in scene.gateways()]
    assert all(int(re.findall(r"Max open files +(\d+)", text)[0]) >= min(most, 16_384) for text in limits)
    before, idle = resident_bytes(scene.gateways()), descriptors(scene.gateways())
    arguments = [str(scene.installation.port), str(HALF_OPEN), str(HEAD_SECONDS + 30)]
    command = [sys.executable, "-m", "torture.horde", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    horde = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert horde.stdout is not None
    try:
        opened = json.loads(horde.stdout.readline())
        # A client's connection is open before the gateway has accepted it.
        wait_for(lambda: descriptors(scene.gateways()) >= idle + HALF_OPEN * 0.9, what="the half-open connections")
        with Traffic(scene.installation, scene.keys, "/good/one", per_second=100, connections=4) as good:
            wait_for(lambda: len(good.seconds) >= (500 if FULL else 100), what="good calls")
            most_memory = resident_bytes(scene.gateways())
        outcome = json.loads(horde.stdout.readline())
    finally:
        horde.kill()
        horde.wait()
    grown = (most_memory - before) / MIB
    print(
        f"R10 {HALF_OPEN} half-open in {opened['seconds']:.1f} s: good p50 {good.percentile(0.5) * 1000:.1f} ms,"
        f" p99 {good.percentile(0.99) * 1000:.1f} ms, memory +{grown:.1f} MiB, closed {outcome['closed']} after at most"
        f" {outcome['oldest']:.1f} s"
    )
    assert good.statuses.keys() == {200} and good.lost == []
    assert outcome["closed"] == HALF_OPEN
    assert grown < 100
    wait_for(lambda: descriptors(scene.gateways()) < 200, what="the gateways to let go")
    if FULL:
        assert good.percentile(0.99) < 0.05
        assert outcome["oldest"] < HEAD_SECONDS + 2


def test_r17_a_long_load_leaves_memory_and_descriptors_as_they_were(scene: Scene) -> None:
    pids = scene.everything()
    with Traffic(scene.installation, scene.keys, "/good/one", per_second=SOAK_PER_SECOND) as load:
        warm = len(load.seconds) + SOAK_PER_SECOND * (30 if FULL else 2)
        wait_for(lambda: len(load.seconds) >= warm, what="a warm start", seconds=120)
        files, points = descriptors(pids), []
        began, answered = time.monotonic(), len(load.seconds)
        while time.monotonic() - began < SOAK_SECONDS:
            points.append((time.monotonic() - began, resident_bytes(pids)))
            time.sleep(SOAK_SECONDS / 60)  # between two measurements
        rate = (len(load.seconds) - answered) / (time.monotonic() - began)
        files = descriptors(pids) - files
    slope = _slope(points) * 600 / MIB
    print(
        f"R17 {SOAK_SECONDS:.0f} s at {rate:.0f}/s: {dict(load.statuses)}, {len(load.lost)} lost,"
        f" memory {slope:+.2f} MiB per 10 min, descriptors {files:+d}, p99 {load.percentile(0.99) * 1000:.1f} ms"
    )
    assert load.statuses.keys() == {200} and load.lost == []
    assert scene.everything() == pids
    assert files <= 2 * load.connections, "connections to the upstream come and go; nothing else may stay open"
    if FULL:
        assert slope < 1.0 if SOAK_SECONDS >= 600 else slope < 5.0
        assert rate > SOAK_PER_SECOND * 0.95


def _slope(points: list[tuple[float, int]]) -> float:
    """Bytes per second, by least squares."""
    middle = sum(at for at, _ in points) / len(points), sum(size for _, size in points) / len(points)
    spread = sum((at - middle[0]) ** 2 for at, _ in points)
    return sum((at - middle[0]) * (size - middle[1]) for at, size in points) / spread


def test_reloads_under_load_lose_no_call(scene: Scene) -> None:
    with (
        Load(scene.customers),
        Traffic(scene.installation, scene.keys, "/good/one", per_second=300 if FULL else 100) as load,
    ):
        for number in range(2, RELOADS + 2):
            answered = len(load.seconds)
            scene.running.process.send_signal(signal.SIGHUP)
            wait_for(lambda n=number: _generation(scene.running) == n, what="the reload", seconds=60)
            wait_for(lambda count=answered: len(load.seconds) > count + 100, what="calls after the reload")
    print(f"{RELOADS} reloads: {sum(load.statuses.values())} calls, {len(load.lost)} lost, {dict(load.statuses)}")
    assert load.lost == []
    assert load.statuses.keys() == {200}
    unknown = [one for one in scene.installation.journal.operations if one.outcome == "unknown"]
    assert unknown == []
    assert check(scene.installation.journal, scene.installation.folder) == []


def _generation(running: Serving) -> int:
    return max((event["generation"] for event in running.events() if event["event"] == "reloaded"), default=1)
