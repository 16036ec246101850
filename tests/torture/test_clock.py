"""R11: the wall clock jumps by an hour under a running installation, both ways, and is set right again.

All processes of the installation see the jump (libfaketime); their clients keep the right time.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.faketime import other_clock
from support.ports import free_ports
from support.serving import Serving, serve_to_the_end
from support.waiting import wait_for
from torture.history import check
from torture.load import Customer, Installation
from torture.traffic import call_once
from torture.upstreams import RULES, BadUpstream, section

HOUR = 3600
ROUNDS = 10 if os.environ.get("MANDAT_TORTURE") == "full" else 1

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Scene:
    """A running installation whose clock can be set, and an upstream at /good."""

    installation: Installation
    running: Serving
    upstream: BadUpstream
    clock: Path

    @contextmanager
    def clock_off_by(self, seconds: int) -> Iterator[None]:
        """Its clock is ahead by so much, or behind, while the block lasts."""
        self._set(seconds)
        try:
            yield
        finally:
            self._set(0)

    def _set(self, seconds: int) -> None:
        new = self.clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.clock)
        # Every process looks at the file when the second changes.
        looked_at = time.monotonic() + 2.1
        wait_for(
            lambda: time.monotonic() > looked_at and abs(self.server_time() - time.time() - seconds) < 60,
            what="the clock to be set",
        )

    def server_time(self) -> float:
        """What the gateway says it is."""
        status, body = call_once(self.installation, b"GET /1.0/auth/time HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status == 200
        return float(body)

    def call(self, key: str, *, body: bytes = b"", at: int = 0) -> tuple[int, str]:
        """Status and body of a call to the upstream that is signed now, or `at`."""
        return call_once(self.installation, self.installation.request(key, "/good/one", body=body, at=at))


def reading(clock: Path) -> dict[str, str]:
    """The environment of processes that add to the time what stands in the file `clock`."""
    return other_clock(FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_CACHE_DURATION="0")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("clock")
    clock = folder / "clock"
    clock.write_text("+0\n")
    environment = reading(clock)
    with BadUpstream() as upstream:
        installation = Installation.create(folder / "live", free_ports(1), more=section(upstream.port, "good"))
        with installation.running(environment=environment) as running:
            yield Scene(installation, running, upstream, clock)


def test_r11_a_jump_of_the_clock_refuses_extends_nothing_and_heals_without_restart(scene: Scene) -> None:
    customer = Customer(scene.installation)
    customer.log_in()
    lasting, short = customer.confirm(RULES), customer.confirm(RULES, validity_seconds=HOUR // 2)
    assert lasting is not None and short is not None
    signed_at = int(time.time())
    assert scene.call(lasting, body=b"{}", at=signed_at)[0] == 200
    rows = _expiries(scene)
    for _ in range(ROUNDS):
        for jump in (HOUR, -HOUR):
            with scene.clock_off_by(jump):
                for key in (lasting, short):
                    status, body = scene.call(key)
                    assert (status, "QUERY_TIME_OUT" in body) == (400, True), body
                following = int(time.time()) + jump
                assert scene.call(lasting, at=following)[0] == 200
                # Half an hour is over on a clock that is an hour ahead; one that is behind has not got there yet.
                assert scene.call(short, at=following)[0] == (403 if jump > 0 else 200)
            assert scene.call(short)[0] == scene.call(lasting)[0] == 200
            assert _expiries(scene) == rows
            # Within two seconds it would be an honest second click.
            wait_for(lambda: time.time() > signed_at + 4, what="the time of honest repetitions to pass")
            assert scene.call(lasting, body=b"{}", at=signed_at)[0] in (400, 403)
    assert scene.upstream.writes == 1
    customer.close()
    assert len(scene.running.pids("authority")) == len(scene.running.pids("gateway-0")) == 1
    assert check(scene.installation.journal, scene.installation.folder) == []


def test_r11_a_session_used_while_the_clock_was_ahead_lives_no_longer(scene: Scene) -> None:
    customer = Customer(scene.installation)
    customer.log_in()
    assert customer.is_logged_in()
    with scene.clock_off_by(HOUR // 3):
        assert customer.is_logged_in()
    assert not customer.is_logged_in()
    customer.log_in()
    with scene.clock_off_by(HOUR):
        assert not customer.is_logged_in()
    assert customer.is_logged_in()
    customer.close()


def test_a_clock_that_is_far_behind_at_the_start_is_refused_in_one_sentence(scene: Scene, tmp_path: Path) -> None:
    # A copy: the running installation holds the lock of its own folder.
    copy = tmp_path / "copy"
    shutil.copytree(scene.installation.folder, copy, ignore=shutil.ignore_patterns("run", "log", "*.lock"))
    config = copy / "mandat.toml"
    config.write_text(config.read_text().replace(str(scene.installation.port), str(free_ports(1))))
    clock = tmp_path / "clock"
    clock.write_text("-172800\n")
    outcome = serve_to_the_end(config, environment=reading(clock))
    assert outcome.returncode == 1
    assert "This machine's clock says" in outcome.stderr and "set the clock" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def _expiries(scene: Scene) -> list[tuple[int, int | None]]:
    connection = sqlite3.connect(f"file:{scene.installation.folder / 'data' / 'grants.sqlite'}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT id, expires FROM credentials ORDER BY id").fetchall()
    finally:
        connection.close()
