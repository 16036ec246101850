"""Logged-in browsers: `SessionStore`. Rows carry a MAC, so that nobody can be logged in by an INSERT."""

from sqlalchemy import Connection, delete, insert, select, update

from mandat.authority.values import Session
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import sessions
from mandat.storage.engine.writer import Writer
from mandat.storage.keys.sealing import RowMac
from mandat.storage.rows import is_id
from mandat.storage.stores.guard import Row, RowGuard

_GUARDED = ("token_hash", "user_id", "created", "last_seen", "address")


def row_guard(mac: RowMac) -> RowGuard:
    """Tells genuine rows of this table from altered ones."""
    return RowGuard(mac, "session", _GUARDED)


class StoredSessions:
    """`SessionStore`."""

    def __init__(self, writer: Writer, readers: Readers, *, mac: RowMac) -> None:
        self._writer = writer
        self._readers = readers
        self._guard = row_guard(mac)

    async def add_session(self, session: Session) -> None:
        """Stores a new session."""
        values = {name: getattr(session, name) for name in _GUARDED}

        def job(connection: Connection) -> None:
            # In the transaction: which key makes MACs is known from its beginning (storage.keys.files).
            connection.execute(insert(sessions), values | {"mac": self._guard.mac_of(values)})

        await self._writer.run(job)

    async def find_session(self, token_hash: bytes) -> Session | None:
        """None when there is none, or it was ended."""
        query = select(sessions).where(sessions.c.token_hash == token_hash)
        return await self._readers.run(
            lambda connection: self._guard.read(connection.execute(query).mappings().first(), _session)
        )

    async def touch_session(self, token_hash: bytes, *, at: int) -> None:
        """Notes that it was used. Never sets the time back; does nothing when the session was ended meanwhile."""
        this = sessions.c.token_hash == token_hash

        def job(connection: Connection) -> None:
            row = connection.execute(select(sessions).where(this)).mappings().first()
            if row is None or self._guard.read(row, _session) is None or row["last_seen"] >= at:
                return
            values = {**row, "last_seen": at}
            changes = {"last_seen": at, "mac": self._guard.mac_of(values)}
            connection.execute(update(sessions).where(this).values(changes))

        await self._writer.run(job)

    async def end_session(self, token_hash: bytes) -> None:
        """Ending one that is not there is harmless."""
        query = delete(sessions).where(sessions.c.token_hash == token_hash)
        await self._writer.run(lambda connection: _done(connection.execute(query)))

    async def end_sessions_of(self, user_id: int, *, except_token_hash: bytes | None = None) -> int:
        """How many were ended."""
        if not is_id(user_id):
            return 0
        query = delete(sessions).where(sessions.c.user_id == user_id)
        if except_token_hash is not None:
            query = query.where(sessions.c.token_hash != except_token_hash)
        return await self._writer.run(lambda connection: connection.execute(query).rowcount)

    async def prune_sessions(self, *, idle_before: int, created_before: int) -> int:
        """Ends those last used before `idle_before` and those begun before `created_before`; answers how many."""
        query = delete(sessions).where((sessions.c.last_seen < idle_before) | (sessions.c.created < created_before))
        return await self._writer.run(lambda connection: connection.execute(query).rowcount)


def _done(_: object) -> None:
    """The answer of a job that has none."""


def _session(row: Row) -> Session:
    return Session(
        token_hash=row["token_hash"],
        user_id=row["user_id"],
        created=row["created"],
        last_seen=row["last_seen"],
        address=row["address"],
    )
