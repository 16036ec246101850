"""Storage for tests: an installation in a temporary folder, and short ways to put something into it."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from doubles.nature import CountingEntropy, SetClock
from mandat.authority.interfaces import RequestLimits
from mandat.authority.values import Application, AuditEntry, Credential, PermissionRequest
from mandat.core.credential import CredentialEvent, CredentialState
from mandat.core.grant import Network
from mandat.protocol.access_rule import AccessRule
from mandat.storage.database import Storage, migrate, open_storage
from mandat.storage.grants.reader import SqliteGrantSource
from mandat.storage.keys.keyrings import AuthorityKeys, create_keys, load_authority_keys, load_node_keys
from mandat.storage.operations.verify import Finding, verify

NOW = 1_800_000_000
DAY = 86_400
PLENTY = RequestLimits(per_address=1_000_000, per_application=1_000_000)
RULES = (AccessRule("GET", "/me"), AccessRule("POST", "/domain/zone/example.org/*"))


def hash_of(text: str) -> bytes:
    """A stand-in for the hash of a key or token."""
    return sha256(text.encode()).digest()


def entry(account: str = "customer-1", event: str = "credential.confirmed") -> AuditEntry:
    """A line of history about nothing in particular."""
    return AuditEntry(account, NOW, event, "user:alice", "192.0.2.1", "credential:1", {"why": "a test"})


@dataclass
class Installation:
    """Databases and keys in one temporary folder."""

    folder: Path
    entropy: Callable[[int], bytes]
    clock: SetClock

    @classmethod
    def create(cls, folder: Path) -> "Installation":
        """A new one, with keys and empty databases."""
        made = cls(folder, CountingEntropy(), SetClock(NOW))
        create_keys(made.keys_folder, made.entropy)
        migrate(made.data)
        return made

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def keys_folder(self) -> Path:
        return self.folder / "keys"

    @property
    def keys(self) -> AuthorityKeys:
        return load_authority_keys(self.keys_folder)

    def open(self) -> Storage:
        """The authority's side. Close it."""
        return open_storage(self.data, self.keys, clock=self.clock, entropy=self.entropy)

    def source(self, **limits: int) -> SqliteGrantSource:
        """A gateway's side. Close it."""
        return SqliteGrantSource(self.data, load_node_keys(self.keys_folder), **limits)

    def alter(self, file: str, statement: str, *parameters: Any) -> int:
        """What somebody with a pencil does: plain SQL behind the authority's back. How many rows it hit."""
        connection = sqlite3.connect(self.data / f"{file}.sqlite", timeout=5)
        try:
            with connection:
                return connection.execute(statement, parameters).rowcount
        finally:
            connection.close()

    def read(self, file: str, query: str, *parameters: Any) -> list[Any]:
        """Rows, behind the authority's back."""
        connection = sqlite3.connect(self.data / f"{file}.sqlite", timeout=5)
        try:
            return connection.execute(query, parameters).fetchall()
        finally:
            connection.close()

    def read_named(self, file: str, query: str) -> dict[str, Any]:
        """One row by names of columns, behind the authority's back."""
        connection = sqlite3.connect(self.data / f"{file}.sqlite", timeout=5)
        connection.row_factory = sqlite3.Row
        try:
            return dict(connection.execute(query).fetchone())
        finally:
            connection.close()

    @contextmanager
    def locked(self, file: str) -> Iterator[None]:
        """Somebody else holds the file's write lock."""
        connection = sqlite3.connect(self.data / f"{file}.sqlite", isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    def verify(self) -> list[Finding]:
        """What `storage.operations.verify` finds."""
        return verify(self.data, self.keys)


class Scene:
    """Puts things into any set of stores, each with keys of its own."""

    def __init__(self, stores: Any) -> None:
        self.stores = stores
        self._made = 0

    @staticmethod
    def token(name: str) -> bytes:
        """The hash of the token of the request of that name."""
        return hash_of(f"{name} token")

    def _number(self) -> int:
        self._made += 1
        return self._made

    async def application(self, *, owner: str = "developer-1", key: str | None = None) -> Application:
        """A registered application."""
        return await self.stores.applications.add_application(
            key=key or f"application{self._number()}",
            secret="s" * 32,
            name="Shop",
            description="Sells stacks",
            owner=owner,
            at=NOW,
            audit=entry(owner, "application.registered"),
        )

    async def ask(
        self,
        application_id: int = 1,
        *,
        name: str | None = None,
        address: str = "192.0.2.7",
        at: int = NOW,
        expires: int = NOW + DAY,
        limits: RequestLimits = PLENTY,
        networks: Sequence[Network] | None = None,
        rules: Sequence[AccessRule] = RULES,
    ) -> Any:
        """A request, or why not. Its consumer key is `NAME key`, its token `NAME token`."""
        name = name or f"request {self._number()}"
        return await self.stores.requests.add_request(
            application_id=application_id,
            consumer_key_hash=hash_of(f"{name} key"),
            token_hash=hash_of(f"{name} token"),
            rules=rules,
            redirection="https://shop.example/back?x=$REDIRECT",
            allowed_networks=networks,
            address=address,
            at=at,
            expires=expires,
            limits=limits,
        )

    async def answer(
        self,
        request: PermissionRequest,
        *,
        account: str = "customer-1",
        state: CredentialState = CredentialState.VALIDATED,
        expires: int | None = None,
    ) -> Any:
        """What the store says to an answer."""
        return await self.stores.credentials.answer_request(
            request, account=account, user_id=1, state=state, at=NOW, expires=expires, audit=entry(account)
        )

    async def delegation(self, application_id: int = 1, *, account: str = "customer-1", **asked: Any) -> Credential:
        """A confirmed request, forgotten as the authority does."""
        request = await self.ask(application_id, **asked)
        credential = await self.answer(request, account=account)
        await self.stores.requests.forget_request(request.id)
        return credential

    async def revoke(self, *credentials: Credential) -> list[int]:
        """The ids that changed."""
        return await self.stores.credentials.change_credentials(
            [credential.id for credential in credentials],
            CredentialEvent.REVOKE,
            at=NOW,
            audit=[entry(credential.account, "credential.revoked") for credential in credentials],
        )
