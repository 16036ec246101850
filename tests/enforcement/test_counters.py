"""What a door counts."""

import pytest

from mandat.enforcement.counting.counters import BOUNDS_SECONDS, OUTCOMES, DoorCounters, Durations, UpstreamCounters
from mandat.protocol.refusals import Reason


def test_every_reason_is_an_outcome_and_begins_at_nothing() -> None:
    counters = DoorCounters()
    assert counters.outcomes == dict.fromkeys(OUTCOMES, 0)
    assert {reason.value for reason in Reason} < set(OUTCOMES)


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0.0, 0), (-1.0, 0), (0.0005, 0), (0.0006, 1), (30.0, len(BOUNDS_SECONDS) - 1), (31.0, len(BOUNDS_SECONDS))],
)
def test_a_length_of_time_is_counted_once_in_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    durations = Durations()
    durations.note(seconds)
    assert [number for number, count in enumerate(durations.counts) if count] == [bucket]
    assert durations.total_seconds == max(seconds, 0.0)


def test_an_upstream_s_answers_are_counted_by_class_whatever_it_says() -> None:
    counters = UpstreamCounters()
    for status in (200, 204, 404, 503, 999):
        counters.answered(status, 0.1)
    counters.failed(Reason.UPSTREAM_TIMED_OUT)
    assert [counters.statuses[hundreds] for hundreds in (2, 3, 4, 5, 9)] == [2, 0, 1, 1, 1]
    assert counters.failures == {"upstream_unreachable": 0, "upstream_timed_out": 1}
