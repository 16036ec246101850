"""What an installation created, and what is to be done now: steps, values and rights of installing or of removing.

The ledger is the installation's own step records: a creating step that is done, with the ids the provider answered.
Removing derives its calls and its rules from nothing else, so that only what was created here is ever taken away.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from mandat.look.words import gettext as _
from mandat.marketplace.installs.layers import REMOVAL_MARK, Layer, Records, is_done
from mandat.marketplace.stacks.calls import exact_rule
from mandat.marketplace.stacks.difference import Way, changing
from mandat.marketplace.stacks.expressions import Origin, Reference, Scope, references, resolve_text
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.rights import WHO_ANSWERED, NeededRight
from mandat.marketplace.stacks.values import Health, Stack, Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import REMOVAL, StepState
from mandat.marketplace.store.values import Installation, ProblemKind, StepRecord
from mandat.protocol.access_rule import AccessRule

ACCOUNT_STEP = "_account"
"""The step before a stack's own: see which account answered. No step of a document can be called so."""

HEALTH_STEP = "_health"
"""The step after a stack's own: see whether the result answers."""

REMOVAL_ACCOUNT_STEP = REMOVAL_MARK + ACCOUNT_STEP

UPGRADE_MARK = "@"
"""After the id of an uninstall step that an upgrade does besides, such as publishing, and that may be due again."""

SUGGESTED_SECONDS = 3600
"""How long the permission to remove should hold; the provider's page lets the customer choose."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is being done to an installation: installing, upgrading or removing.

    Attributes:
        steps: by the ids that records and journal know them by, in order; account and health are not among them.
        scopes: every value that is known to each of them, and to the account's and the health step.
        rules: the most that may be sent, as the customer was shown.
        connection_id: the permission for it; 0 when there is none.
        health: what has to answer at `health_step`; None when nothing has.
    """

    removing: bool
    steps: dict[str, Step]
    scopes: dict[str, Mapping[Reference, JsonValue]]
    rules: tuple[AccessRule, ...]
    connection_id: int
    account_step: str
    health_step: str = ""
    health: Health | None = None


def work_of(layers: Sequence[Layer], installation: Installation, records: Records) -> Work:
    """The work that belongs to the installation's state."""
    if installation.state in REMOVAL:
        return _removing(layers, installation, records)
    if installation.pending:
        return _upgrading(layers, installation, records)
    layer = layers[0]
    scope = layer.scope(records)
    steps = {layer.record_id(step.id): step for step in layer.stack.install}
    return Work(
        removing=False,
        steps=steps,
        scopes=dict.fromkeys((*steps, layer.record_id(HEALTH_STEP)), scope),
        rules=installation.rules,
        connection_id=installation.connection_id or 0,
        account_step=layer.record_id(ACCOUNT_STEP),
        health_step=layer.record_id(HEALTH_STEP),
        health=layer.stack.health,
    )


def _removing(layers: Sequence[Layer], installation: Installation, records: Records) -> Work:
    steps: dict[str, Step] = {}
    scopes: dict[str, Mapping[Reference, JsonValue]] = {}
    for layer in reversed(layers):
        due = {layer.removal_id(step.id): step for step in layer.stack.uninstall}
        due = {step_id: step for step_id, step in due.items() if step_id in records}
        steps |= due
        scopes |= dict.fromkeys(due, layer.removal_scope(records))
    return Work(
        removing=True,
        steps=steps,
        scopes=scopes,
        rules=installation.removal_rules,
        connection_id=installation.removal_connection_id or 0,
        account_step=REMOVAL_ACCOUNT_STEP,
    )


def _upgrading(layers: Sequence[Layer], installation: Installation, records: Records) -> Work:
    goal = layers[-1]
    steps, scopes = course_of(layers, records, installation.pending[-1].course)
    return Work(
        removing=False,
        steps=steps,
        scopes=scopes | {goal.record_id(HEALTH_STEP): goal.scope(records)},
        rules=installation.pending[-1].rules,
        connection_id=installation.upgrade_connection_id or 0,
        account_step=goal.record_id(ACCOUNT_STEP),
        health_step=goal.record_id(HEALTH_STEP),
        health=goal.stack.health,
    )


def course_of(
    layers: Sequence[Layer], records: Records, course: Collection[str]
) -> tuple[dict[str, Step], dict[str, Mapping[Reference, JsonValue]]]:
    """The steps of an upgrade by record id, and what each may refer to."""
    goal = layers[-1]
    steps: dict[str, Step] = {}
    scopes: dict[str, Mapping[Reference, JsonValue]] = {}
    scope = goal.scope(records)
    for step in goal.stack.install:
        record_id = goal.record_id(step.id)
        if record_id in course:
            steps[record_id], scopes[record_id] = step, scope
            if goal.ways.get(step.id) == Way.CHANGED:
                steps[record_id], scopes[record_id] = _in_place(step, layers, scope)
    for layer in reversed(layers[:-1]):
        scope = layer.removal_scope(records)
        for step in layer.stack.uninstall:
            for record_id in (layer.removal_id(step.id), f"{layer.removal_id(step.id)}{UPGRADE_MARK}{goal.number}"):
                if record_id in course:
                    steps[record_id], scopes[record_id] = step, scope
    return steps, scopes


def _in_place(step: Step, layers: Sequence[Layer], scope: Scope) -> tuple[Step, Scope]:
    """The change of what a step created. On the way back, the version that changed it knows how."""
    if step.change is not None:
        return changing(step, step.change), scope
    for layer in reversed(layers):
        change = next((each.change for each in layer.stack.install if each.id == step.id), None)
        if change is not None:
            # Its words are about what it led to; the step's own say what is to be again.
            return replace(changing(step, change), words=step.words), {**as_scope(layer.inputs), **scope}
    return step, scope


def step_ids_of(installation: Installation, records: Sequence[StepRecord]) -> list[str]:
    """The steps that the engine has to go through now, in order."""
    removing = installation.state in REMOVAL
    if installation.pending and not removing:
        return list(installation.pending[-1].course)
    return [
        each.step_id
        for each in records
        if each.step_id.startswith(REMOVAL_MARK) is removing and UPGRADE_MARK not in each.step_id
    ]


def due_removals(
    layer: Layer, records: Records, *, done_too: bool = False, only: Collection[str] | None = None
) -> list[Step]:
    """The uninstall steps that have something to do: none of them names anything that was not created.

    A step that refers to what was created is due when that was; one that does not, such as publishing, is due when
    something was created at all. What is removed already is not due again; with `done_too` it is given as well.

    Args:
        only: the creating steps whose creations are to go; None for all.
    """
    going = [step.id for step in layer.created(records) if only is None or step.id in only]
    if not going:
        return []
    scope = layer.removal_scope(records)
    staying = {step.id for step in layer.created(records)} - set(going)
    return [
        step
        for step in layer.stack.uninstall
        if (done_too or not is_done(records, layer.removal_id(step.id)))
        and all(
            each in scope and layer.stack.results[each.name].step not in staying
            for each in used(step)
            if each.origin is Origin.INSTALL
        )
    ]


def leftovers(layer: Layer, records: Records) -> list[Step]:
    """The creating steps whose creation is still there, last created first."""
    return [step for step in reversed(layer.created(records)) if not is_removed(layer, records, step)]


def is_removed(layer: Layer, records: Records, creating: Step) -> bool:
    """Whether what this step created was taken away again."""
    return any(is_done(records, layer.removal_id(each.id)) for each in removers(layer.stack, creating))


def removers(stack: Stack, creating: Step) -> list[Step]:
    """The uninstall steps that refer to what this step created."""
    results = {name for name, source in stack.results.items() if source.step == creating.id}
    return [
        step
        for step in stack.uninstall
        if any(each.origin is Origin.INSTALL and each.name in results for each in used(step))
    ]


def removal_rights(layers: Sequence[Layer], records: Records, *, done_too: bool = False) -> tuple[NeededRight, ...]:
    """What removing takes: one rule for each thing that is there, by its real id.

    Raises:
        CallRefused: an id of the provider's cannot stand in a path.
    """
    due = [
        (step, layer.removal_scope(records))
        for layer in reversed(layers)
        for step in due_removals(layer, records, done_too=done_too)
    ]
    return exact_rights(
        due, account=_("See which account you answered with, so that nothing is taken for gone on another one")
    )


def exact_rights(steps: Sequence[tuple[Step, Scope]], *, account: str) -> tuple[NeededRight, ...]:
    """One rule for each of these steps, with real ids where they are known, each rule once.

    Args:
        account: in words, what the marketplace itself needs `GET /me` for.

    Raises:
        CallRefused: an id of the provider's cannot stand in a path.
    """
    rights = [NeededRight(WHO_ANSWERED, (account,), (), open_id=False)]
    for step, scope in steps:
        rule = exact_rule(step, scope)
        if not any(right.rule == rule for right in rights):
            rights.append(NeededRight(rule, (resolve_text(step.right, scope),), (step.id,), open_id="*" in rule.path))
    return tuple(rights)


def unsettled(installation: Installation, records: Records) -> StepRecord | None:
    """The step of installing that may or may not have been done; None when everything is known."""
    problem = installation.problem
    for record in records.values():
        if record.step_id.endswith((ACCOUNT_STEP, HEALTH_STEP)) or record.step_id.startswith(REMOVAL_MARK):
            continue
        lost = (
            record.state is StepState.FAILED
            and problem is not None
            and problem.step_id == record.step_id
            and problem.kind in (ProblemKind.NO_ANSWER, ProblemKind.ANSWER_LOST)
        )
        if record.state is StepState.RUNNING or lost:
            return record
    return None


def used(step: Step) -> list[Reference]:
    """Every value that the call of a step refers to."""
    return list(references([*step.path_values.values(), *step.query_values.values(), step.payload]))
