"""What a disk would hold after a power cut: a trace of file operations, and a model of what they made durable.

The model is as unfriendly as POSIX allows: what was written is durable when a sync of that file that began afterwards
has returned, and a name when its folder was synced. Everything else may be there or not, in any combination.
"""

import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TRACED = "openat,pwrite64,pwritev,fsync,fdatasync,ftruncate,fallocate,rename,unlink"

_LINE = re.compile(r"(\d+) +(\d+\.\d+) (.*)")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+).*<(\d+\.\d+)>$")
_OPENED = re.compile(r'AT_FDCWD(?:<[^>]*>)?, "([^"]*)", (\S+?)(?:,|$)')
_HANDLE = re.compile(r"\d+<([^>]*)>")
_TEXT = re.compile(r'"([^"]*)"(\.\.\.)?')


def traced(log: Path) -> list[str]:
    """The command that runs another one and its children and writes their file operations to `log`."""
    options = ["-D", "-f", "-q", "-ttt", "-T", "-xx", "-y", "-s", "1000000", "--seccomp-bpf"]
    return ["strace", *options, "-e", f"trace={TRACED}", "-o", str(log)]


@dataclass(frozen=True)
class FileCall:
    """A file operation that succeeded. Times are Unix seconds; `text` is its arguments as the tracer wrote them."""

    name: str
    text: str
    began: float
    ended: float


def read_trace(log: Path) -> Iterator[FileCall]:
    """In the order in which they ended."""
    open_calls: dict[str, tuple[float, str]] = {}
    for line in log.read_text(encoding="ascii").splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        process, time, text = found[1], float(found[2]), found[3]
        if text.endswith("<unfinished ...>"):
            open_calls[process] = (time, text.removesuffix("<unfinished ...>"))
            continue
        if resumed := _RESUMED.match(text):
            time, begun = open_calls.pop(process)
            text = begun + resumed[2]
        call = _CALL.match(text)
        if call is not None and int(call[3]) >= 0:
            yield FileCall(call[1], call[2], time, time + float(call[4]))


@dataclass(eq=False)
class _File:
    """One file, whatever it is called. `pending` is what no sync has made durable: (time, offset, bytes; None cuts)."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[float, int, bytes | None]] = field(default_factory=list)

    def content(self, is_kept) -> bytes:
        """What is there when of the pending changes only those are kept for which `is_kept()`."""
        content = bytearray(self.durable)
        for _, offset, data in self.pending:
            if is_kept():
                _change(content, offset, data)
        return bytes(content)

    def sync(self, began: float) -> None:
        """Everything written before that moment is durable."""
        kept = []
        for change in self.pending:
            if change[0] <= began:
                _change(self.durable, *change[1:])
            else:
                kept.append(change)
        self.pending = kept


def _change(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


class Disk:
    """A folder without subfolders on a disk that may lose power. Begins with what is in `folder`, all of it durable."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder.resolve())
        self._names = {file.name: _File(bytearray(file.read_bytes())) for file in folder.iterdir()}
        self._durable_names = dict(self._names)
        self._pending_names: list[tuple[float, str, _File | None]] = []

    def boundary_of(self, call: FileCall) -> bool:
        """Whether this makes something in the folder durable."""
        return call.name in ("fsync", "fdatasync") and self._target(call) is not None

    def apply(self, call: FileCall) -> None:
        """One more operation has ended."""
        match call.name:
            case "fsync" | "fdatasync":
                self._sync(call)
            case "openat":
                self._open(call)
            case "unlink":
                self._rename(call.ended, _texts(call)[0], None)
            case "rename":
                self._rename(call.ended, *_texts(call)[:2])
            case "fallocate" | "pwritev":
                assert self._target(call) is None, f"the model does not know {call.name}"
            case _:
                name = self._target(call)
                if name in self._names:
                    self._names[name].pending.append(_written(call))

    def cut(self, into: Path, dice: random.Random | None) -> None:
        """Writes to `into` what is there after a cut at this moment: no pending change, or each one by a toss."""

        def is_kept() -> bool:
            return dice is not None and dice.random() < 0.5

        names = dict(self._durable_names)
        for _, name, file in self._pending_names:
            if is_kept():
                _name(names, name, file)
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(mode=0o700)
        for name, file in names.items():
            if not name.endswith("-shm"):  # memory that processes share; nobody reads an old one
                (into / name).write_bytes(file.content(is_kept))

    def _target(self, call: FileCall) -> str | None:
        """The name of the file in the folder that a handle stands for; "" for the folder itself; None: elsewhere."""
        path = _decoded(_HANDLE.match(call.text)[1])  # type: ignore[index]
        if path == self._folder:
            return ""
        return self._name_of(path)

    def _name_of(self, path: str) -> str | None:
        folder, _, name = path.rpartition("/")
        return name if folder == self._folder else None

    def _sync(self, call: FileCall) -> None:
        name = self._target(call)
        if name == "":
            for _, changed, file in [one for one in self._pending_names if one[0] <= call.began]:
                _name(self._durable_names, changed, file)
            self._pending_names = [one for one in self._pending_names if one[0] > call.began]
        elif name in self._names:
            self._names[name].sync(call.began)

    def _open(self, call: FileCall) -> None:
        found = _OPENED.match(call.text)
        name = None if found is None else self._name_of(_decoded(found[1]))
        if found is None or name is None:
            return
        if "O_CREAT" in found[2] and name not in self._names:
            self._names[name] = _File()
            self._pending_names.append((call.ended, name, self._names[name]))
        if "O_TRUNC" in found[2]:
            self._names[name].pending.append((call.ended, 0, None))

    def _rename(self, time: float, old: str, new: str | None) -> None:
        name = self._name_of(old)
        if name is None or name not in self._names:
            return
        file = self._names.pop(name)
        self._pending_names.append((time, name, None))
        if new is not None and (other := self._name_of(new)) is not None:
            self._names[other] = file
            self._pending_names.append((time, other, file))


def _name(names: dict[str, _File], name: str, file: _File | None) -> None:
    if file is None:
        names.pop(name, None)
    else:
        names[name] = file


def _written(call: FileCall) -> tuple[float, int, bytes | None]:
    *_, last = call.text.rpartition(", ")
    if call.name == "ftruncate":
        return call.ended, int(last), None
    text = _TEXT.search(call.text)
    assert text is not None and text[2] is None, "the trace leaves something out"
    return call.ended, int(last), bytes.fromhex(text[1].replace("\\x", ""))


def _texts(call: FileCall) -> list[str]:
    return [_decoded(text) for text, _ in _TEXT.findall(call.text)]


def _decoded(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode("utf-8", "surrogateescape") if "\\x" in text else text
