"""Runtime expressions: the few forms of the profile, parsed into references and put in place of values.

Forms: `$inputs.NAME`, `$steps.STEP.outputs.NAME`, `$workflows.install.outputs.NAME`; a text may be one of them, or
embed them in braces, `mail.{$inputs.zone}`. There is nothing to evaluate: no conditions, no functions, no nesting.
Source: Arazzo 1.0.1, "Runtime Expressions".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mandat.marketplace.stacks.yaml_text import JsonValue, Node

_NAME = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
_REFERENCE = re.compile(
    rf"\$inputs\.(?P<input>{_NAME})"
    rf"|\$steps\.(?P<step>{_NAME})\.outputs\.(?P<output>{_NAME})"
    rf"|\$workflows\.install\.outputs\.(?P<result>{_NAME})"
)
_EMBEDDED = re.compile(r"\{(\$[^{}]*)\}")


class Origin(StrEnum):
    """Where a reference points."""

    INPUT = "inputs"
    STEP = "steps"
    INSTALL = "install"


@dataclass(frozen=True, slots=True)
class Reference:
    """One named value. `step` is set for Origin.STEP only."""

    origin: Origin
    name: str
    step: str = ""

    def __str__(self) -> str:
        match self.origin:
            case Origin.INPUT:
                return f"$inputs.{self.name}"
            case Origin.STEP:
                return f"$steps.{self.step}.outputs.{self.name}"
            case Origin.INSTALL:
                return f"$workflows.install.outputs.{self.name}"


@dataclass(frozen=True, slots=True)
class Template:
    """Text with references embedded."""

    parts: tuple[str | Reference, ...]


Value = bool | int | float | str | Reference | Template | list["Value"] | dict[str, "Value"] | None
"""A value of a document once its expressions are parsed."""

Scope = Mapping[Reference, JsonValue]
"""What each reference stands for at one moment."""


class Unresolved(Exception):
    """A reference has no value, or a value that cannot stand inside text."""


def parse_value(node: Node) -> Value:
    """The value with its expressions parsed, at any depth.

    Raises:
        StackRefused: something looks like an expression and is not one of the profile's forms.
    """
    if isinstance(node.value, list):
        return [parse_value(item) for item in node.value]
    if isinstance(node.value, dict):
        return {name: parse_value(item) for name, item in node.value.items()}
    return parse_text(node) if isinstance(node.value, str) else node.value


def parse_text(node: Node) -> str | Reference | Template:
    """One text: plain, a whole expression, or with expressions embedded."""
    found = str(node.value)
    if found.startswith("$"):
        return _reference(found, node)
    pieces = _EMBEDDED.split(found)  # every second piece is what stood in braces
    parts = [_reference(piece, node) if index % 2 else piece for index, piece in enumerate(pieces) if piece]
    if any(isinstance(part, str) and "{$" in part for part in parts):
        raise node.refuse("an expression in braces is not closed")
    return Template(tuple(parts)) if len(pieces) > 1 else found


def _reference(found: str, node: Node) -> Reference:
    match = _REFERENCE.fullmatch(found)
    if match is None:
        raise node.refuse(f"{found[:80]!r} is not an expression of the profile")
    if match["input"]:
        return Reference(Origin.INPUT, match["input"])
    if match["step"]:
        return Reference(Origin.STEP, match["output"], match["step"])
    return Reference(Origin.INSTALL, match["result"])


def references(value: Value) -> Iterator[Reference]:
    """Every reference within `value`."""
    match value:
        case Reference():
            yield value
        case Template(parts=parts):
            yield from (part for part in parts if isinstance(part, Reference))
        case list():
            for item in value:
                yield from references(item)
        case dict():
            for item in value.values():
                yield from references(item)


def resolve(value: Value, scope: Scope) -> JsonValue:
    """`value` with each reference replaced. A whole expression keeps its type; an embedded one becomes text.

    Raises:
        Unresolved: see the class.
    """
    match value:
        case Reference():
            return _look_up(value, scope)
        case Template(parts=parts):
            return "".join(part if isinstance(part, str) else as_text(part, scope) for part in parts)
        case list():
            return [resolve(item, scope) for item in value]
        case dict():
            return {name: resolve(item, scope) for name, item in value.items()}
        case _:
            return value


def resolve_text(value: str | Reference | Template, scope: Scope) -> str:
    """As `resolve`, for what has to be text in the end: words on a page, a path segment."""
    if isinstance(value, Reference):
        return as_text(value, scope)
    return str(resolve(value, scope))


def as_text(reference: Reference, scope: Scope) -> str:
    """One referenced value as text: numbers in decimal, booleans as `true` and `false`."""
    found = _look_up(reference, scope)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, str | int | float):
        return str(found)
    raise Unresolved(f"{reference} is not a text or a number")


def _look_up(reference: Reference, scope: Scope) -> JsonValue:
    if reference not in scope:
        raise Unresolved(f"{reference} is not known")
    return scope[reference]
