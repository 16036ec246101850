"""Machines that are folders on this one, and a page of the guide whose commands are run on them.

A block of commands names in its info string where it runs (```sh node-a). Paths such as /etc lead into the machine's
folder, addresses and ports to loopback; everything else is run as it stands in the page.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(r"^## (?P<heading>.+?)$|^```sh(?P<where>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"(?<![\w.$}/])/(?=(?:etc|var|run|opt)/)")


@dataclass(frozen=True)
class Block:
    """Commands of a page. `where` are the words of the info string behind the language."""

    heading: str
    where: tuple[str, ...]
    text: str


def read_blocks(page: Path) -> list[Block]:
    """All blocks of shell commands, in the order of the page."""
    blocks, heading = [], ""
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if found["heading"] is not None:
            heading = found["heading"]
        else:
            blocks.append(Block(heading, tuple(found["where"].split()), found["text"]))
    return blocks


@dataclass
class Machine:
    """A folder with /etc, /var, /run, /opt. `local` is what stands for what; `environment` is added to ours."""

    root: Path
    programs: list[Path]
    local: Mapping[str, str]
    environment: dict[str, str] = field(default_factory=dict)

    def set_up(self, deploy: Path) -> None:
        """Makes the folders, a checkout with these deployment files, and the programs that stand for the machine's."""
        for folder in ("checkout/deploy", "etc/systemd/system", "run", "opt/mandat/bin", "var/log", "bin"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for file in [found for found in deploy.rglob("*") if found.is_file()]:
            copy = self.root / "checkout" / "deploy" / file.relative_to(deploy)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(self.localised(file.read_text()))
        (self.root / "opt/mandat/bin/mandat").symlink_to(Path(sys.executable).with_name("mandat"))
        for program in self.programs:
            (self.root / "opt/mandat/bin" / program.name).symlink_to(program)
        manager = Path(__file__).with_name("systemctl.py")
        for name in ("systemctl", "journalctl"):
            self.program(name, f'exec {shlex.quote(sys.executable)} {manager} {self.root} {name} "$@"')
        self.program("systemd-sysusers", 'test -f "$1"')

    def program(self, name: str, script: str) -> None:
        """A program of this machine's own."""
        file = self.root / "bin" / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def localised(self, text: str) -> str:
        """The text with this machine's folder, and with loopback's ports for addresses."""
        for there, here in self.local.items():
            text = re.sub(there, here, text)
        return _PATH.sub(f"{self.root}/", text)

    def run(self, text: str, *, as_mandat: bool = False) -> str:
        """Runs commands of the page and gives what they printed; what they export lasts. Fails when one fails."""
        home, kept = self.root / "var/lib/mandat", self.root / "exported"
        begin = f". {home}/.profile\n" if as_mandat else ""
        begin += f"if [ -f {kept} ]; then . {kept}; fi\n"
        outcome = subprocess.run(
            [
                "bash",
                "-eu",
                "-o",
                "pipefail",
                "-c",
                f"{begin}{self.localised(text)}\nexport -p | grep OVH_ > {kept} || :",
            ],
            cwd=home if as_mandat else self.root / "checkout",
            env=self.whole_environment(),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert outcome.returncode == 0, f"{text}\n{outcome.stdout}\n{outcome.stderr}"
        return outcome.stdout

    def whole_environment(self) -> dict[str, str]:
        """What commands of this machine are run with."""
        path = f"{self.root}/bin:{self.root}/opt/mandat/bin:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "HOME": str(self.root / "var/lib/mandat"), **self.environment}

    def lose(self, unit: str) -> None:
        """SIGKILL to all processes of a unit that runs, as when the machine is lost; nothing when none does."""
        file = self.root / "run/systemd" / f"{unit}.service.pid"
        if not file.exists():
            return
        main = int(file.read_text())
        for pid in (main, *map(int, Path(f"/proc/{main}/task/{main}/children").read_text().split())):
            os.kill(pid, signal.SIGKILL)
        file.unlink()

    def stop(self, *units: str) -> None:
        """Ends units, whatever became of them."""
        command = [str(self.root / "bin/systemctl"), "stop", *units]
        subprocess.run(command, env=self.whole_environment(), capture_output=True, timeout=120, check=False)
