"""The history of every account: appended in the transaction of what it tells about, chained, sealed with each commit.

Each row carries the hash of the account's row before it, so that none can be changed or taken out of the middle. It
names the version of the record that was written with it, so that a record put back to an earlier version is found.
Each commit that adds rows adds one seal: the authority's signature over all row hashes since the seal before, chained
to it. Without the signing key nobody can make up another history. `storage.operations.verify` checks all of that.

Who did it, from where, and the details may have to be erased one day. They enter the hash through a commitment, the
hash of themselves and a random salt: when they are emptied, the salt goes too, so that nobody can tell by trying what
they were, and the chain stays whole (ADR 0008). Lines written before there were commitments are hashed whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

from sqlalchemy import Connection, func, insert, select

from mandat.authority.values import AuditEntry
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import audit, audit_seals
from mandat.storage.keys.sealing import RowSigner, canonical
from mandat.storage.rows import DamagedRow, details_text, read_details
from mandat.storage.stores.guard import Row, log

FIRST_HASH = bytes(32)
"""Stands before the first row of an account and before the first seal."""

GONE = 0
"""The version of a record that was deleted; others count from 1."""

_TOLD = ("account", "at", "event", "actor", "address", "subject", "details")
_HASHED_WHOLE = ("previous_hash", *_TOLD, "record", "record_id", "record_version")
_HASHED = ("previous_hash", "account", "at", "event", "subject", "commitment", "record", "record_id", "record_version")

SALT_BYTES = 16
ERASED = {"actor": "", "address": "", "details": "{}", "salt": None}
"""What an erased line holds in place of its personal part."""


@dataclass(frozen=True, slots=True)
class AuditedRecord:
    """The row that is written together with a line of history, and its version."""

    kind: str
    id: int
    version: int

    @classmethod
    def credential(cls, row: Row) -> Self:
        """A row of `credentials`."""
        return cls("credential", row["id"], row["version"])

    @classmethod
    def application(cls, row: Row) -> Self:
        """A row of `applications`."""
        return cls("application", row["id"], row["version"])


def entry_hash(row: Row) -> bytes:
    """The hash of one row of `audit`. Raises TypeError when a column holds what was never written there."""
    if row["commitment"] is None:
        return sha256(canonical("audit", *(row[name] for name in _HASHED_WHOLE))).digest()
    return sha256(canonical("audit 2", *(row[name] for name in _HASHED))).digest()


def commitment_of(row: Row) -> bytes:
    """What stands for the personal part of a row in its hash. Raises TypeError as `entry_hash` does."""
    return sha256(
        canonical("audit personal", *(row[name] for name in ("salt", "actor", "address", "details")))
    ).digest()


def is_erased(row: Row) -> bool:
    """True when the personal part of the row was emptied."""
    return row["commitment"] is not None and row["salt"] is None


def seal_digest(previous_digest: bytes, *, at: int, through_id: int, hashes: Sequence[bytes]) -> bytes:
    """What a seal signs: the seal before it, and the hashes of the rows it adds, in order of their ids."""
    return sha256(canonical("audit seal", previous_digest, at, through_id, *hashes)).digest()


class AuditTrail:
    """Writes the history. Used inside jobs of the grants writer only.

    `told` counts the events that this process sealed, from when it began.
    """

    def __init__(self, signer: RowSigner, clock: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._signer = signer
        self._clock = clock
        self._entropy = entropy
        self.told: Counter[str] = Counter()

    def append(self, connection: Connection, entry: AuditEntry, *, about: AuditedRecord) -> None:
        """Adds `entry` behind the account's last row. `about` is what this transaction wrote."""
        last = select(audit.c.hash).where(audit.c.account == entry.account).order_by(audit.c.id.desc()).limit(1)
        values: dict[str, Any] = {
            "salt": self._entropy(SALT_BYTES),
            "previous_hash": connection.execute(last).scalar() or FIRST_HASH,
            "account": entry.account,
            "at": entry.at,
            "event": entry.event,
            "actor": entry.actor,
            "address": entry.address,
            "subject": entry.subject,
            "details": details_text(entry.details),
            "record": about.kind,
            "record_id": about.id,
            "record_version": about.version,
        }
        values["commitment"] = commitment_of(values)
        connection.execute(insert(audit), values | {"hash": entry_hash(values)})

    def seal(self, connection: Connection) -> None:
        """Seals what was added since the last seal. Runs once in each commit, after its jobs."""
        last = connection.execute(select(audit_seals).order_by(audit_seals.c.id.desc()).limit(1)).mappings().first()
        sealed_through, previous = (last["through_id"], last["digest"]) if last else (0, FIRST_HASH)
        if connection.execute(select(func.max(audit.c.id))).scalar() in {None, sealed_through}:
            return
        added = connection.execute(
            select(audit.c.id, audit.c.hash, audit.c.event).where(audit.c.id > sealed_through).order_by(audit.c.id)
        ).all()
        if not added:
            return  # the last seal was altered to cover what is not there yet; `storage.operations.verify` says so
        through_id, at = added[-1].id, int(self._clock())
        digest = seal_digest(previous, at=at, through_id=through_id, hashes=[row.hash for row in added])
        connection.execute(
            insert(audit_seals),
            {"at": at, "through_id": through_id, "digest": digest, "signature": self._signer.sign(digest)},
        )
        self.told.update(row.event for row in added)


class StoredAudit:
    """`AuditReader`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def list_audit(self, account: str, *, limit: int) -> list[AuditEntry]:
        """Newest first. A row that does not fit its own hash is left out and logged."""
        query = select(audit).where(audit.c.account == account).order_by(audit.c.id.desc()).limit(limit)
        return await self._readers.run(lambda connection: _genuine(connection.execute(query).mappings()))

    async def last_at(self) -> int | None:
        """When the newest line was written, Unix seconds; None when there is none."""
        query = select(audit.c.at).order_by(audit.c.id.desc()).limit(1)
        at = await self._readers.run(lambda connection: connection.execute(query).scalar())
        return at if isinstance(at, int) else None  # SQLite keeps a value of any type in any column


def fits_hash(row: Row) -> bool:
    """True when the row's hash was made over what the row says now."""
    try:
        return bool(row["hash"] == entry_hash(row) and _fits_commitment(row))
    except TypeError:  # SQLite keeps a value of any type in any column
        return False


def _fits_commitment(row: Row) -> bool:
    if row["commitment"] is None:
        return True
    if is_erased(row):
        return all(row[name] == value for name, value in ERASED.items())
    return bool(row["commitment"] == commitment_of(row))


def _genuine(rows: Iterable[Row]) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for row in rows:
        try:
            if fits_hash(row):
                told = {name: row[name] for name in _TOLD}
                entries.append(AuditEntry(**told | {"details": read_details(row["details"])}))
                continue
        except DamagedRow:
            pass
        log.error("left out of a history: audit %s does not fit its hash", row["id"])
    return entries
