"""Replacing an application's secret while it works: add a second one, move over, end the first. ADR 0008.

`owner` is an account and limits everything to its applications; None is the operator. The first secret is made by
`registration`; how secrets are sealed is the store's business.
"""

from dataclasses import dataclass

from mandat.authority.applications.registration import APPLICATION_SECRET_LENGTH
from mandat.authority.fault import Fault
from mandat.authority.interfaces import ApplicationStore, Clock, Entropy, SecretStore, TooManySecrets, UsageReader
from mandat.authority.values import Application, ApplicationSecret, AuditEntry, AuditEvent, SecretUse
from mandat.protocol.keys import make_key
from mandat.protocol.refusals import Reason

MOST_SECRETS = 2
"""That may sign at once: the old one and the new one. Each more would cost every forged call another hash."""
LONGEST_OVERLAP_SECONDS = 366 * 86_400
"""How far ahead an end may lie: a later one is a mistake, or no end at all."""


@dataclass(frozen=True, slots=True)
class SecretInUse:
    """A secret with its last use; None: no permitted call was signed with it yet."""

    secret: ApplicationSecret
    last_use: SecretUse | None


@dataclass(frozen=True, slots=True)
class IssuedSecret:
    """A new secret. `text` can be read here and never again."""

    application: Application
    secret: ApplicationSecret
    text: str


class ApplicationSecrets:
    """What may be done to the secrets of registered applications."""

    def __init__(
        self,
        applications: ApplicationStore,
        secrets: SecretStore,
        *,
        usage: UsageReader,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._applications = applications
        self._secrets = secrets
        self._usage = usage
        self._clock = clock
        self._entropy = entropy

    async def list_secrets(self, owner: str | None, application_id: int) -> list[SecretInUse] | None:
        """Those that may sign now, oldest first. None when there is no such application of that owner."""
        if await self._find(owner, application_id) is None:
            return None
        now = int(self._clock())
        secrets = [
            secret
            for secret in await self._secrets.list_secrets(application_id)
            if secret.ends is None or secret.ends > now
        ]
        uses = await self._usage.last_secret_uses([secret.id for secret in secrets])
        return [SecretInUse(secret, uses.get(secret.id)) for secret in secrets]

    async def add_secret(
        self, owner: str | None, application_id: int, *, actor: str, address: str
    ) -> IssuedSecret | Fault:
        """Makes a further secret. Both sign until one is ended."""
        application = await self._find(owner, application_id)
        if application is None:
            return _unknown_application()
        text, now = make_key(self._entropy, APPLICATION_SECRET_LENGTH), int(self._clock())
        audit = self._audit(application, AuditEvent.APPLICATION_SECRET_ADDED, actor=actor, address=address)
        made = await self._secrets.add_secret(application_id, text, most=MOST_SECRETS, at=now, audit=audit)
        if isinstance(made, TooManySecrets):
            message = f"The application has {MOST_SECRETS} secrets already; end one of them first"
            return Fault(Reason.CONFLICT, message)
        if made is None:
            return _unknown_application()
        return IssuedSecret(application, made, text)

    async def end_secret(
        self,
        owner: str | None,
        application_id: int,
        secret_id: int,
        *,
        ends: int | None,
        actor: str,
        address: str,
    ) -> ApplicationSecret | Fault:
        """Lets a secret sign until `ends` (Unix seconds) and no longer; None: not from now on.

        An end that was set can be moved. The last secret without an end stays: make another one first.
        """
        application = await self._find(owner, application_id)
        if application is None:
            return _unknown_application()
        now = int(self._clock())
        if ends is not None and not now < ends <= now + LONGEST_OVERLAP_SECONDS:
            return Fault(Reason.BAD_PARAMETER, "The end must lie in the future, at most a year from now", "ends")
        audit = self._audit(
            application,
            AuditEvent.APPLICATION_SECRET_ENDED,
            actor=actor,
            address=address,
            secret=str(secret_id),
            ends=str(now if ends is None else ends),
        )
        ended = await self._secrets.end_secret(
            application_id, secret_id, ends=now if ends is None else ends, at=now, audit=audit
        )
        if ended is None:
            message = "There is no such secret, or it is the only one without an end; make another one first"
            return Fault(Reason.CONFLICT, message)
        return ended

    async def prune(self) -> int:
        """Forgets secrets whose end has passed; they have not signed since. How many."""
        return await self._secrets.remove_ended_secrets(at=int(self._clock()))

    async def _find(self, owner: str | None, application_id: int) -> Application | None:
        application = await self._applications.find_application(application_id)
        return application if application is not None and owner in {None, application.owner} else None

    def _audit(
        self, application: Application, event: AuditEvent, *, actor: str, address: str, **details: str
    ) -> AuditEntry:
        return AuditEntry(
            account=application.owner,
            at=int(self._clock()),
            event=event,
            actor=actor,
            address=address,
            subject=f"application:{application.key}",
            details={"name": application.name, **details},
        )


def _unknown_application() -> Fault:
    return Fault(Reason.UNKNOWN_OBJECT, "There is no such application")
