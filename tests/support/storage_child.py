"""Programs that tests start beside themselves: a writer to be killed, a reader elsewhere, a disk that fills up.

Run as `python -m support.storage_child MODE FOLDER`. Each line of output is one thing that is certain.
"""

import asyncio
import os
import resource
import signal
import sys
from pathlib import Path

from doubles.nature import SetClock
from mandat.authority.interfaces import StorageUnavailable
from mandat.enforcement.interfaces import MISSING
from support.storage import NOW, Installation, Scene


def say(*words: object) -> None:
    """One line, at once."""
    print(*words, flush=True)


async def write_until_killed(installation: Installation) -> None:
    """Confirms and revokes without end; a line is written only after the store has answered."""
    scene = Scene(installation.open())
    application = await scene.application(key=f"application{os.getpid()}")

    async def worker(number: int) -> None:
        for turn in range(1_000_000):
            name = f"{os.getpid()}-{number}-{turn}"
            credential = await scene.delegation(application.id, name=name)
            say("confirmed", name)
            if turn % 2:
                await scene.revoke(credential)
                say("revoked", name)

    await asyncio.gather(*(worker(number) for number in range(8)))


async def answer_peeks(installation: Installation) -> None:
    """Reads a hash in hex from each line of input, and says what a gateway would know at that moment."""
    source = installation.source()
    say("ready")
    for line in sys.stdin:
        consumer_key_hash = bytes.fromhex(line)
        peeked = source.peek_grant(consumer_key_hash)
        grant = await source.find_grant(consumer_key_hash)
        say("memory" if peeked is not MISSING else "storage", grant.state.name if grant else None)


async def write_on_a_full_disk(installation: Installation) -> None:
    """Writes, then as if the disk were full, then as if there were room again."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    scene = Scene(installation.open())
    await scene.ask(name="before")
    size = max(file.stat().st_size for file in installation.data.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        for number in range(2_000):
            await scene.ask(name=f"during {number}")
        say("nothing failed")
    except StorageUnavailable as fault:
        say("refused", fault)
    found = await scene.stores.requests.find_request(scene.token("before"))
    say("still read" if found else "not read")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await scene.ask(name="after")
    say("written again")
    scene.stores.close()


MODES = {"write": write_until_killed, "peek": answer_peeks, "full": write_on_a_full_disk}


def random_bytes(size: int) -> bytes:
    """Children use one installation one after the other; they must not draw the same."""
    return os.urandom(size)


if __name__ == "__main__":
    asyncio.run(MODES[sys.argv[1]](Installation(Path(sys.argv[2]), random_bytes, SetClock(NOW))))
