"""What gateways know: grants and applications, from memory as long as nothing changed. `GrantSource` on SQLite.

Freshness. SQLite's `data_version` differs after every commit of anybody else (about 3 us). When it does, the entries
that `grant_changes` names since the last sequence read are dropped and nothing else; a gap in the sequence drops all.
Never kept: "does not exist", and pending requests. Those end by a commit to another file, or by none at all.
Loading and verifying rows is done in `mandat.storage.grants.loader`.
"""

from pathlib import Path

from mandat.core.grant import Grant, KnownApplication
from mandat.enforcement.counting.statistics import SourceStatistics
from mandat.enforcement.interfaces import MISSING, Missing, SourceUnavailable
from mandat.storage.grants.loader import GrantLoader
from mandat.storage.grants.recent import Recent
from mandat.storage.grants.rows import NewerKeys
from mandat.storage.keys.keyrings import NodeKeys


class SqliteGrantSource:
    """`GrantSource`. Belongs to one event loop, on which it also loads (tens of microseconds, and one verification).

    Args:
        folder: the data folder.
        keys: verifies and unseals; can sign nothing.
        newer_keys: asked for keys that replaced them when a row does not open (`key_files.node_key_file(...).newer`).
        most_grants: kept in memory, least recently used dropped first. Each takes less than 1 KB beside its rule set,
            which equal grants share.
        most_applications: kept in memory.
    """

    def __init__(
        self,
        folder: Path,
        keys: NodeKeys,
        *,
        newer_keys: NewerKeys = lambda: None,
        most_grants: int = 50_000,
        most_applications: int = 5_000,
    ) -> None:
        self._loader = GrantLoader(folder, keys, newer_keys)
        self._grants: Recent[bytes, Grant] = Recent(most_grants)
        self._applications: Recent[str, KnownApplication] = Recent(most_applications)
        self._data_version = 0
        self._sequence = 0
        self._held = False

    def peek_application(self, application_key: str) -> KnownApplication | Missing:
        """From memory. MISSING also for one that does not exist: only `find_application` says so."""
        if not self._held:
            self.check_freshness()
        return self._applications.get(application_key, MISSING)

    def peek_grant(self, consumer_key_hash: bytes) -> Grant | Missing:
        """From memory. MISSING also for pending and unknown ones: only `find_grant` tells them apart."""
        if not self._held:
            self.check_freshness()
        return self._grants.get(consumer_key_hash, MISSING)

    async def find_application(self, application_key: str) -> KnownApplication | None:
        """From memory or storage. None: does not exist. Raises SourceUnavailable."""
        known = self.peek_application(application_key)
        if known is not MISSING:
            return known
        self._applications.loads += 1
        application = self._loader.load_application(application_key)
        if application is not None:
            self._applications.put(application_key, application)
        return application

    async def find_grant(self, consumer_key_hash: bytes) -> Grant | None:
        """From memory or storage. A pending request has no credential id and no account yet (0 and empty).

        Raises:
            SourceUnavailable: storage did not answer, or the row is not the authority's.
        """
        known = self.peek_grant(consumer_key_hash)
        if known is not MISSING:
            return known
        self._grants.loads += 1
        grant = self._loader.load_grant(consumer_key_hash)
        if grant is None:
            pending = self._loader.load_pending(consumer_key_hash)
            if pending is not None:
                return pending
            # An answered request is forgotten only after its credential is there: it may have gone there meanwhile.
            grant = self._loader.load_grant(consumer_key_hash)
        if grant is not None:
            self._grants.put(consumer_key_hash, grant)
        return grant

    def check_freshness(self) -> None:
        """Drops from memory what changed in storage up to now.

        Raises:
            SourceUnavailable: storage does not answer.
        """
        loader = self._loader
        if not loader.is_open:
            self._start_over()
            return
        version = loader.data_version()
        if version != self._data_version:
            self._forget_changed()
            self._data_version = version

    def hold_freshness(self) -> bool:
        """Checks now, and lets every peek until `release_freshness` rely on it.

        For a loop that handles many calls which all came in before it woke up: hold at the first, release before it
        waits again. True when this call made the check, and its caller releases; False when it was held already.
        """
        if self._held:
            return False
        self.check_freshness()
        self._held = True
        return True

    def release_freshness(self) -> None:
        """Every peek checks again."""
        self._held = False

    def statistics(self) -> SourceStatistics:
        """See `ObservedSource`. Looks for changes, as a call would."""
        try:
            self.check_freshness()
            is_fresh = True
        except SourceUnavailable:
            is_fresh = False
        return SourceStatistics(self._grants.statistics(), self._applications.statistics(), 0.0, is_fresh)

    def close(self) -> None:
        """Closes the files and empties memory. A later call opens them again."""
        self._loader.close()
        self._forget_all()

    def _start_over(self) -> None:
        self._forget_all()
        self._loader.follow_keys()
        # In this order a commit between the two is seen as a change, which is harmless; otherwise it would be lost.
        self._data_version = self._loader.data_version()
        self._sequence = self._loader.last_change()

    def _forget_changed(self) -> None:
        for sequence, consumer_key_hash, application_key in self._loader.changes_since(self._sequence):
            if sequence != self._sequence + 1:
                # Nobody knows what happened; perhaps a key was replaced, and what it signed must not be believed now.
                self._forget_all()
                self._loader.follow_keys()
            self._grants.drop(consumer_key_hash)
            self._applications.drop(application_key)
            self._sequence = sequence

    def _forget_all(self) -> None:
        self._grants.clear()
        self._applications.clear()
