"""Requests per second, latency and processor time of Mandat's gateway and of its peers, round by round in turn."""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench.api import Running, trivial_api
from bench.credentials import Keys, make_keys
from bench.figures import Figure, Goal, Result, Size, Table, at_least, at_most, ratios, shown, spread
from bench.gateway import peers
from bench.load import Outcome, ask, forged_calls, run_wrk, signed_calls
from bench.machine import say
from bench.running import PeerMissing, free_ports

MANDAT = "Mandat, everything on"
NGINX, LUA = "nginx, bare proxy_pass", "nginx with the same checks in Lua"
ENVOY, CADDY = "Envoy, bare", "Caddy, bare"
PEERS = (NGINX, LUA, ENVOY, CADDY)

_GOALS: dict[str, Goal] = {
    NGINX: at_least(0.45, " (goal 0.55, stretch 0.65)"),
    LUA: at_least(0.7),
    ENVOY: at_least(1.3),
    CADDY: at_least(3.0),
}
_STALE_SECONDS = 20.0
_UNCOUNTED_SECONDS = 2
"""Long enough for one call of each credential: rows are read and verified once, assertions signed every 30 s."""
_NOTES = [
    "Each program has one worker on a core of its own with its access log on; load generator and API share the other.",
    "Mandat does for each call: canonical target, signature, clock, application and credential, ten rules, query id, "
    "identity and assertion, JSON log line, use counters. Lua leaves out what `bench/gateway/same_checks.lua` says.",
    "*Processor time* is of all processes of the program, the authority that takes the counters included. Where the "
    "load's core is the narrow place, as it may be for bare nginx, requests per second flatter the slower one and "
    "processor time does not.",
]


@dataclass(slots=True)
class Contender:
    """A program under load, its rounds so far, and why it dropped out, if it did."""

    name: str
    port: int
    pid: int
    outcomes: list[Outcome] = field(default_factory=list)
    alone: list[Outcome] = field(default_factory=list)
    missing: str = ""
    loaded_at: float = 0.0

    @property
    def is_stale(self) -> bool:
        """Its turn was long ago: assertions and connections must be renewed before we count."""
        return time.monotonic() - self.loaded_at > _STALE_SECONDS


def run(folder: Path, size: Size, *, wanted: Sequence[str] = PEERS) -> Result:
    """The part as a whole. A peer that cannot be had, or answers wrongly, stays in the tables with the reason."""
    with ExitStack() as stack:
        api_port, mandat_port, *ports = free_ports(2 + len(wanted))
        stack.enter_context(trivial_api(folder, api_port))
        config = peers.configure_mandat(folder, mandat_port, api_port)
        say(f"making {size.credentials:,} credentials")
        keys = make_keys(config, size.credentials)
        contenders = [started(stack, MANDAT, mandat_port, lambda: peers.mandat(folder, mandat_port))]
        for name, port in zip(wanted, ports, strict=True):
            contenders.append(started(stack, name, port, _starter(name, folder, port, api_port, keys)))
        check_refusals(contenders, keys)
        _measure(contenders, keys, folder, size)
        direct = Contender("the API itself", api_port, 0)
        _measure_alone([direct, *(one for one in contenders if one.name in (MANDAT, NGINX))], keys, folder, size)
    return _result(contenders, direct)


def check_refusals(contenders: list[Contender], keys: Keys) -> None:
    """A door that lets a forged call pass checks nothing: it is not what we measure against."""
    for contender in contenders:
        if contender.name not in (MANDAT, LUA) or contender.missing:
            continue
        try:
            for what, call in forged_calls(contender.port, keys).items():
                status = ask(contender.port, call).status
                if not 400 <= status < 500:
                    contender.missing = f"lets {what} pass ({status})"
        except PeerMissing as fault:
            contender.missing = str(fault)


def started(stack: ExitStack, name: str, port: int, start: Callable[[], Running]) -> Contender:
    """A program that runs until the stack is closed; one that cannot be had is a contender all the same."""
    say(f"starting {name}")
    try:
        return Contender(name, port, stack.enter_context(start()).pid)
    except PeerMissing as fault:
        say(f"!!! {name} cannot be measured: {fault}")
        return Contender(name, port, 0, missing=str(fault))


def _starter(name: str, folder: Path, port: int, api_port: int, keys: Keys) -> Callable[[], Running]:
    known: dict[str, Callable[[], Running]] = {
        NGINX: lambda: peers.bare_nginx(folder, port, api_port),
        LUA: lambda: peers.lua_nginx(folder, port, api_port, keys),
        ENVOY: lambda: peers.bare_envoy(folder, port, api_port),
        CADDY: lambda: peers.bare_caddy(folder, port, api_port),
    }
    return known[name]


def _measure(contenders: list[Contender], keys: Keys, folder: Path, size: Size) -> None:
    for number in range(size.rounds):
        # There and back, so that a machine which gets slower treats all alike.
        for contender in contenders if number % 2 else reversed(contenders):
            if contender.missing:
                continue
            say(f"round {number + 1} of {size.rounds}: {contender.name}")
            calls = signed_calls(contender.port, keys)
            try:
                if contender.is_stale and size.name != "tiny":
                    run_wrk(contender.port, calls, seconds=_UNCOUNTED_SECONDS, folder=folder)
                outcome = run_wrk(contender.port, calls, seconds=size.seconds, folder=folder, pid=contender.pid)
            except PeerMissing as fault:
                contender.missing = str(fault)
                say(f"!!! {contender.name}: {fault}")
                continue
            contender.outcomes.append(outcome)
            contender.loaded_at = time.monotonic()


def _measure_alone(contenders: list[Contender], keys: Keys, folder: Path, size: Size) -> None:
    """One connection: nothing waits for anything else."""
    for number in range(size.rounds):
        say(f"one connection, round {number + 1} of {size.rounds}")
        for contender in contenders:
            if contender.missing:
                continue
            calls = signed_calls(contender.port, keys)
            seconds = min(1.0, size.seconds)
            try:
                outcome = run_wrk(contender.port, calls, seconds=seconds, folder=folder, connections=1)
            except PeerMissing as fault:
                contender.missing = str(fault)
                continue
            contender.alone.append(outcome)


def _result(contenders: list[Contender], direct: Contender) -> Result:
    mandat, *others = contenders
    result = Result(notes=list(_NOTES))
    for other in others:
        result.figures.append(
            _compared(f"gateway: requests per second / {other.name}", mandat, other, lambda o: o.per_second)
        )
        if other.name == NGINX:
            result.figures += _beside_nginx(mandat, other)
    result.figures.append(_added(mandat, direct))
    errors = tuple(float(outcome.errors) for outcome in mandat.outcomes)
    result.figures.append(Figure("gateway: errors in a round", errors, goal=at_most(0), why=mandat.missing))
    result.tables = [_load_table(contenders), _alone_table([direct, *contenders])]
    return result


def _beside_nginx(mandat: Contender, nginx: Contender) -> list[Figure]:
    return [
        _compared(f"gateway: p99 / {nginx.name}", mandat, nginx, lambda o: o.p99_us, goal=at_most(2.0)),
        _compared(f"gateway: processor time a call / {nginx.name}", mandat, nginx, lambda o: o.processor_us, goal=None),
    ]


def _compared(
    what: str, one: Contender, other: Contender, value: Callable[[Outcome], float], **goal: Goal | None
) -> Figure:
    wanted = goal.get("goal", _GOALS[other.name]) if goal else _GOALS[other.name]
    missing = one.missing or other.missing
    if missing:
        return Figure(what, (), goal=wanted, why=f"{other.name if other.missing else one.name}: {missing}")
    return Figure(what, ratios([value(o) for o in one.outcomes], [value(o) for o in other.outcomes]), goal=wanted)


def _added(mandat: Contender, direct: Contender) -> Figure:
    what, goal = "gateway: added p50 at one connection", at_most(80, " µs")
    if mandat.missing:
        return Figure(what, (), goal=goal, why=mandat.missing)
    added = [one.p50_us - other.p50_us for one, other in zip(mandat.alone, direct.alone, strict=True)]
    return Figure(what, tuple(added), "µs", goal)


def _load_table(contenders: list[Contender]) -> Table:
    rows = []
    for contender in contenders:
        if contender.missing:
            rows.append((contender.name, f"**NOT MEASURED**: {contender.missing}", "", "", "", "", ""))
            continue
        outcomes = contender.outcomes
        rates = [outcome.per_second for outcome in outcomes]
        processor = statistics.median(outcome.processor_us for outcome in outcomes)
        rows.append(
            (
                contender.name,
                shown(statistics.median(rates)),
                spread(rates),
                f"{statistics.median(o.p50_us for o in outcomes) / 1000:.2f} ms",
                f"{statistics.median(o.p99_us for o in outcomes) / 1000:.2f} ms",
                f"{processor:.1f} µs",
                str(sum(outcome.errors for outcome in outcomes)),
            )
        )
    columns = ("64 connections", "per second", "spread", "p50", "p99", "processor time a call", "errors")
    return Table("Under load", columns, tuple(rows))


def _alone_table(contenders: list[Contender]) -> Table:
    rows = tuple(
        (
            contender.name,
            f"{statistics.median(o.p50_us for o in contender.alone):.0f} µs",
            spread([o.p50_us for o in contender.alone]),
            f"{statistics.median(o.p99_us for o in contender.alone):.0f} µs",
        )
        for contender in contenders
        if contender.alone
    )
    return Table("One connection", ("one connection", "p50", "spread", "p99"), rows)
