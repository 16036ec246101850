"""A gateway that meets credential after credential: what its process takes in memory.

The calls are signed while they are sent: a pipe between us and wrk, so that nobody holds a million of them.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.credentials import Keys
from bench.load import CONNECTIONS, composed
from bench.machine import LOAD_CORE, on_core, say
from bench.running import resident_bytes

_SCRIPT = """
local lines, last
init = function() lines = io.lines("%s") end
request = function()
  local line = lines and lines()
  if line then last = line:gsub("|", "\\r\\n") else lines = nil end
  return last
end
done = function(summary, _, _)
  local errors = summary.errors
  io.write(string.format("RESULT %%d %%d\\n", summary.requests,
    errors.status + errors.read + errors.timeout + errors.connect))
end
"""
_STEPS = 20


@dataclass(frozen=True, slots=True)
class Touched:
    """Credentials met so far -> resident bytes of the gateway's process, after `seconds` for as many as were wanted."""

    points: tuple[tuple[float, float], ...]
    errors: int
    seconds: float

    @property
    def count(self) -> int:
        """How many were met: fewer than wanted when time was up."""
        return int(self.points[-1][0])

    def bytes_at(self, count: int) -> float:
        """Resident bytes with so many met; beyond the last, as the second half went on."""
        for met, size_bytes in self.points:
            if met >= count:
                return size_bytes
        (middle, then), (last, now) = self.points[len(self.points) // 2], self.points[-1]
        return now + (count - last) * (now - then) / max(1.0, last - middle)


def touch(port: int, pid: int, keys: Keys, *, count: int, folder: Path, seconds: float = 30) -> Touched:
    """One signed call for each of the first `count` credentials, as far as `seconds` allow."""
    pipe, script = folder / f"calls-{port}", folder / f"touch-{port}.lua"
    os.mkfifo(pipe)
    script.write_text(_SCRIPT % pipe)
    began = time.monotonic()
    points = [(0.0, float(resident_bytes(pid)))]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d3600s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    wrk = subprocess.Popen(on_core(LOAD_CORE, command), stdout=subprocess.PIPE, text=True)
    try:
        with pipe.open("w", encoding="ascii") as calls:
            # wrk asks once before it begins, and throws that request away.
            calls.write(_line(port, keys, 0))
            for number in range(count):
                calls.write(_line(port, keys, number))
                if number and number % max(1, count // _STEPS) == 0:
                    if time.monotonic() - began > seconds:
                        count = number
                        break
                    points.append((float(number), float(resident_bytes(pid))))
                    say(f"{number:,} credentials met, {points[-1][1] / 1e6:,.0f} MB")
        time.sleep(1.0)  # for what is under way
        points.append((float(count), float(resident_bytes(pid))))
    finally:
        wrk.send_signal(signal.SIGINT)
        output, _ = wrk.communicate(timeout=30)
        pipe.unlink()
    requests, errors = map(int, output.rpartition("RESULT")[2].split())
    if requests < count:
        raise SystemExit(f"the gateway answered {requests} of {count} calls")
    return Touched(tuple(points), errors, time.monotonic() - began)


def _line(port: int, keys: Keys, number: int) -> str:
    fields = keys.fields(number, origin=f"http://127.0.0.1:{port}", at=int(time.time()))
    return composed(port, fields).replace("\r\n", "|") + "\n"


@contextlib.contextmanager
def on_load_core() -> Iterator[None]:
    """Keeps this process, and what it starts meanwhile, off the core of the program under test."""
    cores = os.sched_getaffinity(0)
    if len(cores) > 1:
        os.sched_setaffinity(0, {int(LOAD_CORE)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
