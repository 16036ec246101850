"""How often delegations are used: written behind in batches, read by the pages. The last second may be lost."""

from collections.abc import Sequence

from sqlalchemy import Connection, case, select

from mandat.authority.values import LastUse, SecretUse
from mandat.enforcement.interfaces import Use
from mandat.storage.call_audit import tally
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import credential_uses, rule_uses, secret_uses
from mandat.storage.engine.upsert import greatest, insert
from mandat.storage.engine.writer import Writer
from mandat.storage.rows import LARGEST_ID, is_id, is_storable

_ASKED_AT_ONCE = 500
"""SQLite allows 32,766 parameters in a statement; a list of this length is as fast as a longer one."""

_MOST_CALLS = 2**31
"""In one report. Keeps the sums far from 64 bits."""


class UsageStore:
    """`UsageReader`, and where the authority's process puts what gateways report."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def record(self, batch: Sequence[Use]) -> None:
        """Adds `batch` to the counters. What no gateway of ours would report is left out.

        Raises:
            StorageUnavailable: nothing of the batch was counted.
        """
        told = [use for use in batch if _is_countable(use)]
        permitted = [use for use in told if not use.outcome]

        def job(connection: Connection) -> None:
            tally(connection, told)
            if permitted:
                _count(connection, permitted)

        if told:
            await self._writer.run(job)

    async def last_uses(self, credential_ids: Sequence[int]) -> dict[int, LastUse]:
        """Only those that were used have an entry."""
        ids = [credential_id for credential_id in credential_ids if is_id(credential_id)]

        def query(connection: Connection) -> dict[int, LastUse]:
            found: dict[int, LastUse] = {}
            for start in range(0, len(ids), _ASKED_AT_ONCE):
                some = credential_uses.c.credential_id.in_(ids[start : start + _ASKED_AT_ONCE])
                for row in connection.execute(select(credential_uses).where(some)):
                    found[row.credential_id] = LastUse(at=row.last_at, address=row.last_address, calls=row.calls)
            return found

        return await self._readers.run(query) if ids else {}

    async def last_secret_uses(self, secret_ids: Sequence[int]) -> dict[int, SecretUse]:
        """Only those that signed a permitted call have an entry. Answers for the first 500 asked for."""
        ids = [secret_id for secret_id in secret_ids if is_id(secret_id)][:_ASKED_AT_ONCE]
        query = select(secret_uses).where(secret_uses.c.secret_id.in_(ids))

        def read(connection: Connection) -> dict[int, SecretUse]:
            return {row.secret_id: SecretUse(at=row.last_at, calls=row.calls) for row in connection.execute(query)}

        return await self._readers.run(read) if ids else {}


def _is_countable(use: Use) -> bool:
    ids = is_id(use.credential_id) and 0 <= use.secret_id <= LARGEST_ID
    texts = is_storable(use.rule) and is_storable(use.address) and is_storable(use.outcome)
    return ids and texts and 0 < use.calls <= _MOST_CALLS and is_id(use.at)


def _count(connection: Connection, uses: Sequence[Use]) -> None:
    whole = insert(credential_uses)
    connection.execute(
        whole.on_conflict_do_update(
            index_elements=["credential_id"],
            set_={
                "calls": credential_uses.c.calls + whole.excluded.calls,
                "last_at": greatest(credential_uses.c.last_at, whole.excluded.last_at),
                "last_address": case(
                    (whole.excluded.last_at >= credential_uses.c.last_at, whole.excluded.last_address),
                    else_=credential_uses.c.last_address,
                ),
            },
        ),
        [
            {"credential_id": use.credential_id, "calls": use.calls, "last_at": use.at, "last_address": use.address}
            for use in uses
        ],
    )
    each = insert(rule_uses)
    connection.execute(
        each.on_conflict_do_update(
            index_elements=["credential_id", "rule"],
            set_={
                "calls": rule_uses.c.calls + each.excluded.calls,
                "last_at": greatest(rule_uses.c.last_at, each.excluded.last_at),
            },
        ),
        [
            {
                "credential_id": use.credential_id,
                "rule": use.rule,
                "calls": use.calls,
                "first_at": use.at,
                "last_at": use.at,
            }
            for use in uses
        ],
    )
    signed = [use for use in uses if use.secret_id]
    if signed:
        _count_secrets(connection, signed)


def _count_secrets(connection: Connection, uses: Sequence[Use]) -> None:
    """Once for each secret: most uses of a report are of the same few."""
    told: dict[int, tuple[int, int]] = {}
    for use in uses:
        calls, last_at = told.get(use.secret_id, (0, 0))
        told[use.secret_id] = (calls + use.calls, max(last_at, use.at))
    secret = insert(secret_uses)
    connection.execute(
        secret.on_conflict_do_update(
            index_elements=["secret_id"],
            set_={
                "calls": secret_uses.c.calls + secret.excluded.calls,
                "last_at": greatest(secret_uses.c.last_at, secret.excluded.last_at),
            },
        ),
        [{"secret_id": secret_id, "calls": calls, "last_at": last_at} for secret_id, (calls, last_at) in told.items()],
    )
