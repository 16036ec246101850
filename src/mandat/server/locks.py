"""Locks that hold as long as a process lives: the kernel lets go of them whatever way it ends."""

import fcntl
from pathlib import Path
from typing import IO


def take_lock(file: Path) -> IO[str] | None:
    """The locked file, to be kept open as long as the lock is wanted; None when another process holds it."""
    lock = file.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock
