"""Undo and uninstall: taking away what an installation created, under a permission of its own.

The customer sees what is there, which rights removing takes, by real ids, and is asked for just those. Decides what may
be asked and when an installation may leave the list; the work itself is the engine's, as for installing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mandat.marketplace.installs.desk import Desk, NotAsked, SentOff
from mandat.marketplace.installs.ledger import (
    REMOVAL_ACCOUNT_STEP,
    REMOVAL_MARK,
    due_removals,
    is_done,
    leftovers,
    removal_rights,
    unsettled,
)
from mandat.marketplace.installs.runner import Books, StepRunner
from mandat.marketplace.stacks.calls import CallRefused
from mandat.marketplace.stacks.rights import NeededRight
from mandat.marketplace.stacks.values import Stack, Step
from mandat.marketplace.states import Event, State, sources
from mandat.marketplace.store.people import OpenSession
from mandat.marketplace.store.values import Installation, StepRecord

FIRST_POSITION = 1_000
"""Of the steps that remove: behind those of installing, in the order of the document."""

_SETTLES = (State.FAILED, State.NEEDS_PERMISSION, State.KEPT)
_LEAVES_FREELY = (State.KEPT, State.REMOVED)
_LEAVES_EMPTY = (State.AWAITING_PERMISSION, State.NEEDS_PERMISSION, State.FAILED)


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What removing would do now.

    Attributes:
        creations: what is there, in the order in which it will go.
        steps: the uninstall steps that are due.
        rights: what they take.
        unknown: a creating step of which nobody knows whether it was done; it cannot be removed from here.
        complete: everything that installing creates is there, so that leaving it means it stays installed.
    """

    creations: list[Step]
    steps: list[Step]
    rights: tuple[NeededRight, ...]
    unknown: Step | None
    complete: bool


class Removals:
    """Flows of removing, for one customer's browser session."""

    def __init__(self, books: Books, desk: Desk, runner: StepRunner, *, clock: Callable[[], float]) -> None:
        self._installations = books.installations
        self._permissions = books.permissions
        self._shelf = books.shelf
        self._desk = desk
        self._runner = runner
        self._clock = clock

    def plan(self, installation: Installation) -> RemovalPlan:
        """What is there to remove. Asks nobody."""
        stack, records = self._known(installation)
        open_step = unsettled(installation, records)
        made = [step for step in stack.install if step.creation is not None]
        return RemovalPlan(
            creations=leftovers(stack, records),
            steps=due_removals(stack, installation, records),
            rights=removal_rights(stack, installation, records),
            unknown=next((step for step in made if open_step is not None and step.id == open_step.step_id), None),
            complete=all(is_done(records, step_id) for step_id in records if not step_id.startswith(REMOVAL_MARK))
            and not any(is_done(records, REMOVAL_MARK + step.id) for step in stack.uninstall),
        )

    def settle(self, installation: Installation) -> None:
        """Before a plan is shown: finds out about a step whose answer got lost, as far as that can be done."""
        if installation.state in _SETTLES:
            self._runner.settle(installation)

    def ask(self, session: OpenSession, installation: Installation) -> SentOff | NotAsked | None:
        """Asks for the deletion rights. None when there is nothing to remove, or no state to do so in."""
        if installation.state not in sources(Event.REMOVAL_ASKED):
            return None
        stack, _records = self._known(installation)
        try:
            plan = self.plan(installation)
        except CallRefused as fault:
            return NotAsked(str(fault), None, by_application=False)
        if not plan.steps:
            return None
        rules = tuple(right.rule for right in plan.rights)
        kept = self._permissions.load_ask(session.user_id, installation.id, session.token_hash)
        asked = self._desk.ask(installation.id, rules, kept, way_back="return-removal")
        if isinstance(asked, NotAsked):
            return asked
        positions = {REMOVAL_ACCOUNT_STEP: FIRST_POSITION} | {
            REMOVAL_MARK + step.id: FIRST_POSITION + number
            for number, step in enumerate(stack.uninstall, start=1)
            if step in plan.steps
        }
        now = self._clock()
        self._installations.plan_removal(installation.id, rules=rules, positions=positions)
        self._permissions.save_ask(session.user_id, installation.id, session.token_hash, kept, at=now)
        if self._installations.change(installation.id, Event.REMOVAL_ASKED, at=now) is None:
            return None
        return SentOff(installation.id, asked.validation_url)

    def keep(self, installation: Installation) -> None:
        """Leaves everything that is there."""
        complete = installation.state is State.AWAITING_REMOVAL and self.plan(installation).complete
        self._installations.change(installation.id, Event.DROPPED if complete else Event.KEPT, at=self._clock())

    def may_forget(self, installation: Installation) -> bool:
        """Whether it may leave the list: nothing is there, or the customer said that it shall stay."""
        if installation.state in _LEAVES_FREELY:
            return True
        if installation.state not in _LEAVES_EMPTY:
            return False
        plan = self.plan(installation)
        return not plan.creations and plan.unknown is None

    def forget(self, installation: Installation) -> bool:
        """Takes it out of the list and ends its permissions. False when it may not leave now."""
        if not self.may_forget(installation):
            return False
        self._runner.end_permissions(installation)
        return self._installations.forget(installation.id, state=installation.state)

    def _known(self, installation: Installation) -> tuple[Stack, dict[str, StepRecord]]:
        stack = self._shelf.get_ordered(installation.stack_id, installation.digest)
        return stack, {record.step_id: record for record in self._installations.list_steps(installation.id)}
