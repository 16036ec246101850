"""One step of a document, read by itself: what it refers to is checked by the compiler, which knows the others."""

import re
from collections.abc import Sequence

from mandat.marketplace.stacks.expressions import Reference, Value, parse_text, parse_value
from mandat.marketplace.stacks.operations import Operation, operation_by_id, operation_by_path
from mandat.marketplace.stacks.reading import items, members, name, named, text
from mandat.marketplace.stacks.values import Creation, Output, Step, Words
from mandat.marketplace.stacks.yaml_text import Node

MAX_PARAMETERS = 20
MAX_OUTPUTS = 20

_REQUIRED = ("stepId", "description")
_OPTIONAL = (
    "operationId",
    "operationPath",
    "parameters",
    "requestBody",
    "successCriteria",
    "outputs",
    "x-mandat-right",
    "x-mandat-creates",
)
STEP_MEMBERS = (*_REQUIRED, *_OPTIONAL)
"""Everything a step may have."""

_STATUS = re.compile(r"\$statusCode == (2[0-9]{2})")
_FROM_BODY = re.compile(r"\$response\.body#((?:/[^/]+)+)")
_DNS_TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT")


def step_ids(nodes: Sequence[Node]) -> None:
    """Refuses two steps of one name."""
    seen: set[str] = set()
    for node in nodes:
        step_id = name(members(node, required=_REQUIRED, optional=_OPTIONAL)["stepId"])
        if step_id in seen:
            raise node.refuse(f"there are two steps {step_id!r}")
        seen.add(step_id)


def read_step(node: Node, *, source: str) -> Step:
    """Reads one step.

    Args:
        source: the name of the document's one source description.
    """
    found = members(node, required=_REQUIRED, optional=_OPTIONAL)
    operation = _operation(node, found, source=source)
    path_values, query_values = _parameters(node, found.get("parameters"), operation)
    payload, has_payload = _payload(found.get("requestBody"), operation)
    words = _words(found["description"])
    return Step(
        id=name(found["stepId"]),
        words=words,
        right=_words(found["x-mandat-right"]) if "x-mandat-right" in found else words,
        operation=operation,
        path_values=path_values,
        query_values=query_values,
        payload=payload,
        has_payload=has_payload,
        success=_success(found.get("successCriteria")),
        outputs=_outputs(found.get("outputs")),
        creation=_creation(found.get("x-mandat-creates")),
    )


def read_reference(node: Node) -> Reference:
    """A text that is one whole expression."""
    value = parse_text(node) if isinstance(node.value, str) else None
    if not isinstance(value, Reference):
        raise node.refuse("this must be one expression")
    return value


def _words(node: Node) -> Words:
    text(node, at_most=300)
    return parse_text(node)


def _operation(node: Node, found: dict[str, Node], *, source: str) -> Operation:
    if ("operationId" in found) == ("operationPath" in found):
        raise node.refuse("a step names its operation by 'operationId' or by 'operationPath'")
    if "operationId" in found:
        return operation_by_id(found["operationId"])
    return operation_by_path(found["operationPath"], source=source)


def _parameters(node: Node, listed: Node | None, operation: Operation) -> tuple[dict[str, Words], dict[str, Words]]:
    values: dict[str, dict[str, Words]] = {"path": {}, "query": {}}
    for item in items(listed, at_most=MAX_PARAMETERS) if listed else ():
        found = members(item, required=("name", "in", "value"))
        parameter, place = name(found["name"]), found["in"].value
        if place not in ("path", "query"):
            raise found["in"].refuse("a parameter is in 'path' or in 'query'")
        if parameter in values[place]:
            raise item.refuse(f"the parameter {parameter!r} is there twice")
        values[place][parameter] = _parameter_value(found["value"], in_path=place == "path")
    for parameter in operation.parameters:
        if parameter not in values["path"]:
            raise node.refuse(f"the path parameter {parameter!r} has no value")
    for parameter in values["path"]:
        if parameter not in operation.parameters:
            raise node.refuse(f"the path has no parameter {parameter!r}")
    return values["path"], values["query"]


def _parameter_value(node: Node, *, in_path: bool) -> Words:
    if isinstance(node.value, int) and not isinstance(node.value, bool):
        return str(node.value)
    value = parse_text(node) if isinstance(node.value, str) else None
    if value is None or value == "":
        raise node.refuse("a parameter's value is text, a whole number or an expression")
    if in_path and not isinstance(value, Reference):
        # An embedded value could grow a segment that no rule was shown for; literal segments belong to the template.
        raise node.refuse("a path parameter's value is one expression")
    return value


def _payload(node: Node | None, operation: Operation) -> tuple[Value, bool]:
    if node is None:
        return None, False
    if operation.method in ("GET", "DELETE"):
        raise node.refuse(f"a {operation.method} has no body")
    found = members(node, required=("payload",), optional=("contentType",))
    if "contentType" in found and found["contentType"].value != "application/json":
        raise found["contentType"].refuse("this must be 'application/json'")
    if not isinstance(found["payload"].value, dict):
        raise found["payload"].refuse("a payload is a mapping")
    return parse_value(found["payload"]), True


def _success(node: Node | None) -> tuple[int, ...]:
    if node is None:
        return (200,)
    codes = []
    for item in items(node, at_most=5):
        found = members(item, required=("condition",), optional=("type",))
        match = _STATUS.fullmatch(text(found["condition"]))
        if match is None or ("type" in found and found["type"].value != "simple"):
            raise item.refuse(
                "a success criterion is simple and reads '$statusCode == 200', with any code from 200 to 299"
            )
        codes.append(int(match[1]))
    if len(codes) != 1:
        raise node.refuse("criteria must all hold, and an answer has one status code")
    return tuple(codes)


def _outputs(node: Node | None) -> tuple[Output, ...]:
    outputs = []
    for output, member in (named(node, at_most=MAX_OUTPUTS) if node else {}).items():
        match = _FROM_BODY.fullmatch(text(member))
        if match is None:
            raise member.refuse("an output reads '$response.body#/NAME'")
        tokens = match[1][1:].split("/")
        outputs.append(Output(output, tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)))
    return tuple(outputs)


def _creation(node: Node | None) -> Creation | None:
    if node is None:
        return None
    found = members(node, required=("what", "name", "value"), optional=("dns",))
    if "dns" in found and found["dns"].value not in _DNS_TYPES:
        raise found["dns"].refuse(f"this must be one of {', '.join(_DNS_TYPES)}")
    return Creation(
        what=text(found["what"], at_most=60),
        name=_words(found["name"]),
        value=_words(found["value"]),
        dns=str(found["dns"].value) if "dns" in found else None,
    )
