"""The judge itself: it finds what it is there to find."""

from hashlib import sha256

import pytest

from torture.history import Operation, Stored, violations

GOOD = Stored("validated", 1, ("credential.confirmed",))
GONE = Stored("expired", 2, ("credential.confirmed", "credential.logged_out"))


def judged(*operations: Operation, stored: Stored | None) -> list[str]:
    return violations(operations, {} if stored is None else {sha256(b"key").hexdigest(): stored})


def did(kind: str, outcome: str, *, start: float = 1, end: float = 2) -> Operation:
    return Operation(kind, "key", start, end, outcome)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("operations", "stored"),
    [
        ([did("confirm", "ok")], GOOD),
        ([did("confirm", "unknown")], None),
        ([did("confirm", "unknown")], GOOD),
        ([did("confirm", "ok"), did("revoke", "ok"), did("call", "fail", start=3)], GONE),
        ([did("confirm", "ok"), did("revoke", "ok"), did("call", "ok", start=1.5, end=9)], GONE),
    ],
)
def test_what_keeps_its_word_is_in_order(operations: list[Operation], stored: Stored | None) -> None:
    assert judged(*operations, stored=stored) == []


@pytest.mark.parametrize(
    ("operations", "stored", "says"),
    [
        ([did("confirm", "ok")], None, "lost"),
        ([did("confirm", "ok")], Stored("validated", 0, ()), "lost"),
        ([did("confirm", "fail")], GOOD, "refused confirmation"),
        ([did("confirm", "ok"), did("revoke", "ok")], GOOD, "lost: a revocation"),
        ([did("revoke", "ok"), did("call", "ok", start=3)], GONE, "revived"),
        ([], Stored("validated", 2, ("credential.confirmed",)), "2 writings"),
        ([], Stored("validated", 2, ("credential.confirmed", "credential.revoked")), "history ends in revoked"),
        ([], Stored("validated", 1, ("credential.revoked",)), "no path"),
    ],
)
def test_what_breaks_it_is_named(operations: list[Operation], stored: Stored, says: str) -> None:
    assert any(says in found for found in judged(*operations, stored=stored))
