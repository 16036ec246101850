"""Starting, not starting, reloading, losing a process, stopping: as an operator meets it."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from support.demo import start_demo
from support.ports import free_ports
from support.serving import configuration, serve_to_the_end, serving
from support.waiting import wait_for

pytestmark = pytest.mark.slow
PROCESSES = ("authority", "gateway-0", "gateway-1")
RELOAD_SECONDS = 60
"""A reload starts an authority, which takes its time on a busy machine."""


def refusal_of(config: Path) -> str:
    """The one sentence of a refused start."""
    outcome = serve_to_the_end(config)
    assert outcome.returncode == 1
    sentences = [line for line in outcome.stderr.splitlines() if line.strip() and not line.startswith("{")]
    assert "Traceback" not in outcome.stderr
    return " ".join(sentences)


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    port = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        assert f"Cannot listen on 127.0.0.1:{port}" in refusal_of(configuration(tmp_path, port))


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    assert "nearest known key is workers" in refusal_of(configuration(tmp_path, free_ports(1), more="worker = 3\n"))


def test_a_second_supervisor_on_the_same_data_is_refused(tmp_path: Path) -> None:
    port = free_ports(2)
    with serving(configuration(tmp_path, port), port):
        other = tmp_path / "other.toml"
        other.write_text((tmp_path / "mandat.toml").read_text().replace(str(port), str(port + 1)))
        assert "Another supervisor serves the data" in refusal_of(other)


def test_a_missing_key_file_is_refused_and_nothing_new_is_made(tmp_path: Path) -> None:
    port = free_ports(1)
    config = configuration(tmp_path, port)
    with serving(config, port):
        pass
    (tmp_path / "keys" / "authority.json").unlink()
    assert "authority.json" in refusal_of(config)
    assert not (tmp_path / "keys" / "authority.json").exists()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    port = free_ports(1)
    config = configuration(tmp_path, port)
    with serving(config, port):
        pass
    with sqlite3.connect(tmp_path / "data" / "grants.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    assert "newer Mandat" in refusal_of(config)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file")
    more = 'storage = "occupied/data"\n'
    assert "cannot be made" in refusal_of(configuration(tmp_path, free_ports(1), more=more))


def test_a_killed_worker_comes_back_while_the_other_serves(tmp_path: Path) -> None:
    port = free_ports(1)
    with serving(configuration(tmp_path, port), port) as running:
        os.kill(running.pids("gateway-0")[0], signal.SIGKILL)
        wait_for(lambda: len(running.pids("gateway-0")) == 2, what="a new gateway-0")
        assert running.answers()


def test_a_killed_authority_comes_back(tmp_path: Path) -> None:
    port = free_ports(1)
    with serving(configuration(tmp_path, port), port) as running:
        os.kill(running.pids("authority")[0], signal.SIGKILL)
        wait_for(lambda: httpx2.get(f"{running.origin}/login", timeout=5).status_code == 200, what="the login page")
        assert len(running.pids("authority")) == 2


def test_a_reload_takes_the_new_configuration_and_a_broken_one_is_refused(tmp_path: Path) -> None:
    port = free_ports(1)
    config = configuration(tmp_path, port)
    with serving(config, port) as running:
        text = config.read_text()
        config.write_text(text + 'name = "Renamed"\n')
        running.process.send_signal(signal.SIGHUP)
        wait_for(
            lambda: "Renamed" in httpx2.get(f"{running.origin}/").text, what="the new name", seconds=RELOAD_SECONDS
        )
        config.write_text(text + "nonsense = 1\n")
        running.process.send_signal(signal.SIGHUP)
        wait_for(
            lambda: any("reload refused" in event["event"] for event in running.events()),
            what="the refusal",
            seconds=RELOAD_SECONDS,
        )
        assert "Renamed" in httpx2.get(f"{running.origin}/").text


def test_reloads_asked_for_at_once_come_one_after_the_other_and_leave_one_generation(tmp_path: Path) -> None:
    port = free_ports(1)
    with serving(configuration(tmp_path, port), port) as running:
        running.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(running.pids("authority")) == 2, what="the reload to be under way", seconds=RELOAD_SECONDS)
        running.process.send_signal(signal.SIGHUP)
        wait_for(
            lambda: [e["event"] for e in running.events()].count("reloaded") == 2,
            what="both reloads",
            seconds=RELOAD_SECONDS,
        )
        alive = {name: [pid for pid in running.pids(name) if Path(f"/proc/{pid}").exists()] for name in PROCESSES}
        assert alive == {name: running.pids(name)[-1:] for name in PROCESSES}
        assert running.answers()


def test_a_reload_that_fails_half_way_leaves_nothing_of_itself(tmp_path: Path) -> None:
    port = free_ports(1)
    config = configuration(tmp_path, port)
    with serving(config, port) as running:
        before = {name: running.pids(name) for name in PROCESSES}
        config.write_text(config.read_text() + '[log]\naccess = "data"\n')
        running.process.send_signal(signal.SIGHUP)
        wait_for(
            lambda: any("reload refused" in event["event"] for event in running.events()),
            what="the refusal",
            seconds=RELOAD_SECONDS,
        )
        refusal = next(event for event in running.events() if "reload refused" in event["event"])
        assert "data cannot be written (Is a directory); set log.access" in refusal["problem"]
        started = {name: running.pids(name) for name in PROCESSES}
        assert len(started["authority"]) == 2, "it got as far as that"
        alive = {name: [pid for pid in pids if Path(f"/proc/{pid}").exists()] for name, pids in started.items()}
        assert alive == before
        assert running.answers()


def test_a_second_demo_in_a_folder_is_refused_and_leaves_the_first_as_it_is(tmp_path: Path) -> None:
    first = start_demo(tmp_path / "demo")
    try:
        command = [sys.executable, "-m", "mandat.cli.main", "demo", "--data", str(tmp_path / "demo"), "--port", "19999"]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1
        assert "A demo runs in" in second.stderr
        assert (tmp_path / "demo" / "demo.json").exists()
        assert str(first.port) in (tmp_path / "demo" / "mandat.toml").read_text()
    finally:
        first.stop()
    assert not (tmp_path / "demo" / "demo.json").exists()


def test_stopping_leaves_no_process_behind(tmp_path: Path) -> None:
    port = free_ports(1)
    with serving(configuration(tmp_path, port), port) as running:
        children = [*running.pids("authority"), *running.pids("gateway-0"), *running.pids("gateway-1")]
    assert running.process.returncode == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def test_a_killed_supervisor_takes_its_children_with_it(tmp_path: Path) -> None:
    port = free_ports(1)
    with serving(configuration(tmp_path, port), port) as running:
        children = [*running.pids("authority"), *running.pids("gateway-0")]
        running.process.kill()
        running.process.wait()
        wait_for(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()], what="the end of the children")
