"""From a document's `inputs` to form fields: the part of JSON Schema that a form can show and a person can fill in."""

import re
from collections.abc import Collection

from mandat.marketplace.stacks.expressions import Origin, Template, parse_text, references
from mandat.marketplace.stacks.inputs import InputField, Inputs, Kind
from mandat.marketplace.stacks.reading import items, members, named, text, whole_number
from mandat.marketplace.stacks.yaml_text import JsonValue, Node

MAX_INPUTS = 40
"""More would be no form that anybody fills in."""

MAX_INPUT_CHARACTERS = 4_000
"""A 4096-bit RSA public key takes about 740; all inputs of one order travel in one address."""

_KINDS = {"string": Kind.TEXT, "integer": Kind.NUMBER, "boolean": Kind.SWITCH}
_FORMATS = ("hostname", "email")
_TEXT_RULES = ("enum", "pattern", "minLength", "maxLength", "format")
_NUMBER_RULES = ("minimum", "maximum")
_FOR_PEOPLE = ("title", "description", "examples", "default", "x-mandat-problem", "x-mandat-choices")


def read_inputs(node: Node, *, in_paths: Collection[str]) -> Inputs:
    """Compiles the `inputs` of the install workflow.

    Args:
        in_paths: names of inputs that become segments of paths.

    Raises:
        StackRefused: as everywhere in the compiler.
    """
    found = members(node, required=("type", "properties", "required", "additionalProperties"))
    if found["type"].value != "object" or found["additionalProperties"].value is not False:
        raise node.refuse("inputs are an object with 'additionalProperties: false'")
    properties = named(found["properties"], at_most=MAX_INPUTS)
    required = {text(item) for item in items(found["required"], at_most=MAX_INPUTS)}
    for name in required - set(properties):
        raise found["required"].refuse(f"there is no input {name!r}")
    fields: list[InputField] = []
    for name, member in properties.items():
        earlier = {field.name for field in fields}
        fields.append(_field(name, member, required=name in required, in_path=name in in_paths, earlier=earlier))
    return Inputs(tuple(fields), _plain_schema(properties))


def _field(name: str, node: Node, *, required: bool, in_path: bool, earlier: Collection[str]) -> InputField:
    kind = _KINDS.get(str(node.value.get("type", node).value)) if isinstance(node.value, dict) else None
    if kind is None:
        raise node.refuse(f"an input has a 'type', one of {', '.join(_KINDS)}")
    rules = _TEXT_RULES if kind is Kind.TEXT else _NUMBER_RULES if kind is Kind.NUMBER else ()
    found = members(node, required=("type", "title", "description"), optional=(*_FOR_PEOPLE, *rules))
    if required == ("default" in found):
        raise node.refuse("an input is either required or has a default, and not both")
    choices = _choices(found)
    return InputField(
        name=name,
        title=text(found["title"], at_most=80),
        help=text(found["description"]),
        kind=Kind.CHOICE if choices else kind,
        default=_default(found["default"], kind, earlier) if "default" in found else None,
        example=str(items(found["examples"])[0].plain()) if "examples" in found else "",
        choices=choices,
        problem=text(found["x-mandat-problem"]) if "x-mandat-problem" in found else "",
        max_length=_max_length(node, found, kind),
        format=_format(found),
        in_path=in_path,
    )


def _max_length(node: Node, found: dict[str, Node], kind: Kind) -> int:
    if kind is Kind.NUMBER:
        for rule in _NUMBER_RULES:
            if rule not in found:
                raise node.refuse(f"a number needs {rule!r}")
            whole_number(found[rule], low=-(2**53), high=2**53)
        return 18
    if kind is Kind.SWITCH or "enum" in found:
        return 80
    if "maxLength" not in found:
        raise node.refuse("a text needs 'maxLength'")
    if "pattern" in found:
        _check_pattern(found["pattern"])
    return whole_number(found["maxLength"], low=1, high=MAX_INPUT_CHARACTERS)


def _check_pattern(node: Node) -> None:
    pattern = text(node, at_most=300)
    if not (pattern.startswith("^") and pattern.endswith("$")):
        raise node.refuse("a pattern starts with '^' and ends with '$'")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        raise node.refuse("this is not a regular expression") from None


def _format(found: dict[str, Node]) -> str:
    if "format" not in found:
        return ""
    if found["format"].value not in _FORMATS:
        raise found["format"].refuse(f"a format is one of {', '.join(_FORMATS)}")
    return str(found["format"].value)


def _choices(found: dict[str, Node]) -> tuple[tuple[str, str], ...]:
    if "enum" not in found:
        return ()
    values = [text(item, at_most=80) for item in items(found["enum"], at_most=30)]
    labels: dict[str, str] = {}
    if "x-mandat-choices" in found:
        labelled = found["x-mandat-choices"]
        labels = {name: text(label, at_most=200) for name, label in members(labelled, required=values).items()}
    return tuple((value, labels.get(value, value)) for value in values)


def _default(node: Node, kind: Kind, earlier: Collection[str]) -> JsonValue | Template:
    expected = {Kind.TEXT: str, Kind.NUMBER: int, Kind.SWITCH: bool}[kind]
    if not isinstance(node.value, expected) or (kind is Kind.NUMBER and isinstance(node.value, bool)):
        raise node.refuse("the default does not have the input's type")
    if not isinstance(node.value, str):
        return node.plain()
    value = parse_text(node)
    for reference in references(value):
        if reference.origin is not Origin.INPUT or reference.name not in earlier:
            raise node.refuse(f"a default may only refer to inputs before it, and {reference} is none")
    return value if isinstance(value, str | Template) else Template((value,))


def _plain_schema(properties: dict[str, Node]) -> dict[str, JsonValue]:
    """What `jsonschema` checks: the rules alone, and every field demanded, since defaults are filled in before."""
    kept = {"type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum"}
    plain: dict[str, JsonValue] = {}
    for name, node in properties.items():
        rules = node.value if isinstance(node.value, dict) else {}
        plain[name] = {rule: member.plain() for rule, member in rules.items() if rule in kept}
    return {"type": "object", "required": list(plain), "properties": plain, "additionalProperties": False}
