"""What the ASGI door costs: in process, and as processor time of a trivial uvicorn application with and without it.

Both over a real installation with credentials of ten rules.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench.credentials import CALL, Keys, make_keys
from bench.figures import Figure, Result, Size, Table, at_most, shown, spread
from bench.load import Outcome, run_wrk, signed_calls
from bench.machine import PROXY_CORE, on_core, say
from bench.middleware.guarded_app import ANSWER, bare
from bench.running import free_ports, running
from mandat.core.decision import CallHead
from mandat.server.middleware import MandatMiddleware

CREDENTIALS = 1_000
_CALLS = 500
_NOTES = [
    "*In process* is processor time of the application's thread for one credential over and over: the least of many "
    "rounds of 500 calls. *On uvicorn* is processor time of the whole server, which also reads what it would "
    "not need to and answers 64 connections.",
]


def run(folder: Path, size: Size) -> Result:
    """The part as a whole."""
    (port,) = free_ports(1)
    config = folder / "mandat.toml"
    config.write_text(f'public_urls = ["http://127.0.0.1:{port}"]\n')
    keys = make_keys(config, min(CREDENTIALS, size.credentials))
    say("the guard in process")
    costs = asyncio.run(in_process(folder, keys, port, size))
    added = tuple(guarded - least for guarded, least in zip(costs["guarded"], costs["bare"], strict=True))
    served = _on_uvicorn(folder, keys, port, size)
    on_uvicorn = tuple(g.processor_us - b.processor_us for g, b in zip(served["guarded"], served["bare"], strict=True))
    rows = [
        (f"in process, {name}", f"{shown(statistics.median(found))} µs", spread(found)) for name, found in costs.items()
    ]
    for name, outcomes in served.items():
        used = [outcome.processor_us for outcome in outcomes]
        rows.append((f"on uvicorn, {name}", f"{shown(statistics.median(used))} µs", spread(used)))
    return Result(
        figures=[
            Figure("middleware: added to a call in process", added, "µs", at_most(8, " µs")),
            Figure("middleware: added to a call on uvicorn", on_uvicorn, "µs", at_most(8, " µs")),
        ],
        tables=[Table("One call", ("what", "processor time", "spread"), tuple(rows))],
        notes=list(_NOTES),
    )


async def in_process(folder: Path, keys: Keys, port: int, size: Size) -> dict[str, list[float]]:
    """Microseconds a call, bare, guarded, and the decision alone. Everything is in memory, as for a busy credential."""
    origin = f"http://127.0.0.1:{port}"
    guarded = MandatMiddleware(bare, data=folder / "data", keys=folder / "keys", public_urls=[origin])
    headers = [
        (b"host", origin.removeprefix("http://").encode()),
        (b"user-agent", b"bench"),
        (b"accept", b"*/*"),
        *keys.wire_fields(0, origin=origin),
    ]
    statuses: set[int] = set()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if "status" in message:
            statuses.add(message["status"])

    async def cost(app: Callable[..., Awaitable[None]], calls: int = _CALLS) -> float:
        began = time.thread_time()
        for _ in range(calls):
            await app(_scope(headers, port), receive, send)
        return (time.thread_time() - began) / calls * 1e6

    await cost(guarded, 3)
    if statuses != {200}:
        raise SystemExit(f"the measured call is refused: {statuses}")
    judge = _decision_alone(guarded, CallHead(b"GET", CALL.encode(), headers, "127.0.0.1", (origin.encode(),)))
    found: dict[str, list[float]] = {"bare": [], "guarded": [], "the decision alone": []}
    for _ in range(size.rounds):
        turns = [[await cost(app) for app in (bare, guarded, judge)] for _ in range(max(2, size.repeats // 10))]
        for name, costs in zip(found, zip(*turns, strict=True), strict=True):
            found[name].append(min(costs))
    if statuses != {200}:
        raise SystemExit(f"the measured call is refused: {statuses}")
    return found


def _decision_alone(guarded: MandatMiddleware, head: CallHead) -> Callable[..., Awaitable[None]]:
    point = guarded._door._guard.point  # type: ignore[union-attr]

    async def judge(*_: Any) -> None:
        point.judge(head, b"")

    return judge


def _scope(headers: list[tuple[bytes, bytes]], port: int) -> dict[str, Any]:
    path, _, query = CALL.encode().partition(b"?")
    return {
        "type": "http", "http_version": "1.1", "method": "GET", "path": path.decode(), "raw_path": path,
        "query_string": query, "root_path": "", "scheme": "http", "headers": headers, "state": {},
        "client": ("127.0.0.1", 5), "server": ("127.0.0.1", port),
    }  # fmt: skip


def _on_uvicorn(folder: Path, keys: Keys, port: int, size: Size) -> dict[str, list[Outcome]]:
    """With and without, in turn."""
    found: dict[str, list[Outcome]] = {"bare": [], "guarded": []}
    environment = {
        "MANDAT_DATA": str(folder / "data"),
        "MANDAT_KEYS": str(folder / "keys"),
        "MANDAT_PUBLIC_URL": f"http://127.0.0.1:{port}",
    }
    for number in range(size.rounds):
        for name, outcomes in found.items():
            say(f"uvicorn, round {number + 1} of {size.rounds}: {name}")
            command = [
                sys.executable, "-m", "uvicorn", f"bench.middleware.guarded_app:{name}", f"--port={port}",
                "--no-proxy-headers", "--no-access-log", "--lifespan=off", "--log-level=warning",
            ]  # fmt: skip
            log = folder / "uvicorn.log"
            with running(on_core(PROXY_CORE, command), port, log=log, environment=environment) as process:
                for is_counted in (False, True):
                    seconds = min(2.0, size.seconds) if is_counted else 1
                    calls, body = signed_calls(port, keys), ANSWER.decode()
                    outcome = run_wrk(port, calls, seconds=seconds, folder=folder, pid=process.pid, body=body)
                    if is_counted:
                        outcomes.append(outcome)
    return found
