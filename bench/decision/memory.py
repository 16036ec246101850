"""What a cached credential takes, and what a decision costs among many of them."""

import itertools
import random
import tracemalloc
from collections.abc import Callable

from bench.decision.calls import grant_of, in_memory, judge, signed_head
from bench.decision.timing import interleaved
from bench.figures import Chart, Figure, Size, at_most
from bench.seeding import rules_of
from mandat.core.decision import Decision, Permit
from mandat.core.grant import Grant
from mandat.enforcement.interfaces import MISSING
from mandat.storage.grants.recent import Recent

_CALLS = 1_000


def cached_bytes(size: Size) -> Figure:
    """Everything that one more grant in a gateway's memory allocates; rule sets are shared as with one application."""
    shared = [grant_of(rules_of(own), own) for own in range(100)]
    memory: Recent[bytes, Grant] = Recent(size.cached)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(size.cached):
        grant = grant_of(rules_of(number % 100), number)
        memory.put(grant.consumer_key_hash, grant)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len({id(grant.rules) for grant in shared}) == 100
    taken = (after - before) / size.cached
    return Figure(f"decision: bytes of a cached credential (over {size.cached:,})", (taken,), "B", at_most(1_024, " B"))


def by_credentials(size: Size) -> Chart:
    """Decisions about calls of credentials drawn at random from more and more in memory."""
    points = []
    numbers = [number for number in (1, 10, 100, 1_000, 10_000, 100_000) if number <= size.cached]
    actions = {f"{number}": _among(number) for number in numbers}
    for name, costs in interleaved(actions, rounds=size.rounds, repeats=min(_CALLS, size.repeats * 5)).items():
        points.append((float(name), sorted(costs)[len(costs) // 2]))
    curves = {"a signed GET, found in memory": points}
    return Chart("credentials", "Cost of a decision by credentials in memory", "credentials in memory", "µs", curves)


def _among(number: int) -> Callable[[], Decision]:
    memory: Recent[bytes, Grant] = Recent(number)
    drawn = random.Random(7).choices(range(number), k=_CALLS)
    at_hand = in_memory(lambda key_hash: memory.get(key_hash, MISSING))
    for each in range(number):
        grant = grant_of(rules_of(each % 100), each)
        memory.put(grant.consumer_key_hash, grant)
    turn = itertools.cycle([signed_head("/1.0/domain/zone/example.org/record", each) for each in drawn])

    def action() -> Decision:
        decision = judge(next(turn), at_hand)
        if not isinstance(decision, Permit):
            raise SystemExit(f"the measured call is refused: {decision}")
        return decision

    return action
