"""One child process: how it is started, how it says that it is ready or why it cannot be, how it is stopped.

A child is `python -m MODULE JSON`. It inherits the write end of a pipe and writes one line there: {"ready": true} or
{"problem": "one sentence"}. The pipe closing without a line means that it died first.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from mandat.server.problems import Problem

READY_SECONDS = 60.0
"""A cold start of the slowest child (first migrations) takes about 5 s; the rest is for busy machines."""

STOP_SECONDS = 8.0
"""A gateway gives running exchanges 5 s (design.md 8); after this bound a child is killed."""


_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal a process gets when its parent dies, so that a killed supervisor leaves no orphans."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to start. `options` go to the child as JSON; `fds` are inherited under the same numbers.

    `hidden` are variables of the environment that it does not get.
    """

    name: str
    module: str
    options: dict[str, object] = field(default_factory=dict)
    fds: tuple[int, ...] = ()
    hidden: frozenset[str] = frozenset()


class Child:
    """A running child process."""

    def __init__(self, spec: ChildSpec, process: asyncio.subprocess.Process) -> None:
        self.spec = spec
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def wait(self) -> int:
        """Waits for its end and gives its exit status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Asks it to end (SIGTERM) and kills it when it takes longer than STOP_SECONDS."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def start_child(spec: ChildSpec, *, after: "asyncio.Task[None] | None" = None) -> Child:
    """Starts the child and waits until it is ready.

    Args:
        spec: what to start.
        after: the child loads its code meanwhile, and does nothing else before this has ended well.

    Raises:
        Problem: with the child's own sentence, or saying that it ended before it was ready; or that of `after`.
    """
    read_end, write_end = os.pipe()
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            spec.module,
            json.dumps({**spec.options, "ready_fd": write_end, "supervisor": os.getpid(), "waits": after is not None}),
            pass_fds=(*spec.fds, write_end),
            env={name: text for name, text in os.environ.items() if name not in spec.hidden},
            stdin=asyncio.subprocess.DEVNULL if after is None else asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    finally:
        os.close(write_end)
    child = Child(spec, process)
    if after is not None and process.stdin is not None:
        try:
            await asyncio.shield(after)
        except BaseException:
            os.close(read_end)
            await child.stop()
            raise
        process.stdin.close()
    try:
        line = await asyncio.wait_for(_read_line(read_end), READY_SECONDS)
    except TimeoutError:
        await child.stop()
        raise Problem(
            f"The {spec.name} process was not ready within {READY_SECONDS:.0f} s; see its log above."
        ) from None
    except asyncio.CancelledError:
        await child.stop()
        raise
    answer = json.loads(line) if line else {}
    if "problem" in answer:
        await child.wait()
        raise Problem(str(answer["problem"]))
    if not answer.get("ready"):
        status = await child.wait()
        raise Problem(f"The {spec.name} process ended with status {status} before it was ready; see its log above.")
    return child


async def _read_line(read_end: int) -> bytes:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb"))
    try:
        return await reader.readline()
    finally:
        transport.close()


def child_options(arguments: Sequence[str]) -> dict[str, object]:
    """For the child's side: its options, from its command line. From here on it ends when its supervisor does.

    Returns when the child may begin: its code is loaded by then, whatever it had to wait for (`start_child`).
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    options: dict[str, object] = json.loads(arguments[1])
    if options.get("waits"):
        sys.stdin.read()
    if options.get("supervisor") not in (None, os.getppid()):
        sys.exit(1)  # it died before the kernel was told to tell us
    return options


def say_ready(ready_fd: int) -> None:
    """For the child's side: it serves now."""
    _say(ready_fd, {"ready": True})


def say_problem(ready_fd: int, sentence: str) -> None:
    """For the child's side: it cannot start, and why."""
    _say(ready_fd, {"problem": sentence})


def _say(ready_fd: int, answer: dict[str, object]) -> None:
    with contextlib.suppress(OSError), os.fdopen(ready_fd, "w", encoding="utf-8") as pipe:
        pipe.write(json.dumps(answer) + "\n")
