"""The developer's applications, and the operator's view of everybody's: list, suspend, resume, delete.

`owner` is an account and limits everything to its applications; None is the operator. Registering is `registration`.
"""

import asyncio
from dataclasses import dataclass

from mandat.authority.interfaces import ApplicationStore, Clock, CredentialStore
from mandat.authority.values import Application, ApplicationStatus, AuditEntry, AuditEvent
from mandat.core.credential import CredentialState, wire_state


@dataclass(frozen=True, slots=True)
class OwnApplication:
    """An application with the number of accounts that have a running delegation to it."""

    application: Application
    customers: int


class Applications:
    """What may be done to registered applications."""

    def __init__(self, applications: ApplicationStore, credentials: CredentialStore, *, clock: Clock) -> None:
        self._applications = applications
        self._credentials = credentials
        self._clock = clock
        # Reading the status and setting it are two steps of the store; without this an owner's resume could undo an
        # operator's block that came between them. The authority is one process.
        self._status_change = asyncio.Lock()

    async def list_applications(self, owner: str | None) -> list[Application]:
        """All of that account; of everybody with None."""
        return await self._applications.list_applications(owner=owner)

    async def list_own(self, owner: str | None) -> list[OwnApplication]:
        """As `list_applications`, with the number of customers."""
        return [
            OwnApplication(application=application, customers=await self._customers(application.id))
            for application in await self.list_applications(owner)
        ]

    async def find(self, owner: str | None, application_id: int) -> Application | None:
        """That application, when it is the owner's."""
        application = await self._applications.find_application(application_id)
        return application if application is not None and owner in {None, application.owner} else None

    async def suspend(self, owner: str | None, application_id: int, *, actor: str, address: str) -> bool:
        """No call passes until it is resumed; delegations stay. The operator's suspension only he can lift.

        False when there is no such application, or it is suspended already.
        """
        async with self._status_change:
            application = await self.find(owner, application_id)
            status = ApplicationStatus.BLOCKED if owner is None else ApplicationStatus.INACTIVE
            if application is None or application.status in {status, ApplicationStatus.BLOCKED}:
                return False
            audit = self._audit(application, AuditEvent.APPLICATION_SUSPENDED, actor=actor, address=address)
            return await self._applications.set_application_status(
                application_id, status, at=int(self._clock()), audit=audit
            )

    async def resume(self, owner: str | None, application_id: int, *, actor: str, address: str) -> bool:
        """False when there is no such application, or nothing the caller may lift."""
        liftable = {ApplicationStatus.INACTIVE} | ({ApplicationStatus.BLOCKED} if owner is None else set())
        async with self._status_change:
            application = await self.find(owner, application_id)
            if application is None or application.status not in liftable:
                return False
            audit = self._audit(application, AuditEvent.APPLICATION_RESUMED, actor=actor, address=address)
            return await self._applications.set_application_status(
                application_id, ApplicationStatus.ACTIVE, at=int(self._clock()), audit=audit
            )

    async def delete(self, owner: str | None, application_id: int, *, actor: str, address: str) -> bool:
        """Deletes it and ends every delegation to it. False when there is no such application."""
        application = await self.find(owner, application_id)
        if application is None:
            return False
        audit = self._audit(application, AuditEvent.APPLICATION_DELETED, actor=actor, address=address)
        return await self._applications.delete_application(application_id, at=int(self._clock()), audit=audit)

    async def _customers(self, application_id: int) -> int:
        now = self._clock()
        return len(
            {
                credential.account
                for credential in await self._credentials.list_credentials(application_id=application_id)
                if wire_state(credential.state, expires=credential.expires, now=now) == CredentialState.VALIDATED.value
            }
        )

    def _audit(self, application: Application, event: AuditEvent, *, actor: str, address: str) -> AuditEntry:
        return AuditEntry(
            account=application.owner,
            at=int(self._clock()),
            event=event,
            actor=actor,
            address=address,
            subject=f"application:{application.key}",
            details={"name": application.name},
        )
