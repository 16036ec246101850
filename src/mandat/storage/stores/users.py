"""Accounts and who can log in to them: `UserStore`. Rows carry a MAC: no row edit makes an operator."""

from typing import Any

from sqlalchemy import Connection, delete, select, update

from mandat.authority.interfaces import AccountTaken, LoginTaken
from mandat.authority.values import Role, User
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import accounts, sessions, users
from mandat.storage.engine.upsert import insert
from mandat.storage.engine.writer import Writer
from mandat.storage.keys.sealing import RowMac
from mandat.storage.rows import is_id, is_storable
from mandat.storage.stores.guard import Row, RowGuard

_GUARDED = ("id", "login", "login_folded", "account", "role", "password_hash", "created", "closed")


def row_guard(mac: RowMac) -> RowGuard:
    """Tells genuine rows of this table from altered ones."""
    return RowGuard(mac, "user", _GUARDED)


class StoredUsers:
    """`UserStore`."""

    def __init__(self, writer: Writer, readers: Readers, *, mac: RowMac) -> None:
        self._writer = writer
        self._readers = readers
        self._guard = row_guard(mac)

    async def add_user(
        self, *, login: str, account: str, role: Role, password_hash: str, at: int, address: str, joins: bool = False
    ) -> User | LoginTaken | AccountTaken:
        """Creates the account too when it does not exist yet; refuses one that exists unless the user `joins` it.

        Logins are compared without case.
        """
        given = {
            "login": login,
            "login_folded": login.casefold(),
            "account": account,
            "role": role.value,
            "password_hash": password_hash,
            "created": at,
            "created_from": address,
            "closed": False,
            "changed": at,
        }

        def job(connection: Connection) -> User | LoginTaken | AccountTaken:
            known = select(accounts.c.account).where(accounts.c.account == account)
            if not joins and connection.execute(known).first() is not None:
                return AccountTaken()
            fresh = insert(users).values(given | {"mac": b""}).on_conflict_do_nothing()
            made = connection.execute(fresh.returning(users.c.id)).scalar()
            if made is None:
                return LoginTaken()
            connection.execute(insert(accounts).values(account=account, created=at).on_conflict_do_nothing())
            values = given | {"id": made}
            self._write(connection, values)
            return _user(values)

        return await self._writer.run(job)

    async def find_user(self, login: str) -> User | None:
        """Closed users are found too."""
        return await self._find(users.c.login_folded == login.casefold()) if is_storable(login) else None

    async def find_user_by_id(self, user_id: int) -> User | None:
        """Closed users are found too."""
        return await self._find(users.c.id == user_id) if is_id(user_id) else None

    async def set_password(self, user_id: int, password_hash: str, *, at: int) -> None:
        """Does nothing for a user that does not exist."""

        def job(connection: Connection) -> None:
            row = connection.execute(select(users).where(users.c.id == user_id)).mappings().first()
            if row is not None and self._guard.read(row, _user) is not None:
                self._write(connection, {**row, "password_hash": password_hash, "changed": at})

        if is_id(user_id):
            await self._writer.run(job)

    async def close_account(self, account: str, *, at: int) -> bool:
        """Closes every user of the account and ends their sessions. False when the account has no open user."""
        if not is_storable(account):
            return False

        def job(connection: Connection) -> bool:
            query = select(users).where(users.c.account == account, users.c.closed.is_(False))
            rows = connection.execute(query).mappings().all()
            for row in rows:
                # Closing a row that is not genuine is allowed: it cannot log in anyway, and stays not genuine.
                if self._guard.read_all([row], _user):
                    self._write(connection, {**row, "closed": True, "changed": at})
                connection.execute(delete(sessions).where(sessions.c.user_id == row["id"]))
            connection.execute(update(accounts).where(accounts.c.account == account).values(closed=at))
            return bool(rows)

        return await self._writer.run(job)

    async def list_users(self) -> list[User]:
        """Everybody, closed users included; an altered row is left out and logged."""
        return await self._readers.run(
            lambda connection: self._guard.read_all(
                connection.execute(select(users).order_by(users.c.id)).mappings(), _user
            )
        )

    async def _find(self, condition: Any) -> User | None:
        query = select(users).where(condition)
        return await self._readers.run(
            lambda connection: self._guard.read(connection.execute(query).mappings().first(), _user)
        )

    def _write(self, connection: Connection, values: dict[str, Any]) -> None:
        values["mac"] = self._guard.mac_of(values)
        connection.execute(update(users).where(users.c.id == values["id"]), values)


def _user(row: Row) -> User:
    return User(
        id=row["id"],
        login=row["login"],
        account=row["account"],
        role=Role(row["role"]),
        password_hash=row["password_hash"],
        created=row["created"],
        closed=row["closed"],
    )
