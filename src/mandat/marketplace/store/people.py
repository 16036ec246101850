"""The marketplace's own users and their sessions. Only hashes are kept: of passwords, of session tokens."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from mandat.marketplace.store.database import Database, new_id
from mandat.marketplace.store.schema import sessions, users


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who shops here. `login` is in small letters."""

    id: int
    login: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is neither ended nor too old."""

    user_id: int
    login: str
    token_hash: bytes


def token_hash(token: str) -> bytes:
    """What is kept of a session token: SHA-256. The token has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class People:
    """Users and sessions in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_user(self, login: str, password_hash: str, *, at: float) -> User | None:
        """None when the login is taken."""
        with self._database.writing() as connection:
            try:
                row = connection.execute(insert(users).values(login=login, password_hash=password_hash, at=at))
            except IntegrityError:
                return None
            return User(new_id(row), login, password_hash)

    def find_user(self, login: str) -> User | None:
        """By login in small letters."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(users.c.id, users.c.login, users.c.password_hash).where(users.c.login == login)
            ).first()
        return User(*row) if row else None

    def add_session(self, token: str, user_id: int, *, at: float) -> None:
        """Keeps a new session."""
        with self._database.writing() as connection:
            connection.execute(
                insert(sessions).values(token_hash=token_hash(token), user_id=user_id, opened=at, seen=at)
            )

    def find_session(self, token: str, *, seen_after: float, opened_after: float) -> OpenSession | None:
        """None for an unknown token, and for a session that is too old."""
        hashed = token_hash(token)
        with self._database.reading() as connection:
            row = connection.execute(
                select(sessions.c.user_id, users.c.login)
                .join(users)
                .where(sessions.c.token_hash == hashed, sessions.c.seen > seen_after, sessions.c.opened > opened_after)
            ).first()
        return OpenSession(row.user_id, row.login, hashed) if row else None

    def touch_session(self, hashed: bytes, *, at: float, unless_after: float) -> None:
        """Notes that it was used; writes only when the last note is older than `unless_after`."""
        with self._database.reading() as connection:
            seen = connection.execute(select(sessions.c.seen).where(sessions.c.token_hash == hashed)).scalar()
        if seen is not None and seen <= unless_after:
            with self._database.writing() as connection:
                connection.execute(update(sessions).where(sessions.c.token_hash == hashed).values(seen=at))

    def end_session(self, hashed: bytes) -> None:
        """Ends one; ending twice is harmless."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.token_hash == hashed))

    def prune_sessions(self, *, seen_before: float, opened_before: float) -> None:
        """Forgets sessions that no longer count."""
        with self._database.writing() as connection:
            connection.execute(
                delete(sessions).where((sessions.c.seen <= seen_before) | (sessions.c.opened <= opened_before))
            )
