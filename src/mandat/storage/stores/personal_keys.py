"""An application and its owner's own delegation to it, in one transaction: `PersonalKeyStore`."""

from sqlalchemy import Connection

from mandat.authority.interfaces import PersonalKeyAudit, StorageUnavailable
from mandat.authority.values import Application, Credential, NewApplication, NewCredential
from mandat.core.credential import CredentialState
from mandat.storage.engine.writer import Writer
from mandat.storage.stores.applications import StoredApplications
from mandat.storage.stores.credentials import StoredCredentials


class StoredPersonalKeys:
    """`PersonalKeyStore`."""

    def __init__(self, writer: Writer, *, applications: StoredApplications, credentials: StoredCredentials) -> None:
        """`writer` is the one that both stores write with."""
        self._writer = writer
        self._applications = applications
        self._credentials = credentials

    async def add_personal_keys(
        self, application: NewApplication, credential: NewCredential, *, at: int, audit: PersonalKeyAudit
    ) -> tuple[Application, Credential]:
        """Stores both, or neither.

        Raises:
            StorageUnavailable: also when a key or a token was drawn that exists.
        """

        def job(connection: Connection) -> tuple[Application, Credential]:
            made = self._applications.insert(connection, application, at=at, audit=audit.registered)
            state = CredentialState.VALIDATED
            granted = self._credentials.insert(
                connection, credential, made.id, state=state, at=at, audit=audit.confirmed
            )
            if granted is None:
                raise StorageUnavailable("a credential of this consumer key or token exists")
            return made, granted

        return await self._writer.run(job)
