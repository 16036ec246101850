"""The history checker: clients' journals against database, audit and key files (threats.md 5.2).

A journal is append-only and says of each operation when it began, when it ended and what the client was told: ok, fail
(a definite refusal) or unknown (no answer, or 5xx). Only ok and fail promise something.
"""

import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

from mandat.core.credential import CredentialEvent, CredentialState, next_state
from mandat.storage.keys.keyrings import load_authority_keys
from mandat.storage.operations.verify import verify

Kind = Literal["request", "confirm", "revoke", "call"]
Outcome = Literal["ok", "fail", "unknown"]

EVENTS = {
    "credential.revoked": CredentialEvent.REVOKE,
    "credential.logged_out": CredentialEvent.EXPIRE,
}


@dataclass(frozen=True)
class Operation:
    """One thing a client did with one consumer key. Times are monotonic seconds."""

    kind: Kind
    consumer_key: str
    start: float
    end: float
    outcome: Outcome
    status: int = 0


@dataclass
class Journal:
    """What all clients of a test were told."""

    operations: list[Operation] = field(default_factory=list)
    _gate: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: Kind, consumer_key: str, start: float, status: int | None) -> Outcome:
        """One operation that ended now; `status` None: no answer came."""
        outcome: Outcome = "unknown" if status is None or status >= 500 else "ok" if status < 400 else "fail"
        with self._gate:
            self.operations.append(Operation(kind, consumer_key, start, time.monotonic(), outcome, status or 0))
        return outcome

    def count(self, kind: Kind, outcome: Outcome) -> int:
        """How many operations of that kind ended so."""
        return sum(one.kind == kind and one.outcome == outcome for one in self.operations)


@dataclass(frozen=True)
class Stored:
    """A credential as stored, with the events of its history in order."""

    state: str
    version: int
    events: tuple[str, ...]


def read_stored(data: Path) -> dict[str, Stored]:
    """By the hash (hex) of the consumer key."""
    connection = sqlite3.connect(f"file:{data / 'grants.sqlite'}?mode=ro", uri=True)
    try:
        events: dict[int, list[str]] = {}
        query = "SELECT record_id, event FROM audit WHERE record = 'credential' ORDER BY id"
        for credential_id, event in connection.execute(query):
            events.setdefault(credential_id, []).append(event)
        rows = connection.execute("SELECT id, consumer_key_hash, state, version FROM credentials").fetchall()
        return {key.hex(): Stored(state, version, tuple(events.get(id_, ()))) for id_, key, state, version in rows}
    finally:
        connection.close()


def violations(operations: Iterable[Operation], stored: dict[str, Stored]) -> list[str]:
    """Everything that contradicts what clients were told, or a law of the life cycle."""
    found: list[str] = []
    revoked_at: dict[str, float] = {}
    operations = list(operations)
    for one in operations:
        known = stored.get(sha256(one.consumer_key.encode()).hexdigest())
        match one.kind, one.outcome:
            case "confirm", "ok" if known is None or "credential.confirmed" not in known.events:
                found.append(f"lost: a confirmation was acknowledged and is not stored with its audit ({known})")
            case "confirm", "fail" if known is not None:
                found.append("a refused confirmation is stored")
            case "revoke", "ok":
                revoked_at[one.consumer_key] = min(one.end, revoked_at.get(one.consumer_key, one.end))
                if known is None or known.state == CredentialState.VALIDATED.value:
                    found.append(f"lost: a revocation was acknowledged and the credential is {known}")
    for one in operations:
        if one.kind == "call" and one.outcome == "ok" and one.start > revoked_at.get(one.consumer_key, one.start):
            found.append("revived: a call passed that began after its revocation was acknowledged")
    for key, known in stored.items():
        found += [f"credential {key[:8]}: {what}" for what in _illegal(known)]
    return found


def _illegal(known: Stored) -> list[str]:
    """One line of history for each writing, along edges of the life cycle, ending where the row stands."""
    if not known.events or len(known.events) != known.version:
        return [f"{known.version} writings and {len(known.events)} lines of history"]
    starts = {"credential.confirmed": CredentialState.VALIDATED, "credential.refused": CredentialState.REFUSED}
    state = starts.get(known.events[0])
    for event in known.events[1:]:
        state = None if state is None else next_state(state, EVENTS[event]) if event in EVENTS else state
    if state is None:
        return [f"no path of the life cycle: {known.events}"]
    return [] if state.value == known.state else [f"history ends in {state.value}, the row says {known.state}"]


def check(journal: Journal, folder: Path) -> list[str]:
    """All violations of an installation in `folder`, also those that `mandat verify` finds."""
    findings = verify(folder / "data", load_authority_keys(folder / "keys"))
    return [
        *violations(journal.operations, read_stored(folder / "data")),
        *(f"verify: {finding.where} {finding.what}" for finding in findings),
    ]
