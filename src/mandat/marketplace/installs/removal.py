"""Undo and uninstall: taking away what an installation created, under a permission of its own.

The customer sees what is there, which rights removing takes, by real ids, and is asked for just those. Decides what may
be asked and when an installation may leave the list; the work itself is the engine's, as for installing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mandat.marketplace.installs.desk import Desk, NotAsked, SentOff
from mandat.marketplace.installs.layers import REMOVAL_MARK, Layer, Owned, is_done, layers_of
from mandat.marketplace.installs.ledger import (
    REMOVAL_ACCOUNT_STEP,
    due_removals,
    leftovers,
    removal_rights,
    unsettled,
)
from mandat.marketplace.installs.runner import Books, StepRunner
from mandat.marketplace.stacks.calls import CallRefused
from mandat.marketplace.stacks.rights import NeededRight
from mandat.marketplace.states import Event, State, sources
from mandat.marketplace.store.people import OpenSession
from mandat.marketplace.store.values import Installation, StepRecord

FIRST_POSITION = 1_000
"""Of the steps that remove: behind those of installing, in the order of the document."""

_SETTLES = (State.FAILED, State.NEEDS_PERMISSION, State.KEPT, State.UPGRADE_FAILED)
_LEAVES_FREELY = (State.KEPT, State.REMOVED)
_LEAVES_EMPTY = (State.AWAITING_PERMISSION, State.NEEDS_PERMISSION, State.FAILED)


@dataclass(frozen=True, slots=True)
class RemovalPlan:
    """What removing would do now.

    Attributes:
        creations: what is there, in the order in which it will go, each with the version of the stack that made it.
        steps: the uninstall steps that are due, likewise.
        rights: what they take.
        unknown: a creating step of which nobody knows whether it was done; it cannot be removed from here.
        complete: everything that installing creates is there, so that leaving it means it stays installed.
    """

    creations: list[Owned]
    steps: list[Owned]
    rights: tuple[NeededRight, ...]
    unknown: Owned | None
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
        layers, records = self._known(installation)
        open_step = unsettled(installation, records)
        made = [
            Owned(layer, step)
            for layer in layers
            for step in layer.stack.install
            if step.creation is not None and layer.owns(step.id)
        ]
        unknown = [
            each for each in made if open_step is not None and each.layer.record_id(each.id) == open_step.step_id
        ]
        return RemovalPlan(
            creations=[Owned(layer, step) for layer in reversed(layers) for step in leftovers(layer, records)],
            steps=[Owned(layer, step) for layer in reversed(layers) for step in due_removals(layer, records)],
            rights=removal_rights(layers, records),
            unknown=unknown[0] if unknown else None,
            complete=not installation.pending
            and all(is_done(records, step_id) for step_id in records if not step_id.startswith(REMOVAL_MARK))
            and not any(
                is_done(records, layer.removal_id(step.id)) for layer in layers for step in layer.stack.uninstall
            ),
        )

    def settle(self, installation: Installation) -> None:
        """Before a plan is shown: finds out about a step whose answer got lost, as far as that can be done."""
        if installation.state in _SETTLES:
            self._runner.settle(installation)

    def ask(self, session: OpenSession, installation: Installation) -> SentOff | NotAsked | None:
        """Asks for the deletion rights. None when there is nothing to remove, or no state to do so in."""
        if installation.state not in sources(Event.REMOVAL_ASKED):
            return None
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
            each.layer.removal_id(each.id): FIRST_POSITION + number for number, each in enumerate(plan.steps, start=1)
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

    def _known(self, installation: Installation) -> tuple[list[Layer], dict[str, StepRecord]]:
        return layers_of(self._shelf, installation), {
            record.step_id: record for record in self._installations.list_steps(installation.id)
        }
