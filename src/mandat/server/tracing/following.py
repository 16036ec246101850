"""Follows the access log while it is written, over rotations, from its end on.

Whoever rotates the log renames it, and gateways go on writing into the renamed file until they are replaced. So a file
is followed as long as it grows, whatever its name, and for a while after another one took its place. What a line means
is left to others. Source: docs/reference/access-log.md.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from mandat.enforcement.access_log import LogLine

PIECE_BYTES: Final = 1_048_576
"""Read at once, of each file. A line is shorter than that; longer text without a line's end is thrown away."""

SILENT_SECONDS: Final = 60.0
"""A file whose name belongs to another one, and that did not grow for so long, will not grow any more."""

_MOST_FILES: Final = 8

_decode: Final = msgspec.json.Decoder(LogLine).decode


@dataclass(slots=True)
class _Followed:
    """One file, under whatever name. `rest` is the beginning of a line whose end is not written yet."""

    opened: BinaryIO
    grew_at: float
    rest: bytes = b""


class LogFollower:
    """Gives the lines of the log that are written from now on, each once."""

    def __init__(self, log: Path, now: float) -> None:
        """Begins at the end of `log`, or at the beginning of the file that will have this name.

        Args:
            log: the access log.
            now: seconds that never run backwards, as for `read`.
        """
        self._log = log
        self._files: dict[tuple[int, int], _Followed] = {}
        current = self._find_current(now)
        if current is not None:
            self._files[current].opened.seek(0, os.SEEK_END)

    def read(self, now: float) -> list[LogLine]:
        """What was written since the last time, oldest file first; a piece of it when that is much. Empty: nothing."""
        current = self._find_current(now)
        lines = [line for followed in self._files.values() for line in _read(followed, now)]
        for identity in list(self._files):
            is_over = now - self._files[identity].grew_at > SILENT_SECONDS or len(self._files) > _MOST_FILES
            if current is not None and identity != current and is_over:
                self._files.pop(identity).opened.close()
        return lines

    def close(self) -> None:
        """Closes the files."""
        for followed in self._files.values():
            followed.opened.close()

    def _find_current(self, now: float) -> tuple[int, int] | None:
        """The file that has the log's name now, opened; None when there is none."""
        with contextlib.suppress(OSError):
            found = self._log.stat()
            if (found.st_dev, found.st_ino) in self._files:
                return found.st_dev, found.st_ino
            opened = self._log.open("rb", buffering=0)
            # The name may have gone to another file in between: what was opened counts.
            found = os.fstat(opened.fileno())
            identity = found.st_dev, found.st_ino
            if identity in self._files:
                opened.close()
            else:
                self._files[identity] = _Followed(opened, now)
            return identity
        return None


def _read(followed: _Followed, now: float) -> list[LogLine]:
    opened = followed.opened
    if os.fstat(opened.fileno()).st_size < opened.tell():
        # Somebody emptied it in place.
        opened.seek(0)
        followed.rest = b""
    piece = opened.read(PIECE_BYTES)
    if not piece:
        return []
    followed.grew_at = now
    whole, end, rest = (followed.rest + piece).rpartition(b"\n")
    followed.rest = rest if len(rest) < PIECE_BYTES else b""
    return [line for text in whole.split(b"\n") if (line := _line(text)) is not None] if end else []


def _line(text: bytes) -> LogLine | None:
    try:
        return _decode(text)
    except msgspec.DecodeError:
        return None  # torn, or none of ours
