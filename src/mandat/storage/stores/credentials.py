"""Answered delegations: `CredentialStore`.

One winner for each request: the hashes of its consumer key and its token are unique, and every later change is an
UPDATE that names the state it starts from. Row, history and change log are written in one transaction.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from mandat.authority.interfaces import AlreadyAnswered, ApplicationGone, StorageUnavailable
from mandat.authority.values import AuditEntry, Credential, NewCredential, PermissionRequest
from mandat.core.credential import CredentialEvent, CredentialState
from mandat.core.grant import Network
from mandat.storage.engine.readers import Readers
from mandat.storage.engine.tables import applications, credentials
from mandat.storage.engine.upsert import insert
from mandat.storage.engine.writer import Writer
from mandat.storage.rows import is_id, is_storable, networks_text, rules_text
from mandat.storage.stores.audit import AuditedRecord, AuditTrail
from mandat.storage.stores.change_log import note_grant_change
from mandat.storage.stores.credential_rows import CredentialRows, credential_of


class StoredCredentials:
    """`CredentialStore`."""

    def __init__(self, writer: Writer, readers: Readers, *, rows: CredentialRows, trail: AuditTrail) -> None:
        self._writer = writer
        self._readers = readers
        self._rows = rows
        self._trail = trail

    async def answer_request(
        self,
        request: PermissionRequest,
        *,
        account: str,
        user_id: int,
        state: CredentialState,
        at: int,
        expires: int | None,
        audit: AuditEntry,
    ) -> Credential | AlreadyAnswered:
        """Writes the answer, unless somebody was first.

        Raises:
            ApplicationGone: the application was deleted meanwhile.
        """
        new = NewCredential(
            account=account,
            user_id=user_id,
            consumer_key_hash=request.consumer_key_hash,
            request_token_hash=request.token_hash,
            rules=request.rules,
            allowed_networks=request.allowed_networks,
            expires=expires,
        )

        def job(connection: Connection) -> Credential | AlreadyAnswered:
            known = select(applications.c.id).where(applications.c.id == request.application_id)
            if connection.execute(known).scalar() is None:
                raise ApplicationGone(f"application {request.application_id} does not exist any more")
            made = self.insert(connection, new, request.application_id, state=state, at=at, audit=audit)
            return AlreadyAnswered(self._winner(connection, request)) if made is None else made

        return await self._writer.run(job)

    def insert(
        self,
        connection: Connection,
        new: NewCredential,
        application_id: int,
        *,
        state: CredentialState,
        at: int,
        audit: AuditEntry,
    ) -> Credential | None:
        """As part of a transaction. None when there is one with its consumer key or its token already."""
        values = {
            "application_id": application_id,
            "account": new.account,
            "user_id": new.user_id,
            "consumer_key_hash": new.consumer_key_hash,
            "request_token_hash": new.request_token_hash,
            "state": state.value,
            "suspended": False,
            "rules": rules_text(new.rules),
            "allowed_networks": networks_text(new.allowed_networks),
            "created": at,
            "expires": new.expires,
            "changed": at,
            "version": 1,
        }
        # A row can be signed when it has its id: an unsigned one exists inside this transaction only.
        fresh = insert(credentials).values(values | {"signature": b"", "mac": b""}).on_conflict_do_nothing()
        made = connection.execute(fresh.returning(credentials.c.id)).scalar()
        if made is None:
            return None
        row = self._rows.protect(values | {"id": made})
        connection.execute(update(credentials).where(credentials.c.id == made), row)
        self._trail.append(connection, audit, about=AuditedRecord.credential(row))
        note_grant_change(connection, new.consumer_key_hash, at=at)
        return credential_of(row)

    async def find_credential(self, credential_id: int) -> Credential | None:
        """None when there is none of that id."""
        return await self._find(credentials.c.id == credential_id) if is_id(credential_id) else None

    async def find_answer(self, request_token_hash: bytes) -> Credential | None:
        """The credential that an answered request became."""
        return await self._find(credentials.c.request_token_hash == request_token_hash)

    async def list_credentials(
        self, *, account: str | None = None, application_id: int | None = None
    ) -> list[Credential]:
        """Filters are joined by AND. REFUSED ones are included; an altered row is left out and logged."""
        query = select(credentials).order_by(credentials.c.id)
        if account is not None:
            if not is_storable(account):
                return []
            query = query.where(credentials.c.account == account)
        if application_id is not None:
            if not is_id(application_id):
                return []
            query = query.where(credentials.c.application_id == application_id)
        return await self._readers.run(
            lambda connection: self._rows.guard.read_all(connection.execute(query).mappings(), credential_of)
        )

    async def change_credentials(
        self, credential_ids: Sequence[int], event: CredentialEvent, *, at: int, audit: Sequence[AuditEntry]
    ) -> list[int]:
        """Applies `event` to each that is in a state with that edge; answers the ids that changed. One transaction."""
        entries = dict(zip(credential_ids, audit, strict=True))

        def job(connection: Connection) -> list[int]:
            changed = []
            for credential_id, entry in entries.items():
                if not is_id(credential_id):
                    continue
                query = select(credentials).where(credentials.c.id == credential_id)
                row = connection.execute(query).mappings().first()
                moved = self._rows.apply_event(connection, row, event, at=at) if row is not None else None
                if moved is not None:
                    self._trail.append(connection, entry, about=moved)
                    changed.append(credential_id)
            return changed

        return await self._writer.run(job)

    async def set_allowed_networks(
        self, credential_id: int, networks: Sequence[Network] | None, *, at: int, audit: AuditEntry
    ) -> bool:
        """False when there is none of that id. Raises RecordTampered for an altered row."""
        if not is_id(credential_id):
            return False

        def job(connection: Connection) -> bool:
            query = select(credentials).where(credentials.c.id == credential_id)
            row = connection.execute(query).mappings().first()
            changes = {"allowed_networks": networks_text(networks)}
            written = self._rows.rewrite(connection, row, changes, at=at) if row is not None else None
            if written is None:
                return False
            self._trail.append(connection, audit, about=written)
            return True

        return await self._writer.run(job)

    async def _find(self, condition: Any) -> Credential | None:
        query = select(credentials).where(condition)
        return await self._readers.run(
            lambda connection: self._rows.guard.read(connection.execute(query).mappings().first(), credential_of)
        )

    def _winner(self, connection: Connection, request: PermissionRequest) -> Credential:
        same_request = (credentials.c.consumer_key_hash == request.consumer_key_hash) | (
            credentials.c.request_token_hash == request.token_hash
        )
        row = connection.execute(select(credentials).where(same_request)).mappings().first()
        winner = self._rows.guard.read(row, credential_of)
        if winner is None:
            raise StorageUnavailable("a credential was refused and the one in its place is not there")
        return winner
