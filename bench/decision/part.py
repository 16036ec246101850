"""What a decision costs: beside its peers, by number of rules, by number of credentials, and in memory."""

import statistics
from collections.abc import Callable
from pathlib import Path

from bench.decision import memory, rules
from bench.decision.calls import NEW_TARGETS, permitting, usual_grant, usual_heads
from bench.decision.peers import PEERS
from bench.decision.timing import interleaved
from bench.figures import Figure, Result, Size, Table, at_least, ratios, shown, spread
from bench.machine import say
from bench.running import PeerMissing

NEW, SEEN = "Mandat's decision, every target new", "Mandat's decision, target seen before"
_GOALS = {"PyJWT, RS256": at_least(12), "PyJWT, ES256": at_least(20)}
_NOTES = [
    "Processor time of one thread. Keys are read and tokens made beforehand; each peer verifies what it is made for "
    "and decides nothing about rights.",
    "*Every target new* walks through more targets than the parser remembers, so each is made canonical anew. Both "
    "are compared with the goal: a real load is between them.",
]


def run(_folder: Path, size: Size) -> Result:
    """The part as a whole."""
    result = Result(notes=list(_NOTES))
    _beside_peers(result, size)
    say("decision by number of rules")
    figures, chart = rules.by_number(size)
    result.figures += figures
    result.charts.append(chart)
    say("hostile rule sets")
    result.figures += rules.hostile(size)
    say("memory")
    result.figures.append(memory.cached_bytes(size))
    say("decision by number of credentials")
    result.charts.append(memory.by_credentials(size))
    return result


def _beside_peers(result: Result, size: Size) -> None:
    grant = usual_grant()
    actions: dict[str, Callable[[], object]] = {
        NEW: permitting(usual_heads(NEW_TARGETS), grant),
        SEEN: permitting(usual_heads(1), grant),
    }
    missing: dict[str, str] = {}
    for name, make in PEERS.items():
        try:
            actions[name] = make()
        except PeerMissing as fault:
            missing[name] = str(fault)
            say(f"!!! {name} cannot be measured: {fault}")
    say("decision beside its peers")
    costs = interleaved(actions, rounds=size.rounds * 3, repeats=size.repeats * 2)
    for name in PEERS:
        what, goal = f"decision: one {name} verify / one decision", _GOALS.get(name)
        if name in missing:
            result.figures.append(Figure(what, (), goal=goal, why=missing[name]))
            continue
        result.figures.append(Figure(what, ratios(costs[name], costs[NEW]), goal=goal))
        if goal:
            seen = f"{what}, target seen before"
            result.figures.append(Figure(seen, ratios(costs[name], costs[SEEN]), goal=goal))
    rows = [(name, f"{shown(statistics.median(found))} µs", spread(found)) for name, found in costs.items()]
    rows += [(name, f"**NOT MEASURED**: {why}", "") for name, why in missing.items()]
    result.tables.append(Table("One call", ("what", "processor time", "spread"), tuple(rows)))
