"""What gateways know, when the grants are in PostgreSQL: `GrantSource` from memory as long as the lease holds.

Loading verifies each row (`mandat.storage.grants.rows`); `mandat.storage.postgres.freshness` says when memory may be
used. The change log names what to drop; a gap in it, or a session that was lost, drops all. Never kept: "does not
exist", and pending requests. Those end without an entry in the change log.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import psycopg

from mandat.core.grant import Grant, KnownApplication
from mandat.enforcement.counting.statistics import SourceStatistics
from mandat.enforcement.interfaces import MISSING, Missing, SourceUnavailable
from mandat.storage.grants.recent import Recent
from mandat.storage.grants.rows import (
    APPLICATION_QUERY,
    GRANT_QUERY,
    PENDING_QUERY,
    SECRETS_QUERY,
    GrantRows,
    NewerKeys,
)
from mandat.storage.keys.keyrings import NodeKeys
from mandat.storage.postgres.freshness import Freshness, LeaseTerms
from mandat.storage.postgres.place import CHANGES_CHANNEL, PostgresPlace
from mandat.storage.postgres.sessions import ReadSessions

MOST_CHANGES = 10_000
"""Read at once. Whoever is further behind forgets everything; that is cheaper than dropping one by one."""

HURRY_SECONDS = 0.01
"""Between two reads that notifications ask for, so that many changes share a read."""

RELISTEN_SECONDS = 1.0

_LAST_CHANGE = "SELECT sequence, consumer_key_hash, application_key FROM grant_changes ORDER BY sequence DESC LIMIT 1"
_CHANGES = (
    "SELECT sequence, consumer_key_hash, application_key FROM grant_changes"
    " WHERE sequence >= %s ORDER BY sequence LIMIT %s"
)
_GRANT, _PENDING = (query.replace("?", "%s") for query in (GRANT_QUERY, PENDING_QUERY))
_APPLICATION, _SECRETS = (query.replace("?", "%s") for query in (APPLICATION_QUERY, SECRETS_QUERY))


_NO_CHANGE = (0, None, None)
"""Stands before the first change: number, consumer key hash, application key. One that names nobody is for all."""


class PostgresGrantSource:
    """`GrantSource`. Belongs to one event loop. `run` keeps the lease alive; without it each call renews it.

    Args:
        place: the database.
        keys: verifies and unseals; can sign nothing.
        terms: of the lease.
        monotonic, epoch: see `Freshness`.
        newer_keys: asked for keys that replaced `keys` when a row does not open.
        most_grants, most_applications: kept in memory, least recently used dropped first.
    """

    def __init__(
        self,
        place: PostgresPlace,
        keys: NodeKeys,
        *,
        terms: LeaseTerms,
        monotonic: Callable[[], float],
        epoch: Callable[[], int],
        newer_keys: NewerKeys = lambda: None,
        most_grants: int = 50_000,
        most_applications: int = 5_000,
    ) -> None:
        self._place = place
        self._poll_seconds = terms.poll_seconds
        self._sessions = ReadSessions(place)
        self._verified = GrantRows(keys, newer_keys)
        self._grants: Recent[bytes, Grant] = Recent(most_grants)
        self._applications: Recent[str, KnownApplication] = Recent(most_applications)
        self._freshness = Freshness(
            self._read_changes, bound_seconds=terms.bound_seconds, monotonic=monotonic, epoch=epoch
        )
        self._last: tuple[Any, ...] | None = None
        self._losses = 0
        self._drops = 0
        self._hurry = asyncio.Event()

    def peek_application(self, application_key: str) -> KnownApplication | Missing:
        """From memory. MISSING also when memory may not be used just now: only `find_application` tells."""
        return self._applications.get(application_key, MISSING) if self._freshness.holds() else MISSING

    def peek_grant(self, consumer_key_hash: bytes) -> Grant | Missing:
        """From memory. MISSING also when memory may not be used just now: only `find_grant` tells."""
        return self._grants.get(consumer_key_hash, MISSING) if self._freshness.holds() else MISSING

    def hold_freshness(self) -> bool:
        """False: a peek only compares the lease with the clock, there is nothing to save."""
        return False

    def release_freshness(self) -> None:
        """See `hold_freshness`: nothing is ever held."""

    async def find_application(self, application_key: str) -> KnownApplication | None:
        """From memory or storage. None: does not exist. Raises SourceUnavailable."""
        await self._freshness.ensure()
        known = self._applications.get(application_key, MISSING)
        if known is not MISSING:
            return known
        drops = self._drops
        self._applications.loads += 1
        application = await self._load_application(application_key)
        if application is not None and drops == self._drops:
            self._applications.put(application_key, application)
        return application

    async def find_grant(self, consumer_key_hash: bytes) -> Grant | None:
        """From memory or storage. A pending request has no credential id and no account yet (0 and empty).

        Raises:
            SourceUnavailable: storage did not answer, or the row is not the authority's.
        """
        await self._freshness.ensure()
        known = self._grants.get(consumer_key_hash, MISSING)
        if known is not MISSING:
            return known
        drops = self._drops
        self._grants.loads += 1
        grant = await self._load_grant(consumer_key_hash)
        if grant is None:
            rows = await self._sessions.rows(_PENDING, consumer_key_hash)
            if rows:
                return self._verified.pending(consumer_key_hash, rows[0])
            # An answered request is forgotten only after its credential is there: it may have gone there meanwhile.
            grant = await self._load_grant(consumer_key_hash)
        # What was dropped while this was read may have been this: then it is good for this call and no other.
        if grant is not None and drops == self._drops:
            self._grants.put(consumer_key_hash, grant)
        return grant

    async def run(self) -> None:
        """Reads the change log regularly, and at once when the database says that there is news. Until cancelled."""
        listening = asyncio.get_running_loop().create_task(self._listen())
        try:
            while True:
                with contextlib.suppress(SourceUnavailable):
                    await self._freshness.renew()
                await asyncio.sleep(min(HURRY_SECONDS, self._poll_seconds))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._hurry.wait(), self._poll_seconds)
                self._hurry.clear()
        finally:
            listening.cancel()

    def statistics(self) -> SourceStatistics:
        """See `ObservedSource`. Between two reads of the change log a lapsed lease may only mean that a read is due."""
        age_seconds = self._freshness.age_seconds()
        is_fresh = age_seconds <= max(self._freshness.bound_seconds, 2 * self._poll_seconds)
        return SourceStatistics(self._grants.statistics(), self._applications.statistics(), age_seconds, is_fresh)

    def close(self) -> None:
        """Ends the sessions and empties memory."""
        self._sessions.close()
        self._forget_all()

    async def _listen(self) -> None:
        conninfo = self._place.conninfo(role="gateway news", settings={})
        while True:
            with contextlib.suppress(psycopg.Error, OSError):
                session = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
                try:
                    await session.execute(f"LISTEN {CHANGES_CHANNEL}")
                    async for _ in session.notifies():
                        self._hurry.set()
                finally:
                    session.pgconn.finish()
            await asyncio.sleep(RELISTEN_SECONDS)

    async def _read_changes(self) -> None:
        try:
            if self._last is None or self._losses != self._sessions.losses:
                await self._start_over()
            else:
                await self._follow(self._last)
        except SourceUnavailable:
            self._last = None
            raise

    async def _start_over(self) -> None:
        losses = self._sessions.losses
        rows = await self._sessions.rows(_LAST_CHANGE)
        self._forget_all()
        # Nobody knows what happened; perhaps a key was replaced, and what it signed must not be believed now.
        self._verified.follow_keys()
        self._last, self._losses = (rows[0] if rows else _NO_CHANGE), losses

    async def _follow(self, last: tuple[Any, ...]) -> None:
        rows = await self._sessions.rows(_CHANGES, last[0], MOST_CHANGES + 1)
        # The last known change comes along, so that a log which was cut or put back is noticed.
        log = rows if last != _NO_CHANGE else [_NO_CHANGE, *rows]
        gapless = [change[0] for change in log] == list(range(last[0], last[0] + len(log)))
        to_everybody = any(change[1:] == (None, None) for change in log[1:])
        lost = self._losses != self._sessions.losses
        if lost or to_everybody or not gapless or log[:1] != [last] or len(rows) > MOST_CHANGES:
            await self._start_over()
            return
        for _, consumer_key_hash, application_key in log[1:]:
            self._grants.drop(consumer_key_hash)
            self._applications.drop(application_key)
        self._drops += len(log) - 1
        self._last = log[-1]

    async def _load_application(self, key: str) -> KnownApplication | None:
        # Two statements see two moments: when a change came between them, the signature does not fit, and once more.
        for attempt in (1, 2):
            rows = await self._sessions.rows(_APPLICATION, key)
            secrets = await self._sessions.rows(_SECRETS, rows[0][0]) if rows else []
            try:
                return self._verified.application(key, rows[0], secrets) if rows else None
            except SourceUnavailable:
                if attempt == 2:
                    raise
        return None

    async def _load_grant(self, consumer_key_hash: bytes) -> Grant | None:
        rows = await self._sessions.rows(_GRANT, consumer_key_hash)
        return self._verified.grant(consumer_key_hash, rows[0]) if rows else None

    def _forget_all(self) -> None:
        self._drops += 1
        self._grants.clear()
        self._applications.clear()
