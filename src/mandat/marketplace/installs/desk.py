"""What a customer does with installations: order, answer, ask again, try again, cancel, keep, check the permission.

Taking things away again is `mandat.marketplace.installs.removal`.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mandat.marketplace.installs.announcer import Announcer
from mandat.marketplace.installs.engine import Engine
from mandat.marketplace.installs.ledger import ACCOUNT_STEP, HEALTH_STEP
from mandat.marketplace.installs.provider import Answer, Asked, NoAnswer, NoPermission, Provider, Refused
from mandat.marketplace.installs.runner import Books
from mandat.marketplace.stacks.calls import Call
from mandat.marketplace.stacks.rights import WHO_ANSWERED, derive_rights
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import AT_WORK, Event, State, sources
from mandat.marketplace.store.people import OpenSession
from mandat.marketplace.store.values import Installation, NewInstallation, Problem, ProblemKind
from mandat.protocol.access_rule import AccessRule

_ID_BYTES = 15
"""120 random bits: 24 characters of base32, not to be guessed although only the owner gets to see it anyway."""

_ASK_SECONDS = 48 * 3600.0
"""The provider forgets an unanswered request after 24 h (design.md 6); twice that is on the safe side."""


class Question(StrEnum):
    """What a permission was asked for."""

    INSTALLING = "installing"
    REMOVING = "removing"
    UPGRADING = "upgrading"


_WAITING = {
    Question.INSTALLING: (State.AWAITING_PERMISSION, State.NEEDS_PERMISSION),
    Question.REMOVING: (State.AWAITING_REMOVAL, State.REMOVAL_FAILED),
    Question.UPGRADING: (State.AWAITING_UPGRADE, State.UPGRADE_FAILED),
}
"""Where an answer is welcome. In any other state its key is logged out."""


@dataclass(frozen=True, slots=True)
class SentOff:
    """The customer is to go to the provider now."""

    installation_id: str
    validation_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NotAsked:
    """The provider did not take the request. Nothing was changed."""

    message: str
    query_id: str | None
    by_application: bool


class Desk:
    """Flows for one customer's browser session.

    Args:
        public_url: scheme and host of the marketplace, where the provider sends customers back to.
    """

    def __init__(
        self,
        books: Books,
        provider: Provider,
        engine: Engine,
        *,
        announcer: Announcer,
        public_url: str,
        clock: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._installations = books.installations
        self._permissions = books.permissions
        self._provider = provider
        self._engine = engine
        self._announcer = announcer
        self._public_url = public_url
        self._clock = clock
        self._entropy = entropy

    def order(self, session: OpenSession, stack: Stack, values: dict[str, JsonValue]) -> SentOff | NotAsked:
        """Makes the one permission request, and an installation that waits for its answer.

        Args:
            values: checked inputs.
        """
        installation_id = base64.b32encode(self._entropy(_ID_BYTES)).decode("ascii").lower()
        rules = tuple(right.rule for right in derive_rights(stack, values))
        kept: dict[str, object] = {}
        asked = self._ask(installation_id, rules, kept)
        if isinstance(asked, NotAsked):
            return asked
        order = NewInstallation(
            id=installation_id,
            user_id=session.user_id,
            stack_id=stack.id,
            digest=stack.digest,
            source=stack.source,
            inputs=values,
            rules=rules,
            step_ids=(ACCOUNT_STEP, *(step.id for step in stack.install), *((HEALTH_STEP,) if stack.health else ())),
        )
        now = self._clock()
        self._installations.add(order, at=now)
        self._permissions.save_ask(session.user_id, installation_id, session.token_hash, kept, at=now)
        self._permissions.prune_asks(before=now - _ASK_SECONDS)
        return SentOff(installation_id, asked.validation_url)

    def ask_again(self, session: OpenSession, installation: Installation) -> SentOff | NotAsked | None:
        """Asks for the same rights once more. None when the installation is in no state to need them."""
        if installation.state not in sources(Event.ASKED):
            return None
        now = self._clock()
        kept = self._permissions.load_ask(session.user_id, installation.id, session.token_hash)
        asked = self._ask(installation.id, installation.rules, kept)
        if isinstance(asked, NotAsked):
            return asked
        self._permissions.save_ask(session.user_id, installation.id, session.token_hash, kept, at=now)
        if self._installations.change(installation.id, Event.ASKED, at=now) is None:
            return None
        return SentOff(installation.id, asked.validation_url)

    def _ask(self, installation_id: str, rules: tuple[AccessRule, ...], kept: dict[str, object]) -> Asked | NotAsked:
        return self.ask(installation_id, rules, kept, way_back="return")

    def ask(
        self, installation_id: str, rules: Sequence[AccessRule], kept: dict[str, object], *, way_back: str
    ) -> Asked | NotAsked:
        """One permission request. `kept` is filled with what the SDK needs when the browser comes back."""
        redirection = f"{self._public_url}/installations/{installation_id}/{way_back}"
        match self._provider.ask(rules, redirection=redirection, session=kept):
            case Asked() as asked:
                return asked
            case Refused(message, query_id, by_application):
                return NotAsked(message, query_id, by_application)
            case NoAnswer(message, query_id):
                return NotAsked(message, query_id, by_application=False)

    def come_back(
        self,
        session: OpenSession,
        installation: Installation,
        return_url: str,
        *,
        question: Question = Question.INSTALLING,
    ) -> None:
        """The browser came back from the validation page. What this means is on the installation's page afterwards.

        Args:
            question: what had been asked.
        """
        waiting = _WAITING[question]
        kept = self._permissions.load_ask(session.user_id, installation.id, session.token_hash)
        key = self._provider.complete(return_url, kept)
        now = self._clock()
        if key is None:
            self._distrust(installation)
            if installation.state in waiting:
                self._installations.note_problem(installation.id, Problem(ProblemKind.OTHER_BROWSER), at=now)
            return
        if installation.state in waiting:
            connection_id = self._permissions.add_connection(session.user_id, installation.id, key, at=now)
            self._installations.change(installation.id, Event.GRANTED, at=now, connection_id=connection_id)
            self.start(installation.id)
        elif not self._is_in_use(installation, key):
            self._provider.log_out(key)
        self._permissions.save_ask(session.user_id, installation.id, session.token_hash, kept, at=now)

    def _distrust(self, installation: Installation) -> None:
        """Somebody confirmed in a browser that had not asked: no key that waits for this installation may be used."""
        for session_hash in self._permissions.sessions_that_asked(installation.user_id, installation.id):
            kept = self._permissions.load_ask(installation.user_id, installation.id, session_hash)
            self._provider.complete("", kept)
            self._permissions.save_ask(installation.user_id, installation.id, session_hash, kept, at=self._clock())

    def _is_in_use(self, installation: Installation, key: str) -> bool:
        known = (
            installation.connection_id,
            installation.removal_connection_id,
            installation.upgrade_connection_id,
        )
        return any(each is not None and self._permissions.open_key(installation.user_id, each) == key for each in known)

    def try_again(self, installation: Installation) -> None:
        """Goes on with the step that failed."""
        if self._installations.change(installation.id, Event.RETRIED, at=self._clock()) is not None:
            self.start(installation.id)

    def cancel(self, installation: Installation) -> None:
        """No further step is begun. The one that is on its way is seen to its end, so that nothing is left behind."""
        if self._installations.change(installation.id, Event.CANCELLED, at=self._clock()) is not None:
            self._announcer.changed(installation.id)

    def check_permission(self, installation: Installation) -> None:
        """Asks the provider whether the permission still holds; the answer is on the installation's page."""
        if installation.connection_id is None:
            return
        key = self._permissions.open_key(installation.user_id, installation.connection_id)
        call = Call(WHO_ANSWERED.method, WHO_ANSWERED.path, "", None, has_body=False)
        match self._provider.call(key, call, idempotency_key=None):
            case Answer():
                self._permissions.note_lost(installation.connection_id, at=None)
            case NoPermission():
                self._permissions.note_lost(installation.connection_id, at=self._clock())
            case _:
                return

    def start(self, installation_id: str) -> None:
        """Sees to it that the engine works on it, if there is work."""
        installation = self._installations.find(installation_id)
        if installation is not None and installation.state in AT_WORK:
            self._engine.start(installation)
        self._announcer.changed(installation_id)
