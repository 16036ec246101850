"""The numbers of several processes become those of the node."""

from doubles.nature import SetClock
from mandat.server.observation import definitions
from mandat.server.observation.collected import STALE_SECONDS, Collected
from mandat.server.observation.report import Number, Report, Spread

CALLS = (definitions.CALLS.name, ("gateway", "permitted"))
OPEN = (definitions.CONNECTIONS.name, ("gateway",))
AGE = (definitions.GRANTS_AGE.name, ())
SECONDS = (definitions.CALL_SECONDS.name, ("gateway",))


def report(*, calls: int = 0, connections: int = 0, age: float = 0.0, counts: tuple[int, ...] = (0, 0)) -> Report:
    numbers = [Number(*CALLS, calls), Number(*OPEN, connections), Number(*AGE, age)]
    return Report("gateway", numbers, [Spread(*SECONDS, counts, float(sum(counts)))], True, [])


def test_counters_and_gauges_are_added_and_of_ages_the_largest_counts() -> None:
    collected = Collected(SetClock())
    collected.take(collected.welcome(), report(calls=3, connections=2, age=0.5))
    collected.take(collected.welcome(), report(calls=4, connections=1, age=0.1))
    assert collected.numbers() == {CALLS: 7, OPEN: 3, AGE: 0.5}


def test_a_later_report_replaces_the_one_before() -> None:
    collected = Collected(SetClock())
    process = collected.welcome()
    collected.take(process, report(calls=3))
    collected.take(process, report(calls=5))
    assert collected.numbers()[CALLS] == 5


def test_when_a_process_ends_what_it_counted_stays_and_what_it_measured_goes() -> None:
    collected = Collected(SetClock())
    process = collected.welcome()
    collected.take(process, report(calls=3, connections=2, age=9.0, counts=(1, 2)))
    collected.part(process)
    collected.take(collected.welcome(), report(calls=1, counts=(1, 0)))
    assert collected.numbers() == {CALLS: 4, OPEN: 0, AGE: 0.0}
    assert collected.spreads()[SECONDS] == Spread(*SECONDS, (2, 2), 4.0)


def test_a_process_that_never_reported_may_end() -> None:
    collected = Collected(SetClock())
    collected.part(collected.welcome())
    assert collected.numbers() == {}


def test_a_process_that_is_stuck_does_not_count_as_running() -> None:
    clock = SetClock()
    collected = Collected(clock)
    collected.take(collected.welcome(), report(calls=3))
    clock.now += STALE_SECONDS + 0.1
    assert collected.current() == []
    assert collected.numbers()[CALLS] == 3
