"""createToken: somebody registers an application and grants it rights on his own account in one step.

The result is what registering, asking and confirming give one after the other, made by one person in one transaction:
there is never an application without its credential, nor a question that waits. What is granted is shown first, in
words, and must come back as the digest of what was shown. Source: wire.md 3.2.

Whoever makes such keys again and again, as the API console does for an hour at a time, keeps one application in the
list: earlier ones of the same name and description, whose only delegation has ended, go when new ones are made.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from mandat.authority.applications.own import Applications
from mandat.authority.applications.registration import (
    CleanTexts,
    clean_texts,
    new_application,
    registration_entry,
    room_fault,
)
from mandat.authority.catalogue import Catalogue
from mandat.authority.consent import hash_of_rights, validity_fault
from mandat.authority.fault import Fault
from mandat.authority.interfaces import (
    ApplicationStore,
    Clock,
    CredentialStore,
    Entropy,
    PersonalKeyAudit,
    PersonalKeyStore,
)
from mandat.authority.login import Visitor
from mandat.authority.permission import CONSUMER_KEY_LENGTH, REQUEST_TOKEN_LENGTH
from mandat.authority.values import (
    Application,
    ApplicationStatus,
    AuditEntry,
    AuditEvent,
    Credential,
    NewApplication,
    NewCredential,
)
from mandat.authority.wording import Rights, rights_in_words
from mandat.core.credential import CredentialState, wire_state
from mandat.core.grant import Network
from mandat.protocol.access_rule import MAX_RULES, RULE_METHODS, AccessRule
from mandat.protocol.keys import key_hash, make_key
from mandat.protocol.messages import MAX_ALLOWED_NETWORKS
from mandat.protocol.networks import parse_network
from mandat.protocol.refusals import Reason
from mandat.protocol.target import check_pattern


@dataclass(frozen=True, slots=True)
class WantedKeys:
    """What somebody typed. `rules` are (method, path); no `addresses` means any; `validity_seconds` None, unlimited."""

    name: str
    description: str
    rules: tuple[tuple[str, str], ...]
    addresses: tuple[str, ...]
    validity_seconds: int | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be made, checked and in words. `digest` (64 hex digits) covers all of it."""

    name: str
    description: str
    rules: tuple[AccessRule, ...]
    allowed_networks: tuple[Network, ...] | None
    validity_seconds: int | None
    rights: Rights
    digest: str


@dataclass(frozen=True, slots=True)
class IssuedKeys:
    """An application with a validated credential. The secret and the consumer key can be read here and never again."""

    application: Application
    secret: str
    credential: Credential
    consumer_key: str


class PersonalKeys:
    """Makes keys for whoever is logged in."""

    def __init__(
        self,
        applications: ApplicationStore,
        personal_keys: PersonalKeyStore,
        *,
        own: Applications,
        credentials: CredentialStore,
        catalogue: Catalogue,
        clock: Clock,
        entropy: Entropy,
        unlimited_allowed: bool = True,
    ) -> None:
        self._applications = applications
        self._personal_keys = personal_keys
        self._own = own
        self._credentials = credentials
        self._catalogue = catalogue
        self._clock = clock
        self._entropy = entropy
        self.unlimited_allowed = unlimited_allowed

    def propose(self, wanted: WantedKeys) -> Proposal | Fault:
        """What `wanted` comes to, or the first thing that is wrong with it. Changes nothing.

        The fault's `field` is `name`, `description`, `rules`, `rules[N].method`, `rules[N].path`, `addresses`,
        `addresses[N]` or `validity`.
        """
        texts = clean_texts(wanted.name, wanted.description)
        if isinstance(texts, Fault):
            return texts
        rules = _read_rules(wanted.rules)
        if isinstance(rules, Fault):
            return rules
        networks = _read_networks(wanted.addresses)
        if isinstance(networks, Fault):
            return networks
        fault = validity_fault(wanted.validity_seconds, unlimited_allowed=self.unlimited_allowed)
        if fault is not None:
            return fault
        return Proposal(
            name=texts.name,
            description=texts.description,
            rules=rules,
            allowed_networks=networks,
            validity_seconds=wanted.validity_seconds,
            rights=rights_in_words(rules, self._catalogue),
            digest=_digest(texts, rules, networks, wanted.validity_seconds),
        )

    async def create(self, wanted: WantedKeys, visitor: Visitor, *, digest: str, address: str) -> IssuedKeys | Fault:
        """Makes the keys for the visitor's own account: both records or none. Ended ones of the same texts go first.

        Args:
            wanted: as in `propose`.
            visitor: who registers and grants.
            digest: of the proposal the visitor was shown.
            address: the visitor's.
        """
        proposal = self.propose(wanted)
        if isinstance(proposal, Fault):
            return proposal
        if digest != proposal.digest:
            return Fault(Reason.CONFLICT, "What was confirmed is not what was shown; read it again", "digest")
        texts = CleanTexts(proposal.name, proposal.description)
        await self._remove_ended(texts, visitor, address=address)
        fault = await room_fault(self._applications, visitor.user.account)
        if fault is not None:
            return fault
        now = int(self._clock())
        application = new_application(visitor.user, texts, entropy=self._entropy)
        consumer_key = make_key(self._entropy, CONSUMER_KEY_LENGTH)
        seconds = proposal.validity_seconds
        credential = NewCredential(
            account=visitor.user.account,
            user_id=visitor.user.id,
            consumer_key_hash=key_hash(consumer_key),
            # There was no request. The column is unique, and a token that nobody was told answers for nothing.
            request_token_hash=key_hash(make_key(self._entropy, REQUEST_TOKEN_LENGTH)),
            rules=proposal.rules,
            allowed_networks=proposal.allowed_networks,
            expires=None if seconds is None else now + seconds,
        )
        audit = PersonalKeyAudit(
            registered=registration_entry(visitor.user, application, at=now, address=address),
            confirmed=_consent_entry(visitor, application, credential, at=now, address=address),
        )
        made, granted = await self._personal_keys.add_personal_keys(application, credential, at=now, audit=audit)
        return IssuedKeys(made, application.secret, granted, consumer_key)

    async def _remove_ended(self, texts: CleanTexts, visitor: Visitor, *, address: str) -> None:
        """Deletes what `create` made earlier with these texts, once its keys have ended."""
        for application in await self._own.list_applications(visitor.user.account):
            is_alike = (application.name, application.description) == (texts.name, texts.description)
            # One that is suspended stays: nobody gets rid of an operator's block by making keys.
            if is_alike and application.status is ApplicationStatus.ACTIVE and await self._has_ended(application):
                await self._own.delete(application.owner, application.id, actor=visitor.actor, address=address)

    async def _has_ended(self, application: Application) -> bool:
        """True for an application that came with its only delegation, when that has ended.

        One that was registered by itself is never meant, whatever became of it: somebody may still ask with its key.
        """
        credentials = await self._credentials.list_credentials(application_id=application.id)
        if len(credentials) != 1:
            return False
        [only] = credentials
        came_together = (only.account, only.created) == (application.owner, application.created)
        state = wire_state(only.state, expires=only.expires, now=self._clock())
        return came_together and state != CredentialState.VALIDATED.value


def _read_rules(given: Sequence[tuple[str, str]]) -> tuple[AccessRule, ...] | Fault:
    if not given:
        return _bad("rules", "Name at least one right")
    if len(given) > MAX_RULES:
        return _bad("rules", f"There are more than {MAX_RULES} rights")
    for index, (method, path) in enumerate(given):
        if method not in RULE_METHODS:
            return _bad(f"rules[{index}].method", f"The method must be one of {', '.join(RULE_METHODS)}")
        why = check_pattern(path)
        if why is not None:
            return _bad(f"rules[{index}].path", f"The path of right {index + 1} {why}")
    return tuple(dict.fromkeys(AccessRule(method, path) for method, path in given))


def _read_networks(given: Sequence[str]) -> tuple[Network, ...] | Fault | None:
    if len(given) > MAX_ALLOWED_NETWORKS:
        return _bad("addresses", f"There are more than {MAX_ALLOWED_NETWORKS} addresses")
    networks: list[Network] = []
    for index, text in enumerate(given):
        network = parse_network(text)
        if network is None:
            message = f"Address {index + 1} is neither an address nor a block such as 192.0.2.0/24"
            return _bad(f"addresses[{index}]", message)
        networks.append(network)
    return tuple(dict.fromkeys(networks)) or None


def _bad(field: str, message: str) -> Fault:
    return Fault(Reason.BAD_PARAMETER, message, field)


def _digest(
    texts: CleanTexts,
    rules: tuple[AccessRule, ...],
    networks: tuple[Network, ...] | None,
    validity_seconds: int | None,
) -> str:
    digest = hashlib.sha256()
    length = "unlimited" if validity_seconds is None else str(validity_seconds)
    for part in (texts.name, texts.description, hash_of_rights(rules, networks), length):
        encoded = part.encode("utf-8")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def _consent_entry(
    visitor: Visitor, application: NewApplication, credential: NewCredential, *, at: int, address: str
) -> AuditEntry:
    """The same line that answering a request writes."""
    return AuditEntry(
        account=visitor.user.account,
        at=at,
        event=AuditEvent.CREDENTIAL_CONFIRMED,
        actor=visitor.actor,
        address=address,
        subject=f"application:{application.key}",
        details={
            "rules_hash": hash_of_rights(credential.rules, credential.allowed_networks),
            "asked_from": address,
            "expires": "unlimited" if credential.expires is None else str(credential.expires),
        },
    )
