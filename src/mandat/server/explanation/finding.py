"""Finds the line of one exchange in the access log and in what rotations made of it.

Looked for as bytes, not parsed: a day's log is searched in a second. A quote inside a value is always escaped, so the
member that is looked for cannot be part of another one.
"""

import gzip
import mmap
import re
from pathlib import Path
from typing import Final

import msgspec

from mandat.enforcement.access_log import LogLine

LONGEST_ID: Final = 128
_is_id: Final = re.compile(r"[A-Za-z0-9._-]+").fullmatch
_PIECE_BYTES: Final = 8_388_608


def find_line(access_log: Path, query_id: str) -> LogLine | None:
    """The line of that exchange; None when there is none, or when no exchange could have this id.

    Raises:
        OSError: a file of the log cannot be read.
    """
    if len(query_id) > LONGEST_ID or _is_id(query_id) is None:
        return None
    member = b'"query_id":"' + query_id.encode("ascii") + b'"'
    for file in log_files(access_log):
        line = _find_in_gzip(file, member) if file.suffix == ".gz" else _find_in_file(file, member)
        if line is not None:
            return line
    return None


def log_files(access_log: Path) -> list[Path]:
    """The log and its rotated files, the one that was written last first."""
    beside = access_log.parent.glob(f"{access_log.name}[.-]*") if access_log.parent.is_dir() else ()
    files = [file for file in (access_log, *beside) if file.is_file()]
    return sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)


def _find_in_file(file: Path, member: bytes) -> LogLine | None:
    with file.open("rb") as opened:
        if not file.stat().st_size:
            return None
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
            at = text.rfind(member)
            if at < 0:
                return None
            end = text.find(b"\n", at)
            return _read(text[text.rfind(b"\n", 0, at) + 1 : end if end >= 0 else len(text)])


def _find_in_gzip(file: Path, member: bytes) -> LogLine | None:
    try:
        with gzip.open(file) as opened:
            rest = b""
            while piece := opened.read(_PIECE_BYTES):
                whole, _, rest = (rest + piece).rpartition(b"\n")
                if member in whole:
                    return _read(next(line for line in whole.split(b"\n") if member in line))
    except (EOFError, gzip.BadGzipFile):
        return None  # one that is being written, or none of ours
    return None


def _read(line: bytes) -> LogLine | None:
    try:
        return msgspec.json.decode(line, type=LogLine)
    except msgspec.DecodeError:
        return None
