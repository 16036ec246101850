"""The customer's answer to a permission request: show the question, take one answer, once.

Decides: which questions can still be answered, by whom, and where the browser goes next. An answer and its audit line
are one transaction of the store, and one answer wins. Leaves to others: the page and its form tokens (`web.pages`).
Source: wire.md 3.3, design.md 4 and 6, threats.md 3.1.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mandat.authority.catalogue import Catalogue
from mandat.authority.fault import Fault
from mandat.authority.interfaces import (
    AlreadyAnswered,
    ApplicationGone,
    ApplicationStore,
    Clock,
    CredentialStore,
    RequestStore,
    StorageUnavailable,
)
from mandat.authority.login import Visitor
from mandat.authority.redirection import followed_redirection, redirect_origin
from mandat.authority.values import Application, AuditEntry, AuditEvent, Credential, PermissionRequest, is_usable
from mandat.authority.wording import Rights, rights_in_words
from mandat.core.credential import CredentialState
from mandat.core.grant import Network
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.keys import is_key, key_hash
from mandat.protocol.refusals import Reason

VALIDITY_MIN_SECONDS = 60
VALIDITY_MAX_SECONDS = 100 * 366 * 86400
"""Longer than that is "unlimited", and must be said so."""


class EndedKind(Enum):
    """Why there is nothing to answer."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    ANSWERED = "answered"
    ANSWERED_BY_OTHER = "answered_by_other"
    APPLICATION_UNAVAILABLE = "application_unavailable"


@dataclass(frozen=True, slots=True)
class Ended:
    """The question cannot be answered (any more).

    `credential` and `application` are given only to the account that answered; nobody else learns anything.
    """

    kind: EndedKind
    credential: Credential | None = None
    application: Application | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the customer is asked.

    `owner_name` is the account of the application's developer. `rules_hash` (64 hex digits) covers everything the
    application asked for and must come back with the answer. `redirect_host` is scheme and host the browser will be
    sent to after Confirm, None when it will not be sent anywhere.
    """

    application: Application
    owner_name: str
    request: PermissionRequest
    rights: Rights
    rules_hash: str
    redirect_host: str | None
    unlimited_allowed: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer is durable. `follow` is the redirection to the letter: after Confirm, and if it may be followed."""

    credential: Credential
    follow: str | None
    application: Application


class Consent:
    """Shows questions and takes answers."""

    def __init__(
        self,
        applications: ApplicationStore,
        requests: RequestStore,
        *,
        credentials: CredentialStore,
        catalogue: Catalogue,
        clock: Clock,
        unlimited_allowed: bool = True,
    ) -> None:
        self._applications = applications
        self._requests = requests
        self._credentials = credentials
        self._catalogue = catalogue
        self._clock = clock
        self._unlimited_allowed = unlimited_allowed

    async def look(self, token: str, visitor: Visitor | None) -> Question | Ended:
        """The question behind a validation URL. Changes nothing that anybody could see."""
        opened = await self._open(token, visitor)
        if isinstance(opened, Ended):
            return opened
        request, application = opened
        return Question(
            application=application,
            owner_name=application.owner,
            request=request,
            rights=rights_in_words(request.rules, self._catalogue),
            rules_hash=rules_hash(request),
            redirect_host=redirect_origin(request.redirection),
            unlimited_allowed=self._unlimited_allowed,
        )

    async def confirm(
        self, token: str, visitor: Visitor, *, validity_seconds: int | None, rules_hash: str, address: str
    ) -> Answered | Ended | Fault:
        """Grants what was shown to the visitor's account.

        Args:
            token: the `credentialToken` of the validation URL.
            visitor: who answers.
            validity_seconds: from 60 up; None for unlimited.
            rules_hash: the hash of what the visitor was shown.
            address: the visitor's.
        """
        opened = await self._open(token, visitor)
        if isinstance(opened, Ended):
            return opened
        request, application = opened
        fault = validity_fault(validity_seconds, unlimited_allowed=self._unlimited_allowed) or _hash_fault(
            request, rules_hash
        )
        if fault is not None:
            return fault
        now = int(self._clock())
        expires = None if validity_seconds is None else now + validity_seconds
        answered = await self._answer(
            request, application, visitor, state=CredentialState.VALIDATED, expires=expires, address=address
        )
        if isinstance(answered, Ended):
            return answered
        return Answered(answered, followed_redirection(request.redirection), application)

    async def refuse(self, token: str, visitor: Visitor, *, address: str) -> Answered | Ended | Fault:
        """Refuses; the request is used up and its consumer key will never work. The browser is not sent on."""
        opened = await self._open(token, visitor)
        if isinstance(opened, Ended):
            return opened
        request, application = opened
        answered = await self._answer(
            request, application, visitor, state=CredentialState.REFUSED, expires=None, address=address
        )
        if isinstance(answered, Ended):
            return answered
        return Answered(answered, None, application)

    async def _open(self, token: str, visitor: Visitor | None) -> tuple[PermissionRequest, Application] | Ended:
        """The request and its application, when it can be answered now."""
        if not is_key(token.encode("utf-8", "replace")):
            return Ended(EndedKind.UNKNOWN)
        token_hash = key_hash(token)
        # The answer counts before the request: after a crash between the two files a request may have outlived it.
        credential = await self._credentials.find_answer(token_hash)
        if credential is not None:
            return await self._ended_by(credential, visitor)
        request = await self._requests.find_request(token_hash)
        if request is None:
            return Ended(EndedKind.UNKNOWN)
        if self._clock() >= request.expires:
            return Ended(EndedKind.EXPIRED)
        application = await self._applications.find_application(request.application_id)
        if application is None or not is_usable(application):
            return Ended(EndedKind.APPLICATION_UNAVAILABLE)
        return request, application

    async def _answer(
        self,
        request: PermissionRequest,
        application: Application,
        visitor: Visitor,
        *,
        state: CredentialState,
        expires: int | None,
        address: str,
    ) -> Credential | Ended:
        now = int(self._clock())
        confirmed = state is CredentialState.VALIDATED
        audit = AuditEntry(
            account=visitor.user.account,
            at=now,
            event=AuditEvent.CREDENTIAL_CONFIRMED if confirmed else AuditEvent.CREDENTIAL_REFUSED,
            actor=visitor.actor,
            address=address,
            subject=f"application:{application.key}",
            details={
                "rules_hash": rules_hash(request),
                "asked_from": request.address,
                "expires": "unlimited" if expires is None else str(expires),
            }
            if confirmed
            else {"rules_hash": rules_hash(request), "asked_from": request.address},
        )
        try:
            answered = await self._credentials.answer_request(
                request,
                account=visitor.user.account,
                user_id=visitor.user.id,
                state=state,
                at=now,
                expires=expires,
                audit=audit,
            )
        except ApplicationGone:
            return Ended(EndedKind.APPLICATION_UNAVAILABLE)
        if isinstance(answered, AlreadyAnswered):
            return await self._ended_by(answered.credential, visitor)
        await self._forget(request)
        return answered

    async def _forget(self, request: PermissionRequest) -> None:
        """The answer is durable already, so a failure here must not be shown as one; `_open` finds the answer first."""
        try:
            await self._requests.forget_request(request.id)
        except StorageUnavailable:
            return

    async def _ended_by(self, credential: Credential, visitor: Visitor | None) -> Ended:
        if visitor is None:
            return Ended(EndedKind.ANSWERED)
        if visitor.user.account != credential.account:
            return Ended(EndedKind.ANSWERED_BY_OTHER)
        application = await self._applications.find_application(credential.application_id)
        return Ended(EndedKind.ANSWERED, credential=credential, application=application)


def validity_fault(validity_seconds: int | None, *, unlimited_allowed: bool) -> Fault | None:
    """Why a delegation may not last so long, or None."""
    if validity_seconds is None:
        if unlimited_allowed:
            return None
        return Fault(Reason.BAD_PARAMETER, "Unlimited validity is not offered here; choose a length", "validity")
    if VALIDITY_MIN_SECONDS <= validity_seconds <= VALIDITY_MAX_SECONDS:
        return None
    message = f"The validity must lie between {VALIDITY_MIN_SECONDS} and {VALIDITY_MAX_SECONDS} seconds"
    return Fault(Reason.BAD_PARAMETER, message, "validity")


def rules_hash(request: PermissionRequest) -> str:
    """What the customer was asked, in 64 hex digits."""
    return hash_of_rights(request.rules, request.allowed_networks, redirection=request.redirection)


def hash_of_rights(
    rules: Sequence[AccessRule], allowed_networks: Sequence[Network] | None, *, redirection: str | None = None
) -> str:
    """SHA-256, as hex, over rules, allowed addresses and redirection, each part with its length before it."""
    networks = None if allowed_networks is None else [str(network) for network in allowed_networks]
    parts = [
        str(len(rules)),
        *(text for rule in rules for text in (rule.method, rule.path)),
        "any" if networks is None else str(len(networks)),
        *(networks or ()),
        "none" if redirection is None else "to",
        redirection or "",
    ]
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def _hash_fault(request: PermissionRequest, shown: str) -> Fault | None:
    if shown == rules_hash(request):
        return None
    message = "What was confirmed is not what is asked for; open the page again and read it"
    return Fault(Reason.CONFLICT, message, "rules_hash")
