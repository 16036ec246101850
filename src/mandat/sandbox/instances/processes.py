"""The processes of instances: ending what runs inside a bubblewrap, and what an earlier sandbox left behind.

Nothing is left behind as a rule: web servers end with the sandbox, however that ends (`jail`). This is for one that was
taken over and goes on.
"""

import contextlib
import os
import signal
from pathlib import Path

_PROC = Path("/proc")
_BUBBLEWRAP = b"bwrap"


def end_inside(bubblewrap: int) -> None:
    """Kills what runs inside the bubblewrap of that process id, which then ends by itself.

    Without children there is nothing inside yet; what comes finds its standard input closed and ends.
    """
    try:
        inside = (_PROC / f"{bubblewrap}/task/{bubblewrap}/children").read_text().split()
    except OSError:
        return
    for process in inside:
        _kill(int(process))


def end_leftovers(folder: Path) -> int:
    """Kills bubblewraps whose command names a folder below `folder`, and what is in them; gives how many there were.

    Only for who holds the lock of the sandbox's data: then none of them can be of a sandbox that runs.
    """
    mark = f"{folder.resolve()}/".encode()
    count = 0
    for entry in _PROC.glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            program, *arguments = entry.read_bytes().split(b"\0")
            if program.endswith(_BUBBLEWRAP) and any(each.startswith(mark) for each in arguments):
                end_inside(int(entry.parent.name))
                _kill(int(entry.parent.name))
                count += 1
    return count


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
