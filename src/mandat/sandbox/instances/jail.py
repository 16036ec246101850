"""The isolation of an instance: which command starts its web server so that it can do nothing else.

Bubblewrap gives it namespaces of its own (user, process, network, IPC, host name), a read-only system and a read-only
folder; prlimit bounds what it uses up. The network namespace is empty, and no socket of ours goes in but connected
pairs: a listening TCP socket would do for serving, but a process that holds one can disconnect it and connect it
anywhere, the gateway's port included.

What is started so ends when its standard input closes, and that closes with the sandbox. Not `--die-with-parent`: a
bubblewrap that dies while it still sets up leaves a process behind that waits for it for ever (seen with 0.8.0). For
the same reason what runs inside is killed, and never bubblewrap itself.
Source: bwrap(1), prlimit(1), connect(2) on AF_UNSPEC.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

INSTALL = "apt-get install bubblewrap"
PROBE_SECONDS = 10.0

USER_ID = 1000
MEMORY_BYTES = 160 * 1024 * 1024  # of address space; the server takes about 30 MB of it and 14 MB of memory
MAX_PROCESSES = 64  # threads count: one for each connection, of which the relay passes 32 at a time
MAX_OPEN_FILES = 128
# MALLOC_ARENA_MAX in the command: without it glibc reserves 64 MB of address space for each of the first threads.
SITE = "/site"
_SCRIPT = "/server.py"
_NOTHING_TO_DO = Path(__file__).with_name("__init__.py")  # a program that only says what it is for
_LINKS = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_NOT_IN_HOST_NAMES = re.compile(r"[^a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Jail:
    """How programs are started in isolation. `hidden`: a folder that must not be seen even below what is mounted."""

    bubblewrap: str
    prlimit: str
    hidden: Path

    def command(self, *, site: Path, script: Path, host_name: str) -> list[str]:
        """The command that runs the Python program `script` in `site`, which it sees as `/site`."""
        interpreter = Path(sys.executable).resolve()
        return [
            self.bubblewrap,
            *_system(interpreter, self.hidden),
            "--ro-bind", str(script), _SCRIPT,
            "--ro-bind", str(site), SITE,
            "--chdir", SITE,
            "--remount-ro", "/",
            "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts",
            "--unshare-cgroup-try",
            "--uid", str(USER_ID), "--gid", str(USER_ID), "--hostname", host_name_of(host_name),
            "--cap-drop", "ALL",
            "--clearenv", "--setenv", "MALLOC_ARENA_MAX", "1",
            "--new-session",
            "--as-pid-1",
            "--",
            self.prlimit, f"--nproc={MAX_PROCESSES}", f"--as={MEMORY_BYTES}", f"--nofile={MAX_OPEN_FILES}",
            "--fsize=0", "--core=0",
            "--",
            str(interpreter), "-I", "-S", "-B", "-X", "utf8", _SCRIPT,
        ]  # fmt: skip


class Isolation:
    """Finds out whether instances can be isolated here. Asked again until they can: installing helps at once.

    `search_path` is where programs are looked for; the environment's when None.
    """

    def __init__(self, *, hidden: Path, search_path: str | None = None) -> None:
        self._hidden = hidden
        self._search_path = search_path
        self._jail: Jail | None = None

    def jail(self) -> Jail | str:
        """What to start instances with; or why there is nothing, as a sentence with the command that helps."""
        if self._jail is None:
            found = self._probe()
            if isinstance(found, str):
                return found
            self._jail = found
        return self._jail

    def _probe(self) -> Jail | str:
        bubblewrap, prlimit = (shutil.which(name, path=self._search_path) for name in ("bwrap", "prlimit"))
        if bubblewrap is None:
            return f"Instances need bubblewrap, which is not installed on the sandbox's machine: {INSTALL}"
        if prlimit is None:
            return "Instances need prlimit, which is not installed on the sandbox's machine: apt-get install util-linux"
        jail = Jail(bubblewrap, prlimit, self._hidden)
        trial = jail.command(site=Path("/usr"), script=_NOTHING_TO_DO, host_name="trial")
        try:
            outcome = subprocess.run(  # noqa: S603
                trial, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            return f"Instances cannot be isolated on the sandbox's machine: {fault}"
        if outcome.returncode != 0:
            said = ascii(outcome.stderr.decode(errors="replace").strip()[:200])[1:-1] or f"status {outcome.returncode}"
            return (
                f"Instances cannot be isolated on the sandbox's machine, bubblewrap says: {said}. "
                "It needs user namespaces: sysctl kernel.unprivileged_userns_clone=1, or run the sandbox as root"
            )
        return jail


def host_name_of(name: str) -> str:
    """A host name that resembles `name`: letters, digits and hyphens, 1 to 63 of them."""
    return _NOT_IN_HOST_NAMES.sub("-", name.lower()).strip("-")[:63].strip("-") or "instance"


def _system(interpreter: Path, hidden: Path) -> list[str]:
    """The mounts that the interpreter needs, read-only: /usr, its own installation, and the old names of folders."""
    mounts = ["--ro-bind", "/usr", "/usr"]
    for name in _LINKS:
        path = Path("/", name)
        if path.is_symlink():
            mounts += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            mounts += ["--ro-bind", str(path), str(path)]
    home = Path(sys.base_prefix).resolve()
    for needed in {home, interpreter.parent}:
        if not needed.is_relative_to("/usr"):
            mounts += ["--ro-bind", str(needed), str(needed)]
    mounts += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    if any(hidden.is_relative_to(each) for each in (Path("/usr"), home)):
        mounts += ["--tmpfs", str(hidden)]
    return mounts
