"""What the ASGI door costs: `python -m bench.middleware`.

Twice: in process, where nothing else disturbs (the least of many rounds), and as processor time of a trivial uvicorn
application with and without the middleware. Both over a real installation with 1,000 credentials of ten rules.
"""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.credentials import CALL, Keys, make_keys
from bench.guarded_app import bare
from bench.load import run_wrk, signed_calls
from mandat.core.decision import CallHead
from mandat.protocol.signature import sign
from mandat.server.middleware import MandatMiddleware

PORT = 18_911
ROUNDS = 5
SECONDS = 4
CREDENTIALS = 1_000


def main() -> None:
    """Prints a few lines."""
    with tempfile.TemporaryDirectory(prefix="mandat-bench-") as name:
        folder = Path(name)
        config = folder / "mandat.toml"
        config.write_text(f'public_urls = ["http://127.0.0.1:{PORT}"]\n')
        keys = make_keys(config, CREDENTIALS)
        asyncio.run(in_process(folder, keys))
        on_uvicorn(folder, keys)


async def in_process(folder: Path, keys: Keys) -> None:
    """One call over and over, best of 50 rounds of 1,000: everything is in memory, as for a busy credential."""
    origin = f"http://127.0.0.1:{PORT}"
    guarded = MandatMiddleware(bare, data=folder / "data", keys=folder / "keys", public_urls=[origin])
    headers = signed_fields(keys, origin)
    path, _, query = CALL.encode().partition(b"?")

    def scope() -> dict[str, Any]:
        return {
            "type": "http", "http_version": "1.1", "method": "GET", "path": path.decode(), "raw_path": path,
            "query_string": query, "root_path": "", "scheme": "http", "headers": headers, "state": {},
            "client": ("127.0.0.1", 5), "server": ("127.0.0.1", PORT),
        }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    statuses: set[int] = set()

    async def send(message: dict[str, Any]) -> None:
        if "status" in message:
            statuses.add(message["status"])

    async def cost(app: Callable[..., Awaitable[None]]) -> float:
        began = time.perf_counter()
        for _ in range(1_000):
            await app(scope(), receive, send)
        return (time.perf_counter() - began) * 1_000

    await guarded(scope(), receive, send)
    assert statuses == {200}, statuses
    point = guarded._door._guard.point  # type: ignore[union-attr]
    head = CallHead(b"GET", CALL.encode(), headers, "127.0.0.1", (origin.encode(),))

    async def judge(*_: Any) -> None:
        point.judge(head, b"")

    best = [min([await cost(app) for _ in range(50)]) for app in (bare, guarded, judge)]
    added = best[1] - best[0]
    print(f"in process: bare {best[0]:.1f} us, guarded {best[1]:.1f} us: {added:.1f} us added,")
    print(f"  of which the decision takes {best[2]:.1f} us and the door {added - best[2]:.1f} us")


def signed_fields(keys: Keys, origin: str) -> list[tuple[bytes, bytes]]:
    """The fields of a signed call as uvicorn hands them on, among those that clients send."""
    now, consumer_key = int(time.time()), keys.consumer_keys[0]
    signature = sign(keys.application_secret, consumer_key, method="GET", url=origin + CALL, body=b"", timestamp=now)
    return [
        (b"host", origin.removeprefix("http://").encode()),
        (b"user-agent", b"bench"),
        (b"accept", b"*/*"),
        (b"x-ovh-application", keys.application_key.encode()),
        (b"x-ovh-consumer", consumer_key.encode()),
        (b"x-ovh-timestamp", b"%d" % now),
        (b"x-ovh-signature", signature.encode()),
    ]


def on_uvicorn(folder: Path, keys: Keys) -> None:
    """Processor time of the server for each call, with and without, in turn: other load on the machine counts less."""
    costs: dict[str, list[float]] = {"bare": [], "guarded": []}
    for _ in range(ROUNDS):
        for name, found in costs.items():
            with served(folder, name) as process:
                run_wrk(PORT, signed_calls(PORT, keys), seconds=1, folder=folder)
                before, began = processor_seconds(process.pid), time.monotonic()
                outcome = run_wrk(PORT, signed_calls(PORT, keys), seconds=SECONDS, folder=folder)
                used = processor_seconds(process.pid) - before
                calls = outcome.per_second * min(SECONDS, time.monotonic() - began)
            assert outcome.errors == 0, outcome
            found.append(1_000_000 * used / calls)
    without, guarded = statistics.median(costs["bare"]), statistics.median(costs["guarded"])
    print(f"on uvicorn, processor time a call: bare {without:.0f} us, guarded {guarded:.0f} us: ", end="")
    print(f"{guarded - without:.0f} us added; spread {spread(costs['bare'])}, {spread(costs['guarded'])}")


def spread(costs: list[float]) -> str:
    """Least and most."""
    return f"{min(costs):.0f}-{max(costs):.0f} us"


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(folder: Path, name: str) -> "Iterator[subprocess.Popen[bytes]]":
    """The application of that name on uvicorn, in one process."""
    command = [
        sys.executable, "-m", "uvicorn", f"bench.guarded_app:{name}", f"--port={PORT}", "--no-proxy-headers",
        "--no-access-log", "--lifespan=off", "--log-level=warning",
    ]  # fmt: skip
    environment = {
        "MANDAT_DATA": str(folder / "data"),
        "MANDAT_KEYS": str(folder / "keys"),
        "MANDAT_PUBLIC_URL": f"http://127.0.0.1:{PORT}",
    }
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
