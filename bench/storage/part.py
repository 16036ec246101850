"""Durable requests per second; then, with many credentials stored: starts, cold decisions and a gateway's memory."""

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.api import trivial_api
from bench.credentials import Keys, make_keys
from bench.figures import Chart, Figure, Goal, Result, Size, Table, at_least, at_most, ratios, shown
from bench.gateway import peers
from bench.load import Outcome, ask, permission_requests, run_wrk, signed_calls
from bench.machine import say
from bench.running import PeerMissing, find_child, free_ports
from bench.storage import cold, postgres, touching

_GATEWAY = "mandat.server.processes.gateway"
_STARTS = 3
_NOTES = [
    "*Durable requests*: `POST /auth/credential` through the gateway, answered after the commit; Mandat on one core, "
    "load on the other.",
    "*Cold*: the credential is in no memory of ours; the database's pages are in the system's cache. Row, rules "
    "and the authority's signature are read and verified, then the call is judged. Wall time.",
    "*Start*: from the command to the answer of a signed call.",
    "*Memory*: resident size of the gateway's process after one signed call for each credential, through sockets, with "
    "counters, log and assertions. `limits.cached_grants` bounds it.",
]


def run(folder: Path, size: Size) -> Result:
    """The part as a whole."""
    result = Result(notes=list(_NOTES))
    with ExitStack() as stack:
        (api_port,) = free_ports(1)
        stack.enter_context(trivial_api(folder, api_port))
        small = _installation(folder / "durable", api_port, 1, size)
        result.figures.append(_durable(small, size))
        say(f"storing {size.stored:,} signed credentials")
        large = _installation(folder / "stored", api_port, size.stored, size)
        result.figures += _starts(large, small, size)
        _stored(large, size, result)
    return result


@dataclass(frozen=True, slots=True)
class Installation:
    """A Mandat of its own: its folder, the port it will listen on, and its credentials."""

    folder: Path
    port: int
    keys: Keys


def _installation(folder: Path, api_port: int, count: int, size: Size) -> Installation:
    folder.mkdir()
    (port,) = free_ports(1)
    config = peers.configure_mandat(folder, port, api_port, cached=size.stored)
    return Installation(folder, port, make_keys(config, count))


def _durable(installation: Installation, size: Size) -> Figure:
    folder, port, keys = installation.folder, installation.port, installation.keys
    outcomes: list[Outcome] = []
    with peers.mandat(folder, port):
        for number in range(size.rounds):
            say(f"durable permission requests, round {number + 1} of {size.rounds}")
            seconds = min(3.0, size.seconds)
            outcomes.append(run_wrk(port, permission_requests(port, keys), seconds=seconds, folder=folder, body=""))
    return Figure("storage: durable requests a second, SQLite", _rates(outcomes), goal=at_least(500))


def _rates(outcomes: Sequence[Outcome]) -> tuple[float, ...]:
    if any(outcome.errors for outcome in outcomes):
        raise SystemExit(f"requests failed: {outcomes}")
    return tuple(outcome.per_second for outcome in outcomes)


def _stored(installation: Installation, size: Size, result: Result) -> None:
    folder, port, keys = installation.folder, installation.port, installation.keys
    say("cold decisions on SQLite")
    found = {"SQLite": cold.measure(partial(cold.sqlite_source, folder), keys, size)}
    result.figures.append(_cold_figure("SQLite", found["SQLite"], size, at_most(300, " µs", needs_full=True)))
    what, goal = _cold_name("PostgreSQL", size), at_most(2_000, " µs", needs_full=True)
    with ExitStack() as stack, ThreadPoolExecutor(1) as beside:
        filling: Future[None] | None = None
        try:
            with touching.on_load_core():
                place = stack.enter_context(postgres.server(folder))
                filling = beside.submit(postgres.fill, place, folder)
        except PeerMissing as fault:
            result.figures.append(Figure(what, (), goal=goal, why=str(fault)))
            say(f"!!! {fault}")
        _memory(folder, port, keys, size, result)
        if filling is not None:
            filling.result()
            say("cold decisions on PostgreSQL")
            found["PostgreSQL"] = cold.measure(partial(postgres.source_on, place, folder), keys, size)
            result.figures.append(_cold_figure("PostgreSQL", found["PostgreSQL"], size, goal))
    rows = tuple(
        (name, f"{shown(statistics.median(one.medians))} µs", f"{shown(statistics.median(one.p99s))} µs")
        for name, one in found.items()
    )
    result.tables.append(Table("A cold credential", ("database", "median", "p99"), rows))


def _starts(large: Installation, small: Installation, size: Size) -> list[Figure]:
    seconds: dict[int, list[float]] = {}
    for number in range(_STARTS if size.name == "full" else 1):
        for one in (large, small):
            say(f"start {number + 1} with {one.keys.count:,} credentials")
            seconds.setdefault(one.keys.count, []).append(_start_seconds(one))
    what, many, few = f"storage: start with {large.keys.count:,} credentials", *seconds.values()
    return [
        Figure(what, tuple(many), "s", at_most(3, " s", needs_full=True)),
        Figure(f"{what} / with one", ratios(many, few)),
    ]


def _start_seconds(installation: Installation) -> float:
    """From the command to the answer of a signed call."""
    port = installation.port
    call = signed_calls(port, installation.keys.only(1))[0]
    began = time.monotonic()
    with peers.mandat(installation.folder, port):
        answer = ask(port, call)
        seconds = time.monotonic() - began
        if answer.status != 200:
            raise SystemExit(f"after a start a signed call is answered {answer.status}: {answer.body!r}")
    return seconds


def _cold_figure(database: str, found: cold.Cold, size: Size, goal: Goal) -> Figure:
    return Figure(_cold_name(database, size), found.medians, "µs", goal)


def _cold_name(database: str, size: Size) -> str:
    return f"storage: a cold credential among {size.stored:,}, {database}"


def _memory(folder: Path, port: int, keys: Keys, size: Size, result: Result) -> None:
    say(f"a gateway meets {keys.count:,} credentials")
    curves: dict[str, Sequence[tuple[float, float]]] = {}
    everything = _touched(folder, port, keys, count=keys.count, seconds=size.touching_seconds)
    curves[f"cached_grants = {keys.count:,}"] = _in_megabytes(everything)
    gigabytes = everything.bytes_at(keys.count) / 1e9
    what = f"storage: gateway memory, {keys.count:,} touched"
    if everything.count < keys.count:
        what += f" (extrapolated: time was up after {everything.count:,})"
    goal = at_most(1.2, " GB", needs_full=True)
    result.figures.append(Figure(what, (gigabytes,), "GB", goal))
    bound = keys.count // 40
    config = (folder / "mandat.toml").read_text()
    (folder / "mandat.toml").write_text(config.replace(f"cached_grants = {keys.count}", f"cached_grants = {bound}"))
    say(f"a gateway that may keep {bound:,} meets {2 * bound:,}")
    bounded = _touched(folder, port, keys, count=2 * bound, seconds=size.touching_seconds)
    curves[f"cached_grants = {bound:,}"] = _in_megabytes(bounded)
    what = f"storage: gateway memory, twice as many touched as `cached_grants` ({bound:,}) / as many"
    result.figures.append(
        Figure(what, (bounded.bytes_at(2 * bound) / bounded.bytes_at(bound),), goal=at_most(1.1, needs_full=True))
    )
    result.charts.append(
        Chart(
            "memory", "Memory of a gateway by credentials touched", "credentials touched", "MB", curves, is_linear=True
        )
    )
    errors = everything.errors + bounded.errors
    result.figures.append(Figure("storage: errors while touching", (float(errors),), goal=at_most(0)))
    result.notes.append(f"Touching {everything.count:,} took {everything.seconds:.0f} s.")


def _touched(folder: Path, port: int, keys: Keys, *, count: int, seconds: float) -> touching.Touched:
    with peers.mandat(folder, port) as supervisor, touching.on_load_core():
        ask(port, signed_calls(port, keys.only(1))[0])
        pid = find_child(supervisor.pid, _GATEWAY)
        return touching.touch(port, pid, keys, count=count, folder=folder, seconds=seconds)


def _in_megabytes(touched: touching.Touched) -> list[tuple[float, float]]:
    return [(met, size_bytes / 1e6) for met, size_bytes in touched.points if met]
