"""Upgrading: from the version of a stack that is installed to a newer one, and back when it does not come to its end.

Plans what is kept, changed, made and removed, asks for just the rights that this takes, under a permission of its own,
and writes the course down; the work itself is the engine's, as for installing. What is dropped goes last, when
everything new is there and was seen to work. Going back is an upgrade too: to the version before, from what is there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from mandat.look.words import gettext as _
from mandat.marketplace.installs.desk import Desk, NotAsked, SentOff
from mandat.marketplace.installs.layers import Layer, Owned, Records, layers_of
from mandat.marketplace.installs.ledger import (
    ACCOUNT_STEP,
    HEALTH_STEP,
    UPGRADE_MARK,
    course_of,
    due_removals,
    exact_rights,
    leftovers,
    used,
)
from mandat.marketplace.installs.runner import Books, StepRunner
from mandat.marketplace.stacks.calls import CallRefused
from mandat.marketplace.stacks.difference import Before, Difference, Way, compare, ways_to
from mandat.marketplace.stacks.expressions import Origin, Scope
from mandat.marketplace.stacks.rights import NeededRight, derive_rights, is_covered
from mandat.marketplace.stacks.values import Change, Stack, Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import Event, State, StepState, sources
from mandat.marketplace.store.people import OpenSession
from mandat.marketplace.store.values import Edition, Installation, NewEdition, StepRecord
from mandat.protocol.access_rule import AccessRule


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """What an upgrade, or going back from one, would do.

    Attributes:
        goal: the version it leads to, with its inputs.
        difference: between the two versions, for people.
        steps: what is done, in order; the account's and the health step apart. `scopes`: what each may refer to.
        drops: what is removed, each with the version that made it.
        rights: what the steps take; the first is the marketplace's own.
        increases: those of the rights that the permission to install did not cover.
        edition: the same for the store.
    """

    goal: Layer
    difference: Difference
    steps: list[Step]
    scopes: list[Scope]
    drops: list[Owned]
    rights: tuple[NeededRight, ...]
    increases: tuple[NeededRight, ...]
    edition: NewEdition


class Upgrades:
    """Flows of upgrading, for one customer's browser session."""

    def __init__(self, books: Books, desk: Desk, runner: StepRunner, *, clock: Callable[[], float]) -> None:
        self._installations = books.installations
        self._editions = books.editions
        self._permissions = books.permissions
        self._shelf = books.shelf
        self._desk = desk
        self._runner = runner
        self._clock = clock

    def find_newer(self, installation: Installation) -> Stack | None:
        """The version on offer that is newer than the installed one; None when there is none, or not now."""
        if installation.state is not State.INSTALLED:
            return None
        installed = self._shelf.get_ordered(installation.stack_id, installation.digest)
        offered = self._shelf.find_offered(installation.stack_id)
        return offered if offered is not None and offered.number > installed.number else None

    def plan(self, installation: Installation, stack: Stack, values: Mapping[str, JsonValue]) -> UpgradePlan:
        """What going to `stack` with these inputs would do. Asks nobody.

        Raises:
            CallRefused: an id of the provider's cannot stand in a path.
        """
        return self._plan(installation, stack, values, undoes=False)

    def plan_undo(self, installation: Installation) -> UpgradePlan:
        """What going back to the installed version would do. Raises as `plan`."""
        installed = layers_of(self._shelf, installation)[0]
        return self._plan(installation, installed.stack, installed.inputs, undoes=True)

    def may_undo(self, installation: Installation) -> bool:
        """Whether an upgrade stopped and can be gone back from."""
        return (
            installation.state is State.UPGRADE_FAILED
            and bool(installation.pending)
            and not installation.pending[-1].undoes
        )

    def begun(self, installation: Installation) -> bool:
        """Whether any step of a pending upgrade was sent."""
        records = self._records(installation)
        steps, _scopes = (
            course_of(layers_of(self._shelf, installation), records, installation.pending[-1].course)
            if installation.pending
            else ({}, {})
        )
        return len(installation.pending) > 1 or any(records[each].state is not StepState.WAITING for each in steps)

    def ask(
        self, session: OpenSession, installation: Installation, stack: Stack, values: Mapping[str, JsonValue]
    ) -> SentOff | NotAsked | None:
        """Asks for what the upgrade takes. None when there was nothing to ask: it is done, or may not be done now."""
        if installation.state is not State.INSTALLED:
            return None
        return self._begin(session, installation, lambda: self.plan(installation, stack, values))

    def ask_undo(self, session: OpenSession, installation: Installation) -> SentOff | NotAsked | None:
        """Asks for what going back takes. None as for `ask`."""
        self._runner.settle(installation)
        found = self._installations.find(installation.id)
        if found is None or not self.may_undo(found):
            return None
        return self._begin(session, found, lambda: self.plan_undo(found))

    def ask_again(self, session: OpenSession, installation: Installation) -> SentOff | NotAsked | None:
        """Asks for the same rights once more. None when the installation is in no state to need them."""
        if installation.state not in sources(Event.UPGRADE_ASKED) or not installation.pending:
            return None
        return self._send_off(session, installation, installation.pending[-1], None)

    def keep(self, installation: Installation) -> bool:
        """Leaves what is there, or drops an upgrade that has not begun. False where neither can be."""
        if installation.state not in (State.AWAITING_UPGRADE, State.UPGRADE_FAILED):
            return False
        if self.begun(installation):
            return self._installations.change(installation.id, Event.KEPT, at=self._clock()) is not None
        if not self._editions.drop(installation.id, at=self._clock()):
            return False
        if installation.upgrade_connection_id is not None:
            self._runner.end_permissions(installation, only=installation.upgrade_connection_id)
        return True

    def _begin(
        self, session: OpenSession, installation: Installation, make: Callable[[], UpgradePlan]
    ) -> SentOff | NotAsked | None:
        try:
            plan = make()
        except CallRefused as fault:
            return NotAsked(str(fault), None, by_application=False)
        if plan.steps or plan.drops:
            return self._send_off(session, installation, plan.edition.edition, plan.edition)
        if plan.edition.edition.undoes:
            self.keep(installation)
        else:
            self._editions.replace(installation.id, plan.edition, at=self._clock())
        return None

    def _send_off(
        self, session: OpenSession, installation: Installation, edition: Edition, new: NewEdition | None
    ) -> SentOff | NotAsked | None:
        kept = self._permissions.load_ask(session.user_id, installation.id, session.token_hash)
        asked = self._desk.ask(installation.id, edition.rules, kept, way_back="return-upgrade")
        if isinstance(asked, NotAsked):
            return asked
        now = self._clock()
        self._permissions.save_ask(session.user_id, installation.id, session.token_hash, kept, at=now)
        if new is not None and not self._editions.add(installation.id, new, at=now):
            return None
        if new is None and self._installations.change(installation.id, Event.UPGRADE_ASKED, at=now) is None:
            return None
        return SentOff(installation.id, asked.validation_url)

    def _plan(
        self, installation: Installation, stack: Stack, values: Mapping[str, JsonValue], *, undoes: bool
    ) -> UpgradePlan:
        layers, records = layers_of(self._shelf, installation), self._records(installation)
        before = before_of(layers, records)
        ways = ways_to(stack, values, before)
        number = max(layer.number for layer in layers) + 1
        goal = Layer(number, stack, values, {step_id: way.value for step_id, way in ways.items()})
        course, drops = _course(goal, layers, records)
        known, waiting = _outcomes(goal, layers[0], records, course)
        steps, scopes = course_of([*layers, goal], _with_outputs(records, known, waiting), course)
        rights = exact_rights([(step, scopes[step_id]) for step_id, step in steps.items()], account=_account_words())
        old_rules = [right.rule for right in derive_rights(layers[0].stack, layers[0].inputs)]
        edition = Edition(
            number=number,
            digest=stack.digest,
            inputs=dict(values),
            rules=tuple(right.rule for right in rights),
            ways=goal.ways,
            course=tuple(course),
            undoes=undoes,
        )
        return UpgradePlan(
            goal=goal,
            difference=compare(stack, values, before),
            steps=list(steps.values()),
            scopes=[scopes[step_id] for step_id in steps],
            drops=drops,
            rights=rights,
            increases=tuple(
                right for right in rights if not is_covered(old_rules, method=right.rule.method, path=right.rule.path)
            ),
            edition=NewEdition(edition, stack.source, waiting, known),
        )

    def _records(self, installation: Installation) -> Records:
        return {record.step_id: record for record in self._installations.list_steps(installation.id)}


def upgrade_rights(layers: list[Layer], records: Records, edition: Edition) -> list[NeededRight]:
    """What the permission for an upgrade under way is for, in words: those of its rules that can still be told."""
    steps, scopes = course_of(layers, records, edition.course)
    known: dict[AccessRule, NeededRight] = {}
    for right in exact_rights([(step, scopes[each]) for each, step in steps.items()], account=_account_words()):
        known[right.rule] = right
    found = []
    for rule in edition.rules:
        # An id that was not known when it was asked for may be known by now.
        fits = [right for each, right in known.items() if is_covered([rule], method=each.method, path=each.path)]
        if fits:
            found.append(replace(fits[0], rule=rule, open_id="*" in rule.path))
    return found


def _account_words() -> str:
    return _("See which account you answered with, so that nothing is done on another one")


def before_of(layers: list[Layer], records: Records) -> Before:
    """What is there of the installed version; what versions after it may have changed of that."""
    installed = layers[0]
    done = {step.id: records.get(installed.record_id(step.id)) for step in installed.stack.install}
    altered: dict[str, Change | None] = {}
    for layer in layers[1:]:
        for step in layer.stack.install:
            record = records.get(layer.record_id(step.id))
            sent = record is not None and record.state is not StepState.WAITING
            if layer.ways.get(step.id) == Way.CHANGED and sent:
                altered[step.id] = step.change or altered.get(step.id)
    return Before(
        stack=installed.stack,
        inputs=installed.inputs,
        outputs={
            step_id: list(record.outputs or {})
            for step_id, record in done.items()
            if record is not None and record.state is StepState.DONE
        },
        there=[step.id for step in leftovers(installed, records)],
        altered=altered,
    )


def _course(goal: Layer, layers: list[Layer], records: Records) -> tuple[list[str], list[Owned]]:
    """The records to go through, in order, and what is removed; nothing at all when nothing has to be sent."""
    own = [goal.record_id(step.id) for step in goal.stack.install if goal.ways[step.id] != Way.KEPT]
    removals: list[str] = []
    drops: list[Owned] = []
    for layer in reversed(layers):
        going = [
            step
            for step in leftovers(layer, records)
            if layer is not layers[0] or goal.ways.get(step.id, Way.DONE) == Way.DONE
        ]
        drops += [Owned(layer, step) for step in going]
        for step in due_removals(layer, records, only={each.id for each in going}):
            by_id = any(each.origin is Origin.INSTALL for each in used(step))
            removals.append(layer.removal_id(step.id) + ("" if by_id else f"{UPGRADE_MARK}{goal.number}"))
    if not own and not removals:
        return [], []
    health = [goal.record_id(HEALTH_STEP)] if goal.stack.health is not None else []
    return [goal.record_id(ACCOUNT_STEP), *own, *health, *removals], drops


def _outcomes(
    goal: Layer, installed: Layer, records: Records, course: list[str]
) -> tuple[dict[str, Mapping[str, JsonValue]], dict[str, Mapping[str, JsonValue] | None]]:
    """What is known of the goal's steps from the start, and what waits; with the outputs that stay as they are."""
    known: dict[str, Mapping[str, JsonValue]] = {}
    waiting: dict[str, Mapping[str, JsonValue] | None] = dict.fromkeys(course)
    for step in goal.stack.install:
        before = records.get(installed.record_id(step.id))
        outputs = (before.outputs if before is not None else None) or {}
        if goal.ways[step.id] == Way.KEPT:
            known[goal.record_id(step.id)] = outputs
        elif goal.ways[step.id] == Way.CHANGED:
            waiting[goal.record_id(step.id)] = outputs
    if not course:
        own = [ACCOUNT_STEP, *([HEALTH_STEP] if goal.stack.health is not None else [])]
        known |= {goal.record_id(step_id): {} for step_id in own}
    return known, waiting


def _with_outputs(records: Records, *more: Mapping[str, Mapping[str, JsonValue] | None]) -> Records:
    """The records as they will be once the plan is written down."""
    planned = {
        record_id: StepRecord(record_id, StepState.WAITING, 0, dict(outputs) if outputs else None, None, None, None)
        for each in more
        for record_id, outputs in each.items()
        if record_id not in records
    }
    return {**records, **planned}
