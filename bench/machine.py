"""The machine that measures: what it is, whether something else keeps it busy, and who may use which core."""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

BUSY_SHARE = 0.10
"""Of all cores. What others use beyond this is said in the report: ratios still hold, absolute figures do not."""

PROXY_CORE, LOAD_CORE = "0", "1"
"""The program under test has a core to itself; load generator and API share the other. The same for each peer."""

_PROBE_SECONDS = 1.0


def say(what: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"... {what}\n")
    sys.stderr.flush()


def on_core(core: str, command: list[str]) -> list[str]:
    """The command, kept on one core with all it starts; as it is on a machine with one core or without taskset."""
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        return command
    return ["taskset", "-c", core, *command]


def others_share(seconds: float = _PROBE_SECONDS) -> float:
    """The share of all cores that others use while we wait."""
    busy, everything = _jiffies()
    time.sleep(seconds)
    later_busy, later_everything = _jiffies()
    return (later_busy - busy) / max(1, later_everything - everything)


def describe(shares: Sequence[float]) -> list[str]:
    """The machine line, and a warning when others were at work.

    Args:
        shares: of others, before, between and after the parts.
    """
    lines = [
        f"Machine: {os.cpu_count()} cores, {_processor()}, {_memory_gb():.0f} GB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, {_version('nginx')}, SQLite {_sqlite()}."
    ]
    if max(shares) > BUSY_SHARE:
        lines += [
            "",
            "> **The machine was busy with other things**: "
            f"{', '.join(f'{share:.0%}' for share in shares)} of its cores before, between and after the parts. "
            "Do not trust absolute figures of this run, and ratios only with their spread.",
        ]
    return lines


def _jiffies() -> tuple[int, int]:
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _version(program: str) -> str:
    if shutil.which(program) is None:
        return f"no {program}"
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    return (said.stderr or said.stdout).strip().removeprefix("nginx version: ")


def _sqlite() -> str:
    import sqlite3  # noqa: PLC0415

    return sqlite3.sqlite_version
