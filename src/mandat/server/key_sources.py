"""Where keys come from: the key files, the environment, or a command of the operator's. One place that reads them.

`keys` is the authority's source, `gateway_keys` the gateways'; key files are both in one folder, which `keys` names.
What a variable or a command hands over is read once, when a process starts, and never quoted. Source: ADR 0011.
"""

import contextlib
import os
import re
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mandat.server.problems import Problem
from mandat.storage.faults import StorageFault
from mandat.storage.keys.documents import DamagedDocument, read_authority, read_node
from mandat.storage.keys.keyrings import AuthorityKeys, NodeKeys, load_authority_keys, load_node_keys

COMMAND_SECONDS = 10.0
"""A key store that has not answered by then is not going to."""

MAX_DOCUMENT_BYTES = 65_536
"""Some hundred retired keys; what a document holds now needs about 1,000."""

Keys = TypeVar("Keys", AuthorityKeys, NodeKeys)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class KeysNotThere(StorageFault):
    """A variable or a command does not hand over keys. The sentence quotes nothing of what it handed over."""


@dataclass(frozen=True, slots=True)
class KeySource:
    """A variable of the environment, or a command (its argv). `setting` names it to the operator."""

    setting: str
    variable: str = ""
    command: tuple[str, ...] = ()

    def read(self, *, hidden: frozenset[str], seconds: float = COMMAND_SECONDS) -> bytes:
        """What it hands over now.

        Args:
            hidden: variables that the command does not get.
            seconds: how long the command may take.

        Raises:
            KeysNotThere: the variable is not set; the command does not end well, in time and within bounds.
        """
        if self.variable:
            text = os.environ.get(self.variable)
            if not text:
                raise KeysNotThere(
                    f"The variable {self.variable}, which `{self.setting}` names, is not set; put the keys there."
                )
            return os.fsencode(text)
        return _output_of(self, _environment_without(hidden), seconds)

    @property
    def place(self) -> str:
        """The source in words."""
        return f"variable {self.variable}" if self.variable else f"command {self.command[0]}"


@dataclass(frozen=True, slots=True)
class KeySources:
    """Where the keys are when they are not in files: the authority's and the gateways', apart from each other."""

    authority: KeySource
    node: KeySource

    @property
    def hidden(self) -> frozenset[str]:
        """Variables with keys in them."""
        return frozenset(filter(None, (self.authority.variable, self.node.variable)))


def is_outside(text: str) -> bool:
    """True when a setting names something else than a folder."""
    return text.startswith(("env:", "command:"))


def folder_named(text: str) -> str:
    """The folder that the setting `keys` names, with `file:` before it or without."""
    return text.removeprefix("file:")


def parse_source(setting: str, text: str) -> KeySource:
    """The source that a setting names.

    Raises:
        Problem: it names none.
    """
    kind, _, rest = text.partition(":")
    if kind == "env":
        if not _NAME.fullmatch(rest):
            raise Problem(f'{setting} = "env:..." needs the name of a variable; write for example "env:MANDAT_KEYS".')
        return KeySource(setting, variable=rest)
    try:
        command = tuple(shlex.split(rest)) if kind == "command" else ()
    except ValueError:
        raise Problem(f"{setting} has a quotation mark that is not closed; close it.") from None
    if not command:
        raise Problem(f'{setting} must be "env:NAME" or "command:PROGRAM ARGUMENT...".')
    return KeySource(setting, command=command)


def authority_keys(folder: Path, sources: KeySources | None) -> AuthorityKeys:
    """The authority's keys.

    Raises:
        StorageFault: they are missing or damaged; the sentence says where and what to do.
    """
    return load_authority_keys(folder) if sources is None else _read(sources.authority, sources, read_authority)


def node_keys(folder: Path, sources: KeySources | None) -> NodeKeys:
    """A gateway's keys. Raises StorageFault as `authority_keys`."""
    return load_node_keys(folder) if sources is None else _read(sources.node, sources, read_node)


def _read(source: KeySource, sources: KeySources, read: Callable[[bytes], Keys]) -> Keys:
    try:
        return read(source.read(hidden=sources.hidden))
    except DamagedDocument as fault:
        file = "authority.json" if source is sources.authority else "node.json"
        raise KeysNotThere(
            f"What the {source.place} hands over for `{source.setting}` are no such keys ({fault}); "
            f"put the content of {file} there."
        ) from None


def _environment_without(hidden: frozenset[str]) -> dict[str, str]:
    """A command needs what reaches its store, and nothing that is ours."""
    return {name: text for name, text in os.environ.items() if name not in hidden and not name.startswith("MANDAT_")}


def _output_of(source: KeySource, environment: Mapping[str, str], seconds: float) -> bytes:
    said = f"The command {source.command[0]}, which `{source.setting}` names,"
    try:
        process = subprocess.Popen(  # noqa: S603 - the operator's own words, and no shell
            source.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as fault:
        raise KeysNotThere(f"{said} cannot be run ({fault.strerror}); correct it.") from None
    with process:
        try:
            output = _read_bounded(process, time.monotonic() + seconds)
        finally:
            # Whatever it left running belongs to its own session.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if output is None:
        raise KeysNotThere(f"{said} did not end within {seconds:g} s; run it by hand to see what it waits for.")
    if len(output) > MAX_DOCUMENT_BYTES:
        raise KeysNotThere(f"{said} printed more than {MAX_DOCUMENT_BYTES} bytes; let it print the keys and no more.")
    if process.returncode != 0:
        raise KeysNotThere(f"{said} failed with status {process.returncode}; run it by hand to see what it says.")
    return output


def _read_bounded(process: "subprocess.Popen[bytes]", deadline: float) -> bytes | None:
    """What it printed, a little more than allowed at most; None when it did not end in time."""
    assert process.stdout is not None
    output = b""
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return None
        piece = os.read(process.stdout.fileno(), MAX_DOCUMENT_BYTES)
        output += piece
        if len(output) > MAX_DOCUMENT_BYTES:
            return output
        if not piece:
            break
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None
    return output
