"""What an installation created, and what is to be done now: steps, values and rights of installing or of removing.

The ledger is the installation's own step records: a creating step that is done, with the ids the provider answered.
Removing derives its calls and its rules from nothing else, so that only what was created here is ever taken away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mandat.look.words import gettext as _
from mandat.marketplace.stacks.calls import exact_rule
from mandat.marketplace.stacks.expressions import Origin, Reference, Scope, references, resolve_text
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.rights import WHO_ANSWERED, NeededRight
from mandat.marketplace.stacks.values import Stack, Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.marketplace.states import REMOVAL, StepState
from mandat.marketplace.store.values import Installation, ProblemKind, StepRecord
from mandat.protocol.access_rule import AccessRule

ACCOUNT_STEP = "_account"
"""The step before a stack's own: see which account answered. No step of a document can be called so."""

HEALTH_STEP = "_health"
"""The step after a stack's own: see whether the result answers."""

REMOVAL_MARK = "-"
"""Before the id of a step that removes. No step of a document can begin so."""

REMOVAL_ACCOUNT_STEP = REMOVAL_MARK + ACCOUNT_STEP

SUGGESTED_SECONDS = 3600
"""How long the permission to remove should hold; the provider's page lets the customer choose."""

Records = Mapping[str, StepRecord]


@dataclass(frozen=True, slots=True)
class Work:
    """What is being done to an installation: installing or removing.

    Attributes:
        steps: by the ids that records and journal know them by, in order; the account's own is not among them.
        scope: every value that is known.
        rules: the most that may be sent, as the customer was shown.
        connection_id: the permission for it; 0 when there is none.
    """

    removing: bool
    steps: dict[str, Step]
    scope: dict[Reference, JsonValue]
    rules: tuple[AccessRule, ...]
    connection_id: int
    account_step: str


def work_of(stack: Stack, installation: Installation, records: Records) -> Work:
    """The work that belongs to the installation's state."""
    if installation.state in REMOVAL:
        steps = {REMOVAL_MARK + step.id: step for step in stack.uninstall}
        return Work(
            removing=True,
            steps={step_id: step for step_id, step in steps.items() if step_id in records},
            scope=removal_scope(stack, installation, records),
            rules=installation.removal_rules,
            connection_id=installation.removal_connection_id or 0,
            account_step=REMOVAL_ACCOUNT_STEP,
        )
    return Work(
        removing=False,
        steps={step.id: step for step in stack.install},
        scope=install_scope(stack, installation, records),
        rules=installation.rules,
        connection_id=installation.connection_id or 0,
        account_step=ACCOUNT_STEP,
    )


def step_ids_of(installation: Installation, records: Sequence[StepRecord]) -> list[str]:
    """The steps that the engine has to go through now, in order."""
    removing = installation.state in REMOVAL
    return [each.step_id for each in records if each.step_id.startswith(REMOVAL_MARK) is removing]


def install_scope(stack: Stack, installation: Installation, records: Records) -> dict[Reference, JsonValue]:
    """What the steps of installing may refer to."""
    scope = as_scope(installation.inputs)
    for step in stack.install:
        for name, value in (records[step.id].outputs or {}).items():
            scope[Reference(Origin.STEP, name, step.id)] = value
    return scope


def removal_scope(stack: Stack, installation: Installation, records: Records) -> dict[Reference, JsonValue]:
    """What the steps of removing may refer to: inputs, what installing left, and outputs of their own."""
    made = install_scope(stack, installation, records)
    scope = as_scope(installation.inputs)
    scope |= {Reference(Origin.INSTALL, name): made[source] for name, source in stack.results.items() if source in made}
    for step in stack.uninstall:
        record = records.get(REMOVAL_MARK + step.id)
        for name, value in ((record.outputs if record else None) or {}).items():
            scope[Reference(Origin.STEP, name, step.id)] = value
    return scope


def is_done(records: Records, step_id: str) -> bool:
    """Whether that step is done."""
    return step_id in records and records[step_id].state is StepState.DONE


def due_removals(stack: Stack, installation: Installation, records: Records, *, done_too: bool = False) -> list[Step]:
    """The uninstall steps that have something to do: none of them names anything that was not created.

    A step that refers to what was created is due when that was; one that does not, such as publishing, is due when
    something was created at all. What is removed already is not due again; with `done_too` it is given as well.
    """
    if not any(is_done(records, step.id) for step in stack.install if step.creation is not None):
        return []
    scope = removal_scope(stack, installation, records)
    return [
        step
        for step in stack.uninstall
        if (done_too or not is_done(records, REMOVAL_MARK + step.id))
        and all(each in scope for each in _used(step) if each.origin is Origin.INSTALL)
    ]


def leftovers(stack: Stack, records: Records) -> list[Step]:
    """The creating steps whose creation is still there, last created first."""
    return [
        step
        for step in reversed(stack.install)
        if step.creation is not None
        and is_done(records, step.id)
        and not any(is_done(records, REMOVAL_MARK + remover.id) for remover in removers(stack, step))
    ]


def removers(stack: Stack, creating: Step) -> list[Step]:
    """The uninstall steps that refer to what this step created."""
    results = {name for name, source in stack.results.items() if source.step == creating.id}
    return [
        step
        for step in stack.uninstall
        if any(each.origin is Origin.INSTALL and each.name in results for each in _used(step))
    ]


def removal_rights(
    stack: Stack, installation: Installation, records: Records, *, done_too: bool = False
) -> tuple[NeededRight, ...]:
    """What removing takes: one rule for each thing that is there, by its real id.

    Raises:
        CallRefused: an id of the provider's cannot stand in a path.
    """
    scope = removal_scope(stack, installation, records)
    rights = [
        NeededRight(
            WHO_ANSWERED,
            (_("See which account you answered with, so that nothing is taken for gone on another one"),),
            (),
            open_id=False,
        )
    ]
    for step in due_removals(stack, installation, records, done_too=done_too):
        rule = exact_rule(step, scope)
        if not any(right.rule == rule for right in rights):
            rights.append(NeededRight(rule, (_words(step, scope),), (step.id,), open_id="*" in rule.path))
    return tuple(rights)


def unsettled(installation: Installation, records: Records) -> StepRecord | None:
    """The step of installing that may or may not have been done; None when everything is known."""
    problem = installation.problem
    for record in records.values():
        if record.step_id in (ACCOUNT_STEP, HEALTH_STEP) or record.step_id.startswith(REMOVAL_MARK):
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


def _used(step: Step) -> list[Reference]:
    return list(references([*step.path_values.values(), *step.query_values.values(), step.payload]))


def _words(step: Step, scope: Scope) -> str:
    return resolve_text(step.right, scope)
