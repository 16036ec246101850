"""What the walk-through does not show of deploy/: that systemd accepts the units; backups on SQLite; the shop."""

import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import pytest

from conftest import DebianProgram
from support.machines import Machine
from support.ports import free_ports
from support.serving import configuration
from support.waiting import wait_for
from torture.load import PASSWORD, mandat

pytestmark = pytest.mark.slow

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_units_are_such_as_systemd_accepts(tmp_path: Path, debian_program: DebianProgram) -> None:
    analyze = debian_program("systemd-analyze")
    units = [file for file in (DEPLOY / "systemd").iterdir() if file.suffix in {".service", ".timer"}]
    assert len(units) == 6
    for unit in units:
        # It wants to find the programs; whether they start is shown below.
        (tmp_path / unit.name).write_text(re.sub("/opt/mandat/bin/[a-z-]+", "/bin/true", unit.read_text()))
    command = [analyze, "verify", "--man=no", *(f"./{unit.name}" for unit in units)]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def back_up(config: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "MANDAT_CONFIG": str(config)}
    command = [str(DEPLOY / "mandat-backup"), str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_backup_on_sqlite_can_be_restored_and_one_of_damaged_data_is_not_made(tmp_path: Path) -> None:
    config = configuration(tmp_path / "node", free_ports(1))
    mandat(config, "account", "create", "--login", "olga", "--password", PASSWORD, "--role", "operator")
    mandat(config, "app", "create", "--name", "Shop", "--description", "Orders")
    made = back_up(config, tmp_path / "sound")
    [file] = (tmp_path / "sound").iterdir()
    assert (made.returncode, made.stdout.strip(), file.suffix) == (0, str(file), ".tar")
    mandat(config, "restore", str(file), "--list-only")
    database = tmp_path / "node/data/grants.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE applications SET name = 'Other'")
    damaged = back_up(config, tmp_path / "damaged")
    assert damaged.returncode != 0
    assert list((tmp_path / "damaged").iterdir()) == []


def test_the_marketplace_starts_from_its_unit() -> None:
    port = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="mandat-shop-") as folder:  # short enough for sockets
        machine = Machine(Path(folder), [], {"--port 8701": f"--port {port}"})
        machine.set_up(DEPLOY)
        start_the_marketplace(machine, port)


def start_the_marketplace(machine: Machine, port: int) -> None:
    machine.run(
        "install -D -m 644 deploy/systemd/mandat-marketplace.service /etc/systemd/system/mandat-marketplace.service\n"
        "mkdir /etc/mandat\n"
        "echo OVH_ENDPOINT=http://127.0.0.1:9/1.0 > /etc/mandat/marketplace\n"
        f"echo MARKETPLACE_URL=http://127.0.0.1:{port} >> /etc/mandat/marketplace\n"
        "systemctl start mandat-marketplace\n"
    )

    def answers() -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{port}/", timeout=5, follow_redirects=True).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        wait_for(answers, what="the marketplace", seconds=60)
    finally:
        machine.stop("mandat-marketplace")
