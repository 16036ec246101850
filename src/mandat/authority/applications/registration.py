"""Registering an application: what it may be called, and its two keys.

Leaves to others: sealing the secret (`ApplicationStore`), the form (`web.pages`). Source: wire.md 3.1 and 6.
"""

import unicodedata
from dataclasses import dataclass

from mandat.authority.fault import Fault
from mandat.authority.interfaces import ApplicationStore, Clock, Entropy
from mandat.authority.values import Application, AuditEntry, AuditEvent, NewApplication, User
from mandat.protocol.keys import make_key
from mandat.protocol.refusals import Reason

APPLICATION_KEY_LENGTH = 16
APPLICATION_SECRET_LENGTH = 32
NAME_MAX_CHARACTERS = 64
DESCRIPTION_MAX_CHARACTERS = 255
"""Both are shown to customers whole, so they must fit on the page."""
APPLICATIONS_PER_OWNER = 200
"""Far above what anybody needs; keeps one account from filling the database."""

_LINE_BREAKS = str.maketrans("\r\n\t", "   ")
_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, invisible and direction-changing characters, surrogates, private and unassigned ones (threats.md 3.1)."""


@dataclass(frozen=True, slots=True)
class IssuedApplication:
    """A new application. `secret` can be read here and never again."""

    application: Application
    secret: str


class Registration:
    """Makes applications."""

    def __init__(self, applications: ApplicationStore, *, clock: Clock, entropy: Entropy) -> None:
        self._applications = applications
        self._clock = clock
        self._entropy = entropy

    async def register(self, owner: User, *, name: str, description: str, address: str) -> IssuedApplication | Fault:
        """Registers an application of the owner's account.

        Args:
            owner: the developer.
            name: 1 to 64 characters on one line; what customers will read.
            description: 1 to 255 characters; line breaks become blanks.
            address: the caller's.
        """
        texts = clean_texts(name, description)
        if isinstance(texts, Fault):
            return texts
        fault = await room_fault(self._applications, owner.account)
        if fault is not None:
            return fault
        new = new_application(owner, texts, entropy=self._entropy)
        now = int(self._clock())
        application = await self._applications.add_application(
            key=new.key,
            secret=new.secret,
            name=new.name,
            description=new.description,
            owner=new.owner,
            at=now,
            audit=registration_entry(owner, new, at=now, address=address),
        )
        return IssuedApplication(application=application, secret=new.secret)


@dataclass(frozen=True, slots=True)
class CleanTexts:
    """A name and a description that customers may be shown."""

    name: str
    description: str


def clean_texts(name: str, description: str) -> CleanTexts | Fault:
    """Both texts as they are stored, or what is wrong with one of them; arguments as in `Registration.register`."""
    clean_name = one_line(name, field="name", max_characters=NAME_MAX_CHARACTERS)
    if isinstance(clean_name, Fault):
        return clean_name
    clean_description = one_line(
        description.translate(_LINE_BREAKS), field="description", max_characters=DESCRIPTION_MAX_CHARACTERS
    )
    if isinstance(clean_description, Fault):
        return clean_description
    return CleanTexts(clean_name, clean_description)


async def room_fault(applications: ApplicationStore, account: str) -> Fault | None:
    """Why the account may not have one more application, or None."""
    if len(await applications.list_applications(owner=account)) < APPLICATIONS_PER_OWNER:
        return None
    message = f"An account has at most {APPLICATIONS_PER_OWNER} applications; delete one you no longer need"
    return Fault(Reason.CONFLICT, message)


def new_application(owner: User, texts: CleanTexts, *, entropy: Entropy) -> NewApplication:
    """An application of the owner's account with fresh keys."""
    return NewApplication(
        key=make_key(entropy, APPLICATION_KEY_LENGTH),
        secret=make_key(entropy, APPLICATION_SECRET_LENGTH),
        name=texts.name,
        description=texts.description,
        owner=owner.account,
    )


def registration_entry(owner: User, new: NewApplication, *, at: int, address: str) -> AuditEntry:
    """The line in the owner's history."""
    return AuditEntry(
        account=owner.account,
        at=at,
        event=AuditEvent.APPLICATION_REGISTERED,
        actor=f"user:{owner.login}",
        address=address,
        subject=f"application:{new.key}",
        details={"name": new.name},
    )


def one_line(text: str, *, field: str, max_characters: int) -> str | Fault:
    """`text` in NFKC with single blanks, or why it cannot be shown to customers.

    Compatibility forms are folded because they are how names are made to look like other names; characters that are
    invisible or change the direction of text are refused rather than dropped, so that what is stored is what was typed.
    """
    if len(text) > max_characters * 4:  # before normalising, which can lengthen and costs time by length
        return Fault(Reason.BAD_PARAMETER, f"The {field} is too long: at most {max_characters} characters", field)
    for character in text:
        if unicodedata.category(character) in _REFUSED_CATEGORIES:
            message = f"The {field} holds a character that cannot be shown (U+{ord(character):04X})"
            return Fault(Reason.BAD_PARAMETER, message, field)
    folded = " ".join(unicodedata.normalize("NFKC", text).split())
    if not folded:
        return Fault(Reason.BAD_PARAMETER, f"The {field} is missing", field)
    if len(folded) > max_characters:
        return Fault(Reason.BAD_PARAMETER, f"The {field} is too long: at most {max_characters} characters", field)
    return folded
