"""Permissions: those that are being asked for, and those that came back. The only place that touches consumer keys.

A key leaves this module only to somebody who names both its owner (the market's user) and the connection it belongs to;
the two are also bound to the sealed value, so that a key moved to another row does not open.
"""

import json
from typing import Any

from sqlalchemy import delete, insert, select, update

from mandat.marketplace.store.database import Database, insert_unless_there, new_id
from mandat.marketplace.store.schema import asks, connections
from mandat.marketplace.store.values import Connection
from mandat.marketplace.store.vault import Vault


class Permissions:
    """Asks and connections in the database."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def load_ask(self, user_id: int, installation_id: str, session_hash: bytes) -> dict[str, Any]:
        """What the SDK keeps for this browser session and this installation; empty when nothing was asked.

        Raises:
            VaultBroken: it does not open.
        """
        with self._database.reading() as connection:
            sealed = connection.execute(
                select(asks.c.sealed_session).where(
                    asks.c.user_id == user_id,
                    asks.c.installation_id == installation_id,
                    asks.c.session_hash == session_hash,
                )
            ).scalar()
        if sealed is None:
            return {}
        found = json.loads(self._vault.open(sealed, "ask", user_id, installation_id, session_hash.hex()))
        return found if isinstance(found, dict) else {}

    def sessions_that_asked(self, user_id: int, installation_id: str) -> list[bytes]:
        """The browser sessions, as token hashes, in which this customer asked for this installation."""
        with self._database.reading() as connection:
            return list(
                connection.execute(
                    select(asks.c.session_hash).where(
                        asks.c.user_id == user_id, asks.c.installation_id == installation_id
                    )
                ).scalars()
            )

    def save_ask(
        self, user_id: int, installation_id: str, session_hash: bytes, kept: dict[str, Any], *, at: float
    ) -> None:
        """Keeps what the SDK put into its session."""
        sealed = self._vault.seal(json.dumps(kept), "ask", user_id, installation_id, session_hash.hex())
        with self._database.writing() as connection:
            connection.execute(
                insert_unless_there(connection, asks)
                .values(
                    installation_id=installation_id,
                    session_hash=session_hash,
                    user_id=user_id,
                    sealed_session=sealed,
                    at=at,
                )
                .on_conflict_do_update(
                    index_elements=["installation_id", "session_hash"], set_={"sealed_session": sealed, "at": at}
                )
            )

    def prune_asks(self, *, before: float) -> None:
        """Forgets asks that the provider has forgotten too."""
        with self._database.writing() as connection:
            connection.execute(delete(asks).where(asks.c.at < before))

    def add_connection(self, user_id: int, installation_id: str, consumer_key: str, *, at: float) -> int:
        """Keeps a key that came back in the right browser. Answers the connection's id."""
        with self._database.writing() as connection:
            row = connection.execute(
                insert(connections).values(user_id=user_id, installation_id=installation_id, sealed_key=b"", at=at)
            )
            connection_id = new_id(row)
            sealed = self._vault.seal(consumer_key, "consumer key", user_id, connection_id)
            connection.execute(update(connections).where(connections.c.id == connection_id).values(sealed_key=sealed))
        return connection_id

    def find_connection(self, user_id: int, connection_id: int) -> Connection | None:
        """Without its key."""
        with self._database.reading() as connection:
            row = connection.execute(
                select(connections).where(connections.c.id == connection_id, connections.c.user_id == user_id)
            ).first()
        if row is None:
            return None
        return Connection(row.id, row.user_id, row.installation_id, row.account, row.account_name, row.at, row.lost)

    def open_key(self, user_id: int, connection_id: int) -> str:
        """The consumer key of a connection of this user.

        Raises:
            LookupError: this user has no such connection.
            VaultBroken: it does not open.
        """
        with self._database.reading() as connection:
            sealed = connection.execute(
                select(connections.c.sealed_key).where(
                    connections.c.id == connection_id, connections.c.user_id == user_id
                )
            ).scalar()
        if sealed is None:
            raise LookupError("no such connection of this user")
        return self._vault.open(sealed, "consumer key", user_id, connection_id)

    def note_account(self, connection_id: int, account: str, name: str) -> None:
        """Which account answered."""
        with self._database.writing() as connection:
            connection.execute(
                update(connections).where(connections.c.id == connection_id).values(account=account, account_name=name)
            )

    def accounts_of(self, user_id: int, installation_id: str) -> list[Connection]:
        """Every permission that this installation ever had, oldest first."""
        with self._database.reading() as connection:
            ids = connection.execute(
                select(connections.c.id)
                .where(connections.c.user_id == user_id, connections.c.installation_id == installation_id)
                .order_by(connections.c.id)
            ).scalars()
            found = list(ids)
        return [each for each in (self.find_connection(user_id, connection_id) for connection_id in found) if each]

    def note_lost(self, connection_id: int, *, at: float | None) -> None:
        """The key does not work any more; with None: it does again."""
        with self._database.writing() as connection:
            connection.execute(update(connections).where(connections.c.id == connection_id).values(lost=at))
