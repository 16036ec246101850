"""Answers to creating calls, remembered by their Idempotency-Key so that a repetition has no second effect."""

import sqlite3
from dataclasses import dataclass

KEPT_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class IdempotentCall:
    """A creating call with a key. `route` is method and path as sent; `body_digest` SHA-256 of the body."""

    account: str
    route: str
    key: str
    body_digest: bytes


@dataclass(frozen=True, slots=True)
class RememberedAnswer:
    """The answer the first such call got, as JSON text. `same_body` False: the key was used for another body."""

    answer: str
    same_body: bool


def find_answer(connection: sqlite3.Connection, call: IdempotentCall, *, now: float) -> RememberedAnswer | None:
    """What an earlier call with the same account, route and key got; None when there was none within 24 hours."""
    row = connection.execute(
        "SELECT answer, body_digest FROM idempotency WHERE account = ? AND route = ? AND key = ? AND created > ?",
        (call.account, call.route, call.key, int(now) - KEPT_SECONDS),
    ).fetchone()
    return None if row is None else RememberedAnswer(row[0], row[1] == call.body_digest)


def remember_answer(connection: sqlite3.Connection, call: IdempotentCall, *, answer: str, now: float) -> None:
    """Keeps `answer` for repetitions of `call`, and forgets what is older than 24 hours."""
    connection.execute("DELETE FROM idempotency WHERE created <= ?", (int(now) - KEPT_SECONDS,))
    connection.execute(
        "INSERT INTO idempotency (account, route, key, body_digest, answer, created) VALUES (?, ?, ?, ?, ?, ?)",
        (call.account, call.route, call.key, call.body_digest, answer, int(now)),
    )
