"""The history of every account: appended in the transaction of what it tells about, chained, sealed with each commit.

Each row carries the hash of the account's row before it, so that none can be changed or taken out of the middle. Each
commit that adds rows adds one seal: the authority's signature over all row hashes since the seal before, chained to it.
Without the signing key nobody can make up another history; `storage.verify` checks both.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select

from mandat.authority.values import AuditEntry
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import audit, audit_seals
from mandat.storage.rows import DamagedRow, details_text, read_details
from mandat.storage.sealing import RowSigner, canonical
from mandat.storage.stores.guard import Row, log

FIRST_HASH = bytes(32)
"""Stands before the first row of an account and before the first seal."""

_HASHED = ("account", "at", "event", "actor", "address", "subject", "details")


def entry_hash(
    previous_hash: bytes, *, account: str, at: int, event: str, actor: str, address: str, subject: str, details: str
) -> bytes:
    """The hash of one row; `details` is the text in the column."""
    return sha256(canonical("audit", previous_hash, account, at, event, actor, address, subject, details)).digest()


def seal_digest(previous_digest: bytes, *, at: int, through_id: int, hashes: Sequence[bytes]) -> bytes:
    """What a seal signs: the seal before it, and the hashes of the rows it adds, in order of their ids."""
    return sha256(canonical("audit seal", previous_digest, at, through_id, *hashes)).digest()


class AuditTrail:
    """Writes the history. Used inside jobs of the grants writer only."""

    def __init__(self, signer: RowSigner, clock: Callable[[], float]) -> None:
        self._signer = signer
        self._clock = clock

    def append(self, connection: Connection, entry: AuditEntry) -> None:
        """Adds `entry` behind the account's last row."""
        last = select(audit.c.hash).where(audit.c.account == entry.account).order_by(audit.c.id.desc()).limit(1)
        previous_hash = connection.execute(last).scalar() or FIRST_HASH
        fields = {
            "account": entry.account,
            "at": entry.at,
            "event": entry.event,
            "actor": entry.actor,
            "address": entry.address,
            "subject": entry.subject,
            "details": details_text(entry.details),
        }
        values = fields | {"previous_hash": previous_hash, "hash": entry_hash(previous_hash, **fields)}  # type: ignore[arg-type]
        connection.execute(insert(audit), values)

    def seal(self, connection: Connection) -> None:
        """Seals what was added since the last seal. Runs once in each commit, after its jobs."""
        last = connection.execute(select(audit_seals).order_by(audit_seals.c.id.desc()).limit(1)).mappings().first()
        sealed_through, previous = (last["through_id"], last["digest"]) if last else (0, FIRST_HASH)
        if connection.execute(select(func.max(audit.c.id))).scalar() in {None, sealed_through}:
            return
        added = connection.execute(
            select(audit.c.id, audit.c.hash).where(audit.c.id > sealed_through).order_by(audit.c.id)
        ).all()
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
        return bool(row["hash"] == entry_hash(row["previous_hash"], **{name: row[name] for name in _HASHED}))
    except TypeError:  # SQLite keeps a value of any type in any column
        return False


def _genuine(rows: Iterable[Row]) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for row in rows:
        try:
            if fits_hash(row):
                entries.append(
                    AuditEntry(**{name: row[name] for name in _HASHED} | {"details": read_details(row["details"])})
                )
                continue
        except DamagedRow:
            pass
        log.error("left out of a history: audit %s does not fit its hash", row["id"])
    return entries
