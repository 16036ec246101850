"""`systemctl` and `journalctl` for a machine that is a folder: starts what its unit files say and keeps it running.

Run as `systemctl.py ROOT systemctl|journalctl ARGUMENTS`. Of systemd it has what the units in deploy/ need: Type=notify
waits for READY=1, the folders are made, the environment is read, ExecStop and ExecReload are run, and what does not end
is killed. Nothing is started again, and nothing is confined: that is systemd's own business.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from string import Template

Unit = dict[str, list[str]]
READY_SECONDS = 90.0
STOP_SECONDS = 40.0
FOLDERS = {"StateDirectory": "var/lib", "RuntimeDirectory": "run", "LogsDirectory": "var/log"}


class Manager:
    """Manages the units of one machine."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._pids = root / "run" / "systemd"
        self._pids.mkdir(parents=True, exist_ok=True)

    def start(self, name: str) -> None:
        """Starts a service that does not run. A timer is not: its service is started by hand here."""
        if name.endswith(".timer") or self.pid(name):
            return
        unit = self.read(name)
        for key, place in FOLDERS.items():
            for folder in unit.get(key, []):
                (self._root / place / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        environment = self._environment(unit)
        with (self._pids / f"{name}.journal").open("a") as journal:
            if unit["Type"] == ["oneshot"]:
                for line in unit["ExecStart"]:
                    subprocess.run(_words(line, environment), env=environment, stderr=journal, check=True, timeout=120)
                return
            self._launch(name, unit, environment, journal.fileno())

    def _launch(self, name: str, unit: Unit, environment: dict[str, str], journal: int) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            address = self._pids / f"{name}.notify"
            address.unlink(missing_ok=True)
            heard.bind(str(address))
            heard.settimeout(0.1)
            environment["NOTIFY_SOCKET"] = str(address)
            command = _words(unit["ExecStart"][0], environment)
            process = subprocess.Popen(command, env=environment, stdout=journal, stderr=journal, start_new_session=True)
            (self._pids / f"{name}.pid").write_text(str(process.pid))
            deadline = time.monotonic() + READY_SECONDS
            is_ready = unit["Type"] != ["notify"]
            while not is_ready:
                with suppress(TimeoutError):
                    is_ready = b"READY=1" in heard.recv(4096).split(b"\n")
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    sys.exit(f"{name} did not start:\n{self.journal(name)[-3000:]}")

    def stop(self, name: str) -> None:
        """Ends a service as its unit says."""
        pid = self.pid(name)
        if not pid:
            return
        self._run(name, "ExecStop", pid)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self.pid(name):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                sys.exit(f"{name} did not stop")
            time.sleep(0.02)

    def reload(self, name: str) -> None:
        """Runs ExecReload of a service that runs."""
        self._run(name, "ExecReload", self.pid(name))

    def _run(self, name: str, key: str, pid: int) -> None:
        unit = self.read(name)
        environment = {**self._environment(unit), "MAINPID": str(pid)}
        for line in unit.get(key, []):
            subprocess.run(_words(line, environment), env=environment, check=True, timeout=30)

    def pid(self, name: str) -> int:
        """The main process; 0 when it does not run."""
        file = self._pids / f"{name}.pid"
        pid = int(file.read_text()) if file.exists() else 0
        with suppress(OSError):
            # One that only waits for its parent to take notice has ended.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                return pid
        return 0

    def journal(self, name: str) -> str:
        """What it said."""
        return (self._pids / f"{name}.journal").read_text()

    def read(self, name: str) -> Unit:
        """The keys of a unit file, whatever their section."""
        unit: Unit = {"Type": ["simple"]}
        for line in (self._root / "etc/systemd/system" / name).read_text().splitlines():
            if "=" in line and not line.startswith("#"):
                key, _, value = line.partition("=")
                unit.setdefault(key, []).append(value)
        unit["Type"] = unit["Type"][-1:]
        return unit

    def _environment(self, unit: Unit) -> dict[str, str]:
        environment = {**os.environ, "HOME": str(self._root / "var/lib/mandat")}
        for line in unit.get("Environment", []):
            environment |= dict(word.split("=", 1) for word in shlex.split(line))
        for name in unit.get("EnvironmentFile", []):
            file = Path(name.removeprefix("-"))
            if file.exists() or not name.startswith("-"):
                for line in file.read_text().splitlines():
                    key, _, value = line.partition("=")
                    environment[key] = "".join(shlex.split(value))
        return environment


def _words(line: str, environment: Mapping[str, str]) -> list[str]:
    return shlex.split(Template(line).safe_substitute(environment))


def main(root: str, program: str, *arguments: str) -> None:
    """See the module."""
    manager = Manager(Path(root))
    if program == "journalctl":
        print(manager.journal(f"{arguments[arguments.index('-u') + 1]}.service"), end="")
        return
    verb, *rest = arguments
    for word in rest:
        if word.startswith("-"):
            continue
        name = word if "." in word else f"{word}.service"
        if verb in {"stop", "restart"}:
            manager.stop(name)
        if verb == "reload" or (verb == "reload-or-restart" and manager.pid(name)):
            manager.reload(name)
        elif verb in {"start", "enable", "restart", "reload-or-restart"}:
            manager.start(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
