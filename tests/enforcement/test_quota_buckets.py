"""Laws of the token buckets: never more than was promised, nothing out of one bucket when another refuses."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.enforcement.quotas.buckets import KINDS, Buckets, Quota, Subject, subject_of

ANN = subject_of(credential=1, application=1, account="ann")


def quota(kind: str = "credential", per_minute: int = 60, burst: int = 3) -> Quota:
    return Quota(kind, per_minute, burst)


def made(buckets: Buckets, subject: Subject, calls: int, *, now: float) -> int:
    """How many of so many calls, one after the other, may be made."""
    return sum(buckets.take(subject, wanted=1, returned=0, now=now).granted for _ in range(calls))


def test_a_burst_passes_at_once_and_then_as_much_as_grows_back() -> None:
    buckets = Buckets([quota()])
    assert made(buckets, ANN, 10, now=100.0) == 3
    assert made(buckets, ANN, 10, now=101.0) == 1
    assert made(buckets, ANN, 10, now=1000.0) == 3


def test_a_refusal_names_the_bucket_and_when_to_come_back() -> None:
    buckets = Buckets([quota(burst=5), quota("application", per_minute=6, burst=1), quota("account", burst=9)])
    assert made(buckets, ANN, 1, now=100.0) == 1
    refused = buckets.take(ANN, wanted=1, returned=0, now=102.0)
    assert (refused.granted, refused.kind, refused.left) == (0, KINDS.index("application"), 0)
    assert refused.wait_seconds == pytest.approx(8.0)
    assert made(buckets, ANN, 1, now=110.0) == 1


def test_a_grant_names_the_bucket_nearest_to_empty() -> None:
    taken = Buckets([quota(burst=5), quota("account", burst=4)]).take(ANN, wanted=1, returned=0, now=100.0)
    assert (taken.granted, taken.kind, taken.left) == (1, KINDS.index("account"), 3)
    assert taken.wait_seconds == pytest.approx(1.0)


def test_a_call_that_one_bucket_refuses_takes_nothing_out_of_the_others() -> None:
    buckets = Buckets([quota(burst=1), quota("account", burst=3)])
    assert made(buckets, ANN, 50, now=100.0) == 1
    others = [ANN._replace(credential=number) for number in range(2, 10)]
    assert sum(made(buckets, other, 1, now=100.0) for other in others) == 2


@pytest.mark.parametrize(
    "other", [ANN._replace(credential=2), ANN._replace(application=2), ANN._replace(account=b"another account!")]
)
def test_what_has_nothing_in_common_shares_nothing(other: Subject) -> None:
    kind = next(kind for kind, mine, theirs in zip(KINDS, ANN, other, strict=True) if mine != theirs)
    buckets = Buckets([quota(kind)])
    assert made(buckets, ANN, 9, now=100.0) == 3
    assert made(buckets, other, 9, now=100.0) == 3


def test_what_is_not_limited_passes() -> None:
    assert Buckets([]).take(ANN, wanted=200, returned=0, now=0.0).granted == 200


def test_little_is_handed_out_ahead_when_little_is_left() -> None:
    buckets = Buckets([quota(burst=64)])
    handed = [buckets.take(ANN, wanted=64, returned=0, now=100.0).granted for _ in range(100)]
    assert handed[0] == 8
    assert sorted(handed, reverse=True) == handed
    assert sum(handed) == 64
    assert handed.count(1) >= 15


def test_what_was_not_used_can_be_taken_by_another() -> None:
    buckets = Buckets([quota(burst=80)])
    other = ANN._replace(application=2)
    assert buckets.take(ANN, wanted=10, returned=0, now=100.0).granted == 10
    assert made(buckets, other, 100, now=100.0) == 70
    assert buckets.take(ANN, wanted=1, returned=9, now=100.0).granted == 1
    assert made(buckets, other, 100, now=100.0) == 8


def test_putting_back_never_makes_a_bucket_fuller_than_full() -> None:
    buckets = Buckets([quota()])
    buckets.take(ANN, wanted=1, returned=0, now=100.0)
    assert buckets.take(ANN, wanted=1, returned=60_000, now=100.0).granted == 1
    assert made(buckets, ANN, 100, now=100.0) == 2


def test_other_quotas_hold_from_now_on_and_what_was_used_stays_used() -> None:
    buckets = Buckets([quota(burst=10)])
    assert made(buckets, ANN, 10, now=100.0) == 10
    buckets.change([quota(burst=12)])
    assert made(buckets, ANN, 10, now=100.0) == 2


def test_no_more_buckets_are_remembered_than_allowed() -> None:
    buckets = Buckets([quota()], max_subjects=100)
    for number in range(1000):
        assert made(buckets, ANN._replace(credential=number), 2, now=100.0 + number / 1000) == 2
        assert len(buckets) <= 100
    assert made(buckets, ANN._replace(credential=999), 9, now=101.0) == 1


_STEPS = st.lists(st.tuples(st.floats(0, 20), st.integers(1, 300), st.integers(0, 3)), min_size=1, max_size=60)


@given(_STEPS, st.integers(1, 6_000), st.integers(1, 400))
def test_no_window_sees_more_than_the_burst_and_what_grew_back(
    steps: list[tuple[float, int, int]], per_minute: int, burst: int
) -> None:
    buckets = Buckets([quota(per_minute=per_minute, burst=burst)])
    now, seen = 5_000_000.0, []
    for pause, wanted, _ in steps:
        now += pause
        seen.append((now, buckets.take(ANN, wanted=wanted, returned=0, now=now).granted))
    _check_windows(seen, lambda seconds: burst + per_minute / 60 * seconds)


@given(_STEPS)
def test_no_bucket_of_the_three_ever_gives_more_than_its_own(steps: list[tuple[float, int, int]]) -> None:
    quotas = [quota(burst=5), quota("application", 90, 8), quota("account", 30, 11)]
    buckets, now = Buckets(quotas), 7_000.0
    seen: dict[tuple[int, object], list[tuple[float, int]]] = {}
    for pause, wanted, who in steps:
        now += pause / 10
        subject = Subject(who, who // 2, b"%d" % (who // 3))
        granted = buckets.take(subject, wanted=wanted, returned=0, now=now).granted
        for kind in range(len(KINDS)):
            seen.setdefault((kind, subject[kind]), []).append((now, granted))
    for (kind, _), calls in seen.items():
        held = quotas[kind]
        _check_windows(calls, lambda seconds, held=held: held.burst + held.per_minute / 60 * seconds)  # type: ignore[misc]


@given(st.lists(st.tuples(st.floats(-50, 5), st.integers(1, 5)), min_size=1, max_size=60))
def test_a_clock_that_steps_backwards_gives_nothing(steps: list[tuple[float, int]]) -> None:
    buckets = Buckets([quota(per_minute=60, burst=10)])
    now, forward, granted = 1_000_000.0, 0.0, 0
    for step, wanted in steps:
        now += step
        forward += max(0.0, step)
        granted += buckets.take(ANN, wanted=wanted, returned=0, now=now).granted
        assert granted <= 10 + forward + 1e-3


def test_a_clock_that_stepped_far_back_costs_a_bucket_at_most_and_no_more() -> None:
    buckets = Buckets([quota(per_minute=60, burst=10)])
    assert made(buckets, ANN, 1, now=1_000_000.0) == 1
    assert made(buckets, ANN, 20, now=100.0) == 0
    assert made(buckets, ANN, 20, now=110.0) == 10


def _check_windows(seen: list[tuple[float, int]], promised: Callable[[float], float]) -> None:
    for first, (begin, _) in enumerate(seen):
        total = 0
        for at, granted in seen[first:]:
            total += granted
            assert total <= promised(at - begin) + 1e-3
