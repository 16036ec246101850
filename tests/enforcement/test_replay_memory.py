"""A write is admitted once; an honest client's second click is not an attack."""

from hypothesis import given
from hypothesis import strategies as st

from mandat.enforcement.interfaces import WriteSeen
from mandat.enforcement.replay.memory import MAX_ADMISSIONS, REPEAT_SECONDS, ReplayMemory

WINDOW = 180
START = 1_700_000_000
LATER = 1_000_000.0


def _memory(max_entries: int = 1000) -> ReplayMemory:
    return ReplayMemory(window_seconds=WINDOW, started=START, started_monotonic=0, max_entries=max_entries)


def _write(signature: int = 1, call: int = 1, *, timestamp: int = START + 500, strict: bool = False) -> WriteSeen:
    return WriteSeen(signature.to_bytes(32), call.to_bytes(32), timestamp, strict)


def test_a_repetition_within_two_seconds_is_admitted_three_times_in_all() -> None:
    memory = _memory()
    assert [memory.admit(_write(), LATER + second) for second in (0, 0, 1.9, 1.9, 2.1)] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_the_two_seconds_count_from_the_first() -> None:
    memory = _memory()
    assert [memory.admit(_write(), LATER + second) for second in (0, 1.5, 3.0)] == [True, True, False]


def test_a_strict_application_repeats_nothing() -> None:
    memory = _memory()
    assert [memory.admit(_write(strict=True), LATER) for _ in range(2)] == [True, False]


def test_two_different_calls_under_one_signature_are_no_repetition() -> None:
    memory = _memory()
    assert memory.admit(_write(1, call=1), LATER)
    assert not memory.admit(_write(1, call=2), LATER)
    assert memory.admit(_write(1, call=1), LATER)


def test_other_signatures_do_not_matter() -> None:
    memory = _memory()
    assert all(memory.admit(_write(number), LATER) for number in range(10))


def test_a_signature_is_remembered_for_twice_the_window() -> None:
    memory = _memory()
    assert memory.admit(_write(), LATER)
    assert not memory.admit(_write(), LATER + 2 * WINDOW)
    assert len(memory) == 1
    assert memory.admit(_write(2, timestamp=START + 501 + 2 * WINDOW), LATER + 2 * WINDOW + 1)
    assert len(memory) == 1


def test_what_was_signed_before_the_start_is_refused_until_its_timestamps_are_out_of_the_window() -> None:
    memory = _memory()
    assert not memory.admit(_write(1, timestamp=START - 1), 10)
    assert memory.admit(_write(2, timestamp=START), 10)
    # The clock was wrong at the start and has been set back: that must heal by itself.
    assert memory.admit(_write(3, timestamp=START - 3600), 2 * WINDOW + 1)


def test_a_full_memory_refuses_what_it_could_not_remember() -> None:
    memory = _memory(max_entries=2)
    assert [memory.admit(_write(number), LATER) for number in (1, 2, 3)] == [True, True, False]
    assert memory.admit(_write(1), LATER)
    assert memory.admit(_write(3, timestamp=START + 501 + 2 * WINDOW), LATER + 2 * WINDOW + 1)


def test_a_clock_set_back_revives_no_signature_however_long_ago_it_was_used() -> None:
    memory = _memory()
    assert memory.admit(_write(1, timestamp=START + 500), LATER)
    long_after = LATER + 20 * WINDOW
    assert memory.admit(_write(2, timestamp=START + 500 + 20 * WINDOW), long_after)
    assert not memory.admit(_write(1, timestamp=START + 500), long_after + 1)
    # Seconds without a write may be used, so a clock that was ahead for a while and is right again does no harm.
    assert memory.admit(_write(3, timestamp=START + 501), long_after + 1)


def test_the_seconds_that_were_spent_first_are_forgotten_first() -> None:
    memory = ReplayMemory(window_seconds=WINDOW, started=START, started_monotonic=0, max_spent_seconds=2)
    for second in range(3):
        assert memory.admit(_write(second, timestamp=START + second), LATER + second)
    much_later = LATER + 10 * WINDOW
    assert [memory.admit(_write(second, timestamp=START + second), much_later) for second in range(3)] == [
        True,
        False,
        False,
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 1), st.floats(0, 5, allow_nan=False), st.booleans()), max_size=60
    )
)
def test_no_sequence_of_writes_gets_more_than_the_grace_allows(
    steps: list[tuple[int, int, float, bool]],
) -> None:
    memory, now = _memory(), LATER
    admitted: dict[int, list[tuple[float, int]]] = {}
    for signature, call, pause, strict in steps:
        now += pause
        if memory.admit(_write(signature, call, strict=strict), now):
            admitted.setdefault(signature, []).append((now, call))
    for times in admitted.values():
        assert len(times) <= MAX_ADMISSIONS
        assert times[-1][0] - times[0][0] <= REPEAT_SECONDS
        assert len({call for _, call in times}) == 1
