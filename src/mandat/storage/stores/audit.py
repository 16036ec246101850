"""The history of every account: appended in the transaction of what it tells about, chained, sealed with each commit.

Each row carries the hash of the account's row before it, so that none can be changed or taken out of the middle. It
names the version of the record that was written with it, so that a record put back to an earlier version is found.
Each commit that adds rows adds one seal: the authority's signature over all row hashes since the seal before, chained
to it. Without the signing key nobody can make up another history. `storage.verify` checks all of that.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from sqlalchemy import Connection, func, insert, select

from mandat.authority.values import AuditEntry
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import audit, audit_seals
from mandat.storage.rows import DamagedRow, details_text, read_details
from mandat.storage.sealing import RowSigner, canonical
from mandat.storage.stores.guard import Row, log

FIRST_HASH = bytes(32)
"""Stands before the first row of an account and before the first seal."""

GONE = 0
"""The version of a record that was deleted; others count from 1."""

_TOLD = ("account", "at", "event", "actor", "address", "subject", "details")
_HASHED = ("previous_hash", *_TOLD, "record", "record_id", "record_version")


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
    return sha256(canonical("audit", *(row[name] for name in _HASHED))).digest()


def seal_digest(previous_digest: bytes, *, at: int, through_id: int, hashes: Sequence[bytes]) -> bytes:
    """What a seal signs: the seal before it, and the hashes of the rows it adds, in order of their ids."""
    return sha256(canonical("audit seal", previous_digest, at, through_id, *hashes)).digest()


class AuditTrail:
    """Writes the history. Used inside jobs of the grants writer only."""

    def __init__(self, signer: RowSigner, clock: Callable[[], float]) -> None:
        self._signer = signer
        self._clock = clock

    def append(self, connection: Connection, entry: AuditEntry, *, about: AuditedRecord) -> None:
        """Adds `entry` behind the account's last row. `about` is what this transaction wrote."""
        last = select(audit.c.hash).where(audit.c.account == entry.account).order_by(audit.c.id.desc()).limit(1)
        values = {
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
        connection.execute(insert(audit), values | {"hash": entry_hash(values)})

    def seal(self, connection: Connection) -> None:
        """Seals what was added since the last seal. Runs once in each commit, after its jobs."""
        last = connection.execute(select(audit_seals).order_by(audit_seals.c.id.desc()).limit(1)).mappings().first()
        sealed_through, previous = (last["through_id"], last["digest"]) if last else (0, FIRST_HASH)
        if connection.execute(select(func.max(audit.c.id))).scalar() in {None, sealed_through}:
            return
        added = connection.execute(
            select(audit.c.id, audit.c.hash).where(audit.c.id > sealed_through).order_by(audit.c.id)
        ).all()
        if not added:
            return  # the last seal was altered to cover what is not there yet; `storage.verify` says so
        through_id, at = added[-1].id, int(self._clock())
        digest = seal_digest(previous, at=at, through_id=through_id, hashes=[row.hash for row in added])
        connection.execute(
            insert(audit_seals),
            {"at": at, "through_id": through_id, "digest": digest, "signature": self._signer.sign(digest)},
        )


class SqliteAudit:
    """`AuditReader`."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def list_audit(self, account: str, *, limit: int) -> list[AuditEntry]:
        """Newest first. A row that does not fit its own hash is left out and logged."""
        query = select(audit).where(audit.c.account == account).order_by(audit.c.id.desc()).limit(limit)
        return await self._readers.run(lambda connection: _genuine(connection.execute(query).mappings()))


def fits_hash(row: Row) -> bool:
    """True when the row's hash was made over what the row says now."""
    try:
        return bool(row["hash"] == entry_hash(row))
    except TypeError:  # SQLite keeps a value of any type in any column
        return False


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
