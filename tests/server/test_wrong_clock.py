"""Which clocks a start is refused by."""

import pytest

from mandat.server.problems import Problem
from mandat.server.supervision.wrong_clock import EARLIEST, FAR_SECONDS, refuse_wrong_clock

NOW = EARLIEST + 10 * FAR_SECONDS


@pytest.mark.parametrize("last", [None, NOW - 1, NOW, NOW + FAR_SECONDS])
def test_a_clock_that_may_be_right_is_taken(last: int | None) -> None:
    refuse_wrong_clock(NOW, last, is_vouched_for=False)


def test_history_from_more_than_a_day_ahead_says_both_times_and_what_to_do() -> None:
    with pytest.raises(Problem) as refused:
        refuse_wrong_clock(NOW, NOW + FAR_SECONDS + 1, is_vouched_for=False)
    assert "2026-01-11 00:00 UTC" in refused.value.sentence
    assert "2026-01-12 00:00 UTC" in refused.value.sentence
    assert "set the clock" in refused.value.sentence


def test_a_clock_that_was_never_set_is_refused_without_any_history() -> None:
    with pytest.raises(Problem, match="1970-01-01"):
        refuse_wrong_clock(60, None, is_vouched_for=True)


def test_an_operator_who_vouches_for_the_clock_overrules_history() -> None:
    refuse_wrong_clock(NOW, NOW + 400 * FAR_SECONDS, is_vouched_for=True)
