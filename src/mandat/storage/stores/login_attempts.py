"""Failed logins: `LoginAttempts`. Logins are kept as hashes: people do type passwords into that field."""

from hashlib import sha256

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import login_failures
from mandat.storage.engine.writer import Writer

COUNTED_AT_MOST = 1_000
"""Counting stops here: no throttle needs to know more, and a count must not grow dear under attack."""


class StoredLoginAttempts:
    """`LoginAttempts`."""

    def __init__(self, writer: Writer, readers: Readers) -> None:
        self._writer = writer
        self._readers = readers

    async def failures_since(self, *, login: str, address: str, since: int) -> tuple[int, int]:
        """(failures of the login, failures from the address), each at most COUNTED_AT_MOST."""
        of_login = login_failures.c.login_hash == _login_hash(login)
        from_address = login_failures.c.address == address

        def count(connection: Connection, which: ColumnElement[bool]) -> int:
            found = select(login_failures.c.at).where(which, login_failures.c.at >= since).limit(COUNTED_AT_MOST)
            return connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()

        return await self._readers.run(
            lambda connection: (count(connection, of_login), count(connection, from_address))
        )

    async def note_failure(self, *, login: str, address: str, at: int) -> None:
        """Counts for the login and for the address."""
        values = {"login_hash": _login_hash(login), "address": address, "at": at}

        def job(connection: Connection) -> None:
            connection.execute(insert(login_failures), values)

        await self._writer.run(job)

    async def forget_failures(self, *, login: str) -> None:
        """Those of other logins from the same address stay."""

        def job(connection: Connection) -> None:
            connection.execute(delete(login_failures).where(login_failures.c.login_hash == _login_hash(login)))

        await self._writer.run(job)

    async def prune_failures(self, *, before: int) -> int:
        """How many were forgotten."""
        query = delete(login_failures).where(login_failures.c.at < before)
        return await self._writer.run(lambda connection: connection.execute(query).rowcount)


def _login_hash(login: str) -> bytes:
    return sha256(login.casefold().encode("utf-8", "surrogatepass")).digest()
