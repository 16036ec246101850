"""The marker of a data folder whose installation was moved to PostgreSQL: nobody may go on working with the files."""

import json
import os
from pathlib import Path

from mandat.storage.faults import InstallationMoved, MoveUnfinished

MARKER = "moved.json"


def note_move(folder: Path, to: str, *, done: bool) -> None:
    """Writes the marker, durably. Not `done`: the new database may have everything, or nothing."""
    draft = folder / f".{MARKER}"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"to": to, "done": done}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / MARKER)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def forget_move(folder: Path) -> None:
    """Takes the marker away: nothing was moved."""
    (folder / MARKER).unlink(missing_ok=True)


def unfinished_move(folder: Path) -> str | None:
    """Where a move that was cut off was going; None when there is none."""
    marker = _read(folder)
    return None if marker is None or marker[1] else marker[0]


def refuse_moved(folder: Path, *, unfinished_move_to: str | None = None) -> None:
    """Does nothing when the files may be used.

    Args:
        folder: the data folder.
        unfinished_move_to: whoever goes on with a cut-off move says where it goes, and may use the files for that.

    Raises:
        InstallationMoved: they were moved.
        MoveUnfinished: a move was cut off; nobody knows which side has the newest state.
    """
    marker = _read(folder)
    if marker is None:
        return
    to, done = marker
    if done:
        raise InstallationMoved(folder, to)
    if to != unfinished_move_to:
        raise MoveUnfinished(folder, to)


def _read(folder: Path) -> tuple[str, bool] | None:
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return str(marker["to"]), bool(marker["done"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError):
        return "an unknown place", False
