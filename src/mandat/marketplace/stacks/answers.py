"""What a step makes of an answer: does it fit, is it too early, and which values are taken out of it.

Compares and picks; nothing is evaluated. Source: a subset of Arazzo 1.0.1, "Criterion Object", "Failure Action Object".
"""

from enum import StrEnum

from mandat.marketplace.stacks.expressions import Scope, resolve
from mandat.marketplace.stacks.values import Condition, Pick, Step
from mandat.marketplace.stacks.yaml_text import JsonValue


class Verdict(StrEnum):
    """What an answer means for its step."""

    FITS = "fits"
    NOT_YET = "not_yet"
    DOES_NOT_FIT = "does_not_fit"


class NotInAnswer(Exception):
    """The answer lacks what the step takes from it. The text says what."""


def judge(step: Step, body: JsonValue) -> tuple[Verdict, str]:
    """Whether `body` is what the step waits for, and in words what it is instead."""
    for condition in step.conditions:
        if _holds(condition, body):
            continue
        found = _found(body, condition.pointer)
        words = f"{'/'.join(condition.pointer)} is {str(found)[:80]} instead of {condition.value}"
        retry = step.retry
        early = retry is not None and (retry.condition is None or _holds(retry.condition, body))
        return (Verdict.NOT_YET if early else Verdict.DOES_NOT_FIT), words
    return Verdict.FITS, ""


def take_outputs(step: Step, body: JsonValue, scope: Scope) -> dict[str, JsonValue]:
    """The step's outputs.

    Raises:
        NotInAnswer: one is not there and has no value to fall back to.
    """
    if step.pick is not None:
        body = _picked(step.pick, body, scope)
    outputs: dict[str, JsonValue] = {}
    for output in step.outputs:
        try:
            outputs[output.name] = pointed(body, output.pointer)
        except LookupError:
            if output.name not in step.fallbacks:
                raise NotInAnswer(f"no {'/'.join(output.pointer)}") from None
            outputs[output.name] = step.fallbacks[output.name]
    return outputs


def pointed(body: JsonValue, pointer: tuple[str, ...]) -> JsonValue:
    """What a JSON pointer points at. Raises LookupError when that is nothing. Source: RFC 6901."""
    for token in pointer:
        if isinstance(body, dict) and token in body:
            body = body[token]
        elif isinstance(body, list) and token.isascii() and token.isdigit() and int(token[:9]) < len(body):
            body = body[int(token[:9])]
        else:
            raise LookupError("/".join(pointer))
    return body


def _picked(pick: Pick, body: JsonValue, scope: Scope) -> JsonValue:
    wanted = {name: resolve(value, scope) for name, value in pick.where.items()}
    listed = _found(body, pick.pointer)
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict) and all(_same(item.get(name), value) for name, value in wanted.items()):
            return item
    raise NotInAnswer("nothing with " + " and ".join(f"{name} {value}" for name, value in wanted.items()))


def _holds(condition: Condition, body: JsonValue) -> bool:
    return _same(_found(body, condition.pointer), condition.value)


def _same(found: JsonValue, wanted: JsonValue) -> bool:
    return type(found) is type(wanted) and found == wanted


def _found(body: JsonValue, pointer: tuple[str, ...]) -> JsonValue:
    try:
        return pointed(body, pointer)
    except LookupError:
        return None
