"""What lies between two versions of a stack: which steps differ, what becomes of each thing, which rights.

Pure. Says what an upgrade would do; asking for it and doing it belong to `mandat.marketplace.installs`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mandat.marketplace.stacks.expressions import Origin, Reference, Scope, Template, Value, references, resolve_text
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.rights import NeededRight, derive_rights
from mandat.marketplace.stacks.values import Change, Stack, Step, Words
from mandat.marketplace.stacks.yaml_text import JsonValue


class Way(StrEnum):
    """How a step of the new version comes about. The values are stored; they never change."""

    KEPT = "kept"  # what the version before it did still holds: nothing is sent
    CHANGED = "changed"  # what is there is changed in place
    DONE = "done"  # the step is done, as in an installation


@dataclass(frozen=True, slots=True)
class Before:
    """What is there when an upgrade begins.

    Attributes:
        outputs: of each step that was done, the names of the outputs that are known.
        there: the creating steps whose creation exists.
        altered: those whose creation another version may have changed since, and how it is changed back.
    """

    stack: Stack
    inputs: Mapping[str, JsonValue]
    outputs: Mapping[str, Collection[str]]
    there: Collection[str]
    altered: Mapping[str, Change | None]


def whole(stack: Stack, inputs: Mapping[str, JsonValue]) -> Before:
    """As if all of a version had been installed and nothing had happened since."""
    outputs = {step.id: [output.name for output in step.outputs] for step in stack.install}
    return Before(stack, inputs, outputs, [step.id for step in stack.install if step.creation is not None], {})


def ways_to(stack: Stack, inputs: Mapping[str, JsonValue], before: Before) -> dict[str, Way]:
    """For each step of the new version by id, in order, how it comes about.

    What both versions create alike is kept. What differs is changed in place where the step says how, and made anew
    otherwise. Anything that was only read is read again when a step that is done needs it; what creates nothing, such
    as publishing, is done again after something else was written.
    """
    steady: set[str] = set()
    ways: dict[str, Way] = {}
    for step in stack.install:
        same = _is_same(step, inputs, before) and _names(step) <= steady
        written = any(_writes(each, ways) for each in stack.install)
        if step.creation is not None:
            ways[step.id] = _way(step, inputs, before, same=same)
        elif step.operation.method == "GET":
            ways[step.id] = Way.KEPT if same else Way.DONE
        else:
            ways[step.id] = Way.KEPT if same and not written else Way.DONE
        if same or ways[step.id] is not Way.DONE:
            steady.add(step.id)
    for step in reversed(stack.install):
        if ways[step.id] is not Way.KEPT:
            for each in _names(step):
                ways[each] = Way.DONE if _is_read(stack, each) else ways[each]
    return ways


def changing(step: Step, change: Change) -> Step:
    """The step that changes in place what `step`, or the same step of another version, created."""
    body = step.payload if isinstance(step.payload, dict) else {}
    return Step(
        id=step.id,
        words=change.words,
        right=change.right,
        operation=change.operation,
        path_values=change.path_values,
        query_values={},
        payload={member: body[member] for member in change.members if member in body},
        has_payload=True,
        success=change.success,
        outputs=(),
        creation=None,
    )


def _way(step: Step, inputs: Mapping[str, JsonValue], before: Before, *, same: bool) -> Way:
    if step.id not in before.there:
        return Way.DONE
    if same and step.id not in before.altered:
        return Way.KEPT
    change = step.change or before.altered.get(step.id)
    return Way.CHANGED if change is not None and _can_change(step, change, inputs, before) else Way.DONE


def _can_change(step: Step, change: Change, inputs: Mapping[str, JsonValue], before: Before) -> bool:
    """Nothing differs but what the change sends; above all, it is in the same place."""
    old = _find(before.stack, step.id)
    if old is None or not {output.name for output in step.outputs} <= set(before.outputs.get(step.id, ())):
        return False
    mine, theirs = (
        _described(step, inputs, without=change.members),
        _described(old, before.inputs, without=change.members),
    )
    return mine == theirs


def _is_same(step: Step, inputs: Mapping[str, JsonValue], before: Before) -> bool:
    old = _find(before.stack, step.id)
    if old is None or step.id not in before.outputs:
        return False
    if not {output.name for output in step.outputs} <= set(before.outputs[step.id]):
        return False
    return _described(step, inputs) == _described(old, before.inputs) and (
        step.operation.method != "GET" or (step.outputs, step.conditions) == (old.outputs, old.conditions)
    )


def _described(step: Step, inputs: Mapping[str, JsonValue], *, without: Collection[str] = ()) -> tuple[object, ...]:
    """What a step sends, with inputs in place; outputs of other steps by name."""
    scope = as_scope(inputs)
    payload = step.payload
    if isinstance(payload, dict):
        payload = {name: value for name, value in payload.items() if name not in without}
    where = step.pick.where if step.pick is not None else {}
    path = {name: _filled(value, scope) for name, value in step.path_values.items()}
    query = {name: _filled(value, scope) for name, value in step.query_values.items()}
    shape = "/".join("{}" if each.is_parameter else each.text for each in step.operation.segments)
    values = [path[name] for name in step.operation.parameters]
    return (
        step.operation.method,
        shape,
        values,
        query,
        _filled(payload, scope),
        step.has_payload,
        _filled({**where}, scope),
    )


def _filled(value: Value, scope: Scope) -> object:
    match value:
        case Reference():
            return scope.get(value, value)
        case Template(parts=parts):
            if all(isinstance(part, str) or part in scope for part in parts):
                return resolve_text(value, scope)
            return tuple(part if isinstance(part, str) else _filled(part, scope) for part in parts)
        case list():
            return [_filled(item, scope) for item in value]
        case dict():
            return {name: _filled(item, scope) for name, item in value.items()}
        case _:
            return value


def _names(step: Step) -> set[str]:
    """The steps that this one needs the outputs of."""
    where = step.pick.where if step.pick is not None else {}
    used: list[Value] = [*step.path_values.values(), *step.query_values.values(), step.payload, *where.values()]
    return {each.step for each in references(used) if each.origin is Origin.STEP}


def _writes(step: Step, ways: Mapping[str, Way]) -> bool:
    return step.operation.method != "GET" and ways.get(step.id, Way.KEPT) is not Way.KEPT


def _is_read(stack: Stack, step_id: str) -> bool:
    step = _find(stack, step_id)
    return step is not None and step.operation.method == "GET"


def _find(stack: Stack, step_id: str) -> Step | None:
    return next((step for step in stack.install if step.id == step_id), None)


class Mark(StrEnum):
    """How a step of one version stands to the other version."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class StepDifference:
    """One step. `fate`: what becomes of what it creates: created, changed, replaced, removed, kept; "" for nothing."""

    mark: Mark
    step_id: str
    words: str
    what: str = ""
    name: str = ""
    old_value: str = ""
    value: str = ""
    fate: str = ""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two versions for one customer's inputs.

    Attributes:
        steps: those of the new version in order, then those that it does not have.
        more, less: rights that installing the new version takes and the old one did not, and the other way round.
    """

    steps: tuple[StepDifference, ...]
    more: tuple[NeededRight, ...]
    less: tuple[NeededRight, ...]


def compare(stack: Stack, inputs: Mapping[str, JsonValue], before: Before) -> Difference:
    """The difference, for people."""
    ways = ways_to(stack, inputs, before)
    steps = [_compared(step, _find(before.stack, step.id), inputs, before, ways) for step in stack.install]
    known = {step.id for step in stack.install}
    for old in before.stack.install:
        if old.id not in known:
            fate = "removed" if old.id in before.there else ""
            steps.append(_line(Mark.REMOVED, old, before.inputs, fate=fate))
    new_rights, old_rights = derive_rights(stack, inputs), derive_rights(before.stack, before.inputs)
    return Difference(
        tuple(steps),
        more=tuple(each for each in new_rights if each.rule not in {right.rule for right in old_rights}),
        less=tuple(each for each in old_rights if each.rule not in {right.rule for right in new_rights}),
    )


def _compared(
    step: Step, old: Step | None, inputs: Mapping[str, JsonValue], before: Before, ways: Mapping[str, Way]
) -> StepDifference:
    if old is None:
        return _line(Mark.ADDED, step, inputs, fate="created")
    same = _is_same(step, inputs, before)
    if step.creation is None:
        return _line(Mark.SAME if same else Mark.CHANGED, step, inputs, fate="")
    anew = "replaced" if step.id in before.there else "created"
    fate = {Way.KEPT: "kept", Way.CHANGED: "changed", Way.DONE: anew}[ways[step.id]]
    line = _line(Mark.SAME if fate == "kept" else Mark.CHANGED, step, inputs, fate=fate)
    if old.creation is None:
        return line
    was = resolve_text(old.creation.value, as_scope(before.inputs))
    return StepDifference(line.mark, line.step_id, line.words, line.what, line.name, was, line.value, line.fate)


def _line(mark: Mark, step: Step, inputs: Mapping[str, JsonValue], *, fate: str) -> StepDifference:
    scope = as_scope(inputs)

    def said(words: Words) -> str:
        return resolve_text(words, scope)

    if step.creation is None:
        return StepDifference(mark, step.id, said(step.words))
    what, name, value = step.creation.what, said(step.creation.name), said(step.creation.value)
    return StepDifference(mark, step.id, said(step.words), what, name, value=value, fate=fate)
