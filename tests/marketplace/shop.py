"""What tests do at the marketplace's desk, without pages."""

import json
from collections.abc import Callable
from dataclasses import replace

import httpx2
from sqlalchemy import select, update

from doubles.nature import SetClock
from doubles.zone_provider import AK, ALICE, AS, ZoneProvider
from mandat.marketplace.installs.course import run_course
from mandat.marketplace.installs.desk import Question, SentOff
from mandat.marketplace.installs.ledger import step_ids_of
from mandat.marketplace.installs.provider import SdkProvider
from mandat.marketplace.installs.removal import Removals
from mandat.marketplace.installs.runner import StepRunner
from mandat.marketplace.installs.trying import StepRun
from mandat.marketplace.installs.upgrade import UpgradePlan, Upgrades
from mandat.marketplace.people.membership import LoggedIn
from mandat.marketplace.stacks.inputs import Checked, carried_inputs, check_typed
from mandat.marketplace.stacks.shelf import Shelf, read_library
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.store.people import OpenSession
from mandat.marketplace.store.registrations import Registration
from mandat.marketplace.store.schema import installations, sessions, users
from mandat.marketplace.store.values import Installation
from mandat.marketplace.wiring import Marketplace
from mandat.protocol.access_rule import AccessRule


class MemoryJournal:
    """A journal that forgets with the test. `slept` has the pauses; they take no time."""

    def __init__(self) -> None:
        self.entries: list[str] = []
        self.slept: list[float] = []

    def entry(self, name: str, work: Callable[[], list[str | float]]) -> list[str | float]:
        self.entries.append(name)
        return work()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class PassingJournal(MemoryJournal):
    """One whose pauses take time on `clock`."""

    def __init__(self, clock: SetClock) -> None:
        super().__init__()
        self._clock = clock

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._clock.advance(seconds)


class Shop:
    """A marketplace with its keys. Orders are for the mail stack on example.org unless said otherwise."""

    def __init__(self, marketplace: Marketplace, provider: ZoneProvider) -> None:
        self.marketplace = marketplace
        self.provider = provider
        self.site = marketplace.site
        self.books = marketplace.site.books
        self.desk = marketplace.site.desk
        self.site.registrations.save(Registration(AK, AS, "http://provider.test"), at=0.0)
        mail = self.books.shelf.find_offered("mail-dns")
        assert mail is not None
        self.stack = mail
        self._visitor: OpenSession | None = None

    def log_in(self, login: str = "carol") -> OpenSession:
        """A new session of this login, which is made when it is new."""
        membership = self.site.membership
        opened = membership.sign_up(login, "correct horse", address="192.0.2.1")
        if not isinstance(opened, LoggedIn):
            opened = membership.log_in(login, "correct horse", address="192.0.2.1")
        assert isinstance(opened, LoggedIn)
        session = membership.find_visitor(opened.token)
        assert session is not None
        return session

    def visitor(self) -> OpenSession:
        """Carol's session, the same each time."""
        if self._visitor is None:
            self._visitor = self.log_in()
        return self._visitor

    def offer(self, stack: Stack) -> None:
        """From now on this stack is on the shelf too."""
        known = [each for each in read_library() if (each.id, each.version) != (stack.id, stack.version)]
        shelf = Shelf([*known, stack], source_of=self.books.installations.source_of)
        self.books = self.site.books = replace(self.books, shelf=shelf)
        self._rebuild()

    def session_of(self, login: str) -> bytes:
        """The token hash of the latest session of this login."""
        with self.marketplace.database.reading() as connection:
            rows = select(sessions.c.token_hash).join(users).where(users.c.login == login)
            return bytes(connection.execute(rows.order_by(sessions.c.opened.desc())).scalars().first() or b"")

    def order(self, session: OpenSession, zone: str = "example.org") -> SentOff:
        checked = check_typed(self.stack.inputs, {"zone": zone})
        assert isinstance(checked, Checked)
        sent = self.desk.order(session, self.stack, checked.values)
        assert isinstance(sent, SentOff)
        return sent

    def order_stack(self, session: OpenSession, stack_id: str, typed: dict[str, str]) -> SentOff:
        """An order for any stack on offer, as ID or as ID@VERSION."""
        name, _at, version = stack_id.partition("@")
        stack = self.books.shelf.find_offered(name, version)
        assert stack is not None
        checked = check_typed(stack.inputs, typed)
        assert isinstance(checked, Checked), checked
        sent = self.desk.order(session, stack, checked.values)
        assert isinstance(sent, SentOff)
        return sent

    def ask_again(self, session: OpenSession, installation: Installation) -> SentOff:
        sent = self.desk.ask_again(session, installation)
        assert isinstance(sent, SentOff)
        return sent

    def confirm(self, session: OpenSession, sent: SentOff, account: str = ALICE) -> Installation:
        """The customer confirms at the provider and comes back."""
        return_url = self.provider.confirm(sent.validation_url, account)
        self.desk.come_back(session, self.get(sent.installation_id), return_url)
        return self.get(sent.installation_id)

    def get(self, installation_id: str) -> Installation:
        found = self.books.installations.find(installation_id)
        assert found is not None
        return found

    def run(self, installation: Installation, journal: MemoryJournal | None = None) -> Installation:
        """Does what the engine does: one attempt to its end."""
        step_ids = step_ids_of(installation, self.books.installations.list_steps(installation.id))
        run_course(
            journal or MemoryJournal(),
            self.marketplace.runner,
            installation_id=installation.id,
            attempt=installation.attempt,
            step_ids=step_ids,
        )
        return self.get(installation.id)

    def try_step(self, installation: Installation, step_id: str) -> None:
        """One step only."""
        run = StepRun(installation.id, installation.attempt, step_id, last=False, pause_seconds=1.0)
        self.marketplace.runner.try_step(run)

    def use_transport(self, transport: httpx2.BaseTransport) -> None:
        """From now on the provider is reached by this."""
        self._rebuild(transport=transport)

    def forbid_repeats(self) -> None:
        """From now on the provider counts as one that does not know idempotency keys."""
        self.provider.honours_keys = False
        self._rebuild(repeats_safely=False)

    def _rebuild(self, *, transport: httpx2.BaseTransport | None = None, repeats_safely: bool = True) -> None:
        def keys() -> tuple[str, str]:
            return AK, AS

        provider = SdkProvider(self.provider.base, keys, transport=transport or self.provider.transport())
        self.marketplace.runner = StepRunner(
            self.books,
            provider,
            announcer=self.site.announcer,
            clock=self.site.clock,
            repeats_safely=repeats_safely,
            visit=self.provider.visit,
        )
        self.site.removals = Removals(self.books, self.desk, self.marketplace.runner, clock=self.site.clock)
        self.site.upgrades = Upgrades(self.books, self.desk, self.marketplace.runner, clock=self.site.clock)

    def register(self, application_key: str) -> None:
        """The marketplace now has this key."""
        self.site.registrations.save(Registration(application_key, AS, "http://provider.test"), at=0.0)

    def replace_rules(self, installation: Installation, rules: list[AccessRule]) -> None:
        """As if the customer had been shown these."""
        stored = json.dumps([[rule.method, rule.path] for rule in rules])
        with self.marketplace.database.writing() as connection:
            change = update(installations).where(installations.c.id == installation.id)
            connection.execute(change.values(rules=stored))

    def remove(self, session: OpenSession, installation: Installation, account: str = ALICE) -> Installation:
        """Asks for the deletion rights, gets them, and lets the engine work."""
        return self.run(self.confirm_removal(session, self.ask_removal(session, installation), account))

    def ask_removal(self, session: OpenSession, installation: Installation) -> SentOff:
        """Asks for the deletion rights."""
        self.site.removals.settle(installation)
        sent = self.site.removals.ask(session, self.get(installation.id))
        assert isinstance(sent, SentOff)
        return sent

    def confirm_removal(self, session: OpenSession, sent: SentOff, account: str = ALICE) -> Installation:
        """The customer confirms the removal and comes back."""
        return_url = self.provider.confirm(sent.validation_url, account)
        self.desk.come_back(session, self.get(sent.installation_id), return_url, question=Question.REMOVING)
        return self.get(sent.installation_id)

    def installed(self, session: OpenSession) -> Installation:
        """Order, confirm, run."""
        return self.run(self.confirm(session, self.order(session)))

    def plan_upgrade(self, installation: Installation, **typed: str) -> UpgradePlan:
        """What upgrading to the newest version would do, with its new inputs as they are or as typed."""
        stack = self.site.upgrades.find_newer(installation)
        assert stack is not None
        return self.site.upgrades.plan(installation, stack, self.upgrade_inputs(installation, **typed))

    def upgrade_inputs(self, installation: Installation, **typed: str) -> dict[str, JsonValue]:
        """The inputs of the newest version, taken over where they are known."""
        stack = self.site.upgrades.find_newer(installation)
        assert stack is not None
        checked = check_typed(stack.inputs, carried_inputs(stack.inputs, installation.inputs) | typed)
        assert isinstance(checked, Checked)
        return checked.values

    def ask_upgrade(self, session: OpenSession, installation: Installation, **typed: str) -> SentOff:
        """Asks for what upgrading to the newest version takes."""
        stack = self.site.upgrades.find_newer(installation)
        assert stack is not None
        values = self.upgrade_inputs(installation, **typed)
        sent = self.site.upgrades.ask(session, installation, stack, values)
        assert isinstance(sent, SentOff)
        return sent

    def confirm_upgrade(self, session: OpenSession, sent: SentOff, account: str = ALICE) -> Installation:
        """The customer confirms the upgrade and comes back."""
        return_url = self.provider.confirm(sent.validation_url, account)
        self.desk.come_back(session, self.get(sent.installation_id), return_url, question=Question.UPGRADING)
        return self.get(sent.installation_id)

    def upgrade(self, session: OpenSession, installation: Installation, **typed: str) -> Installation:
        """Asks for what upgrading takes, gets it, and lets the engine work."""
        return self.run(self.confirm_upgrade(session, self.ask_upgrade(session, installation, **typed)))

    def go_back(self, session: OpenSession, installation: Installation) -> Installation:
        """Asks for what undoing an upgrade takes, gets it, and lets the engine work."""
        sent = self.site.upgrades.ask_undo(session, installation)
        assert isinstance(sent, SentOff)
        return self.run(self.confirm_upgrade(session, sent))
