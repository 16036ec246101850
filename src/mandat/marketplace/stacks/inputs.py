"""The typed inputs of a stack: from JSON Schema to form fields, and from what was typed to checked values.

Decides what a value may be; how a field looks is for the pages. Beyond the schema, every text is refused that holds
control or invisible characters, and every input that ends in a path is refused when it could leave its segment.
Source: JSON Schema 2020-12 (a subset), threats.md 3.6.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from mandat.look.words import gettext as _
from mandat.marketplace.stacks.expressions import Origin, Reference, Template, Unresolved, resolve
from mandat.marketplace.stacks.yaml_text import JsonValue

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_HOST_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@" + _HOST_NAME.pattern.replace("{1,253}", "{1,255}"))
_LEAVES_ITS_SEGMENT = re.compile(r"[/\\*?#%;\s]|\.\.|^\.$")
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


class Kind(StrEnum):
    """How a field is filled in."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class InputField:
    """One input.

    Attributes:
        default: None when the customer has to fill it in. A Template refers to inputs before this one.
        choices: value and label, for Kind.CHOICE.
        problem: what to say when the value does not fit; empty for a general sentence.
        host_name: letters are made small and a last dot is dropped before the check.
        in_path: the value becomes a segment of a path.
    """

    name: str
    title: str
    help: str
    kind: Kind
    default: JsonValue | Template
    example: str
    choices: tuple[tuple[str, str], ...]
    problem: str
    max_length: int
    format: str
    in_path: bool

    @property
    def required(self) -> bool:
        """Whether the customer has to fill it in."""
        return self.default is None


@dataclass(frozen=True, slots=True)
class Inputs:
    """All inputs of a stack, in the document's order. `schema` is plain JSON Schema."""

    fields: tuple[InputField, ...]
    schema: dict[str, JsonValue]

    def defaults(self, values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """`values` completed with defaults, as far as these can be known from what is there."""
        complete: dict[str, JsonValue] = {}
        for field in self.fields:
            if field.name in values:
                complete[field.name] = values[field.name]
            elif isinstance(field.default, Template):
                try:
                    complete[field.name] = resolve(field.default, as_scope(complete))
                except Unresolved:
                    continue
            elif field.default is not None:
                complete[field.name] = field.default
        return complete


@dataclass(frozen=True, slots=True)
class Checked:
    """Inputs that passed. `values` is complete: one value for each field."""

    values: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Misfit:
    """Inputs that did not pass: what to say beside each field, by name; "" for what concerns no single field."""

    problems: dict[str, str]


def as_scope(values: Mapping[str, JsonValue]) -> dict[Reference, JsonValue]:
    """Input values as the scope that expressions are resolved in."""
    return {Reference(Origin.INPUT, name): value for name, value in values.items()}


def check_typed(inputs: Inputs, typed: Mapping[str, str]) -> Checked | Misfit:
    """Checks what was typed into the form. A field left blank takes its default.

    Args:
        typed: text by field name; a field may be absent.
    """
    problems = {
        name: _("There is no such field.") for name in typed if name not in {each.name for each in inputs.fields}
    }
    values: dict[str, JsonValue] = {}
    for field in inputs.fields:
        text = typed.get(field.name, "").strip()
        if not text:
            if field.required:
                problems[field.name] = _("Please fill this in.")
            continue
        try:
            values[field.name] = _read(field, text)
        except ValueError as fault:
            problems[field.name] = str(fault)
    if problems:
        return Misfit(problems)
    complete = inputs.defaults(values)
    problems = dict(_problems(inputs, complete))
    # A default made of a wrong value is wrong too; only what was typed is worth a word then.
    problems = {name: problem for name, problem in problems.items() if name in values} or problems
    return Misfit(problems) if problems else Checked(complete)


def carried_inputs(inputs: Inputs, before: Mapping[str, JsonValue]) -> dict[str, str]:
    """What was typed for another version of a stack, as far as this one has such a field and takes the value."""
    carried: dict[str, str] = {}
    for field in inputs.fields:
        if field.name in before:
            value = before[field.name]
            text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
            alone = Inputs((replace(field, default=None),), _schema_of(inputs, field.name))
            if isinstance(check_typed(alone, {field.name: text}), Checked):
                carried[field.name] = text
    return carried


def _schema_of(inputs: Inputs, name: str) -> dict[str, JsonValue]:
    properties = inputs.schema["properties"]
    rules = properties[name] if isinstance(properties, dict) else {}
    return {**inputs.schema, "required": [name], "properties": {name: rules}}


def _read(field: InputField, text: str) -> JsonValue:
    if any(unicodedata.category(character) in _INVISIBLE for character in text):
        raise ValueError(_("This holds characters that cannot be seen; please type it again."))
    match field.kind:
        case Kind.NUMBER:
            if not _WHOLE_NUMBER.fullmatch(text):
                raise ValueError(field.problem or _("Please write a whole number."))
            return int(text)
        case Kind.SWITCH:
            return text in ("on", "true", "yes")
        case Kind.TEXT if field.format == "hostname":
            return text.lower().removesuffix(".")
        case _:
            return text


def _problems(inputs: Inputs, values: dict[str, JsonValue]) -> Iterator[tuple[str, str]]:
    by_name = {field.name: field for field in inputs.fields}
    for name, value in values.items():
        problem = _own_problem(by_name[name], value)
        if problem:
            yield name, problem
    for fault in Draft202012Validator(inputs.schema).iter_errors(values):
        name = str(fault.path[0]) if fault.path else ""
        yield name, (by_name[name].problem if name in by_name else "") or _general_sentence(fault)


def _own_problem(field: InputField, value: JsonValue) -> str | None:
    if not isinstance(value, str):
        return None
    if field.in_path and _LEAVES_ITS_SEGMENT.search(value):
        return field.problem or _("This may not hold blanks, '/', '*', '..' or the like.")
    if field.format == "hostname" and not _HOST_NAME.fullmatch(value):
        return field.problem or _("Please write a host name such as mail.example.org.")
    if field.format == "email" and not _EMAIL.fullmatch(value):
        return field.problem or _("Please write an e-mail address such as postmaster@example.org.")
    return None


def _general_sentence(fault: ValidationError) -> str:
    match fault.validator:
        case "maxLength":
            return _("Please use at most %(num)s characters.") % {"num": fault.validator_value}
        case "minLength":
            return _("Please use at least %(num)s characters.") % {"num": fault.validator_value}
        case "minimum" | "maximum":
            schema = {**fault.schema} if isinstance(fault.schema, dict) else {}
            return _("Please write a number from %(minimum)s to %(maximum)s.") % schema
        case "enum":
            return _("Please choose one of the listed values.")
        case _:
            return _("This does not have the right form.")
