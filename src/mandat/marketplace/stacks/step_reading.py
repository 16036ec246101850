"""One step of a document, read by itself: what it refers to is checked by the compiler, which knows the others."""

from collections.abc import Sequence

from mandat.marketplace.stacks.answer_reading import (
    read_criteria,
    read_fallbacks,
    read_outputs,
    read_pick,
    read_retry,
)
from mandat.marketplace.stacks.expressions import Reference, Value, parse_text, parse_value
from mandat.marketplace.stacks.operations import Operation, operation_by_id, operation_by_path
from mandat.marketplace.stacks.reading import items, members, name, text
from mandat.marketplace.stacks.values import Change, Creation, Step, Words
from mandat.marketplace.stacks.yaml_text import Node

MAX_PARAMETERS = 20

_REQUIRED = ("stepId", "description")
_OPTIONAL = (
    "operationId",
    "operationPath",
    "parameters",
    "requestBody",
    "successCriteria",
    "onFailure",
    "outputs",
    "x-mandat-pick",
    "x-mandat-defaults",
    "x-mandat-right",
    "x-mandat-creates",
    "x-mandat-changes",
)
STEP_MEMBERS = (*_REQUIRED, *_OPTIONAL)
"""Everything a step may have."""

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
    words = read_words(found["description"])
    success, conditions = read_criteria(found.get("successCriteria"))
    outputs = read_outputs(found.get("outputs"))
    return Step(
        id=name(found["stepId"]),
        words=words,
        right=read_words(found["x-mandat-right"]) if "x-mandat-right" in found else words,
        operation=operation,
        path_values=path_values,
        query_values=query_values,
        payload=payload,
        has_payload=has_payload,
        success=success,
        outputs=outputs,
        creation=_creation(found.get("x-mandat-creates")),
        conditions=conditions,
        retry=read_retry(found.get("onFailure"), method=operation.method, conditions=conditions),
        pick=read_pick(found.get("x-mandat-pick")),
        fallbacks=read_fallbacks(found.get("x-mandat-defaults"), outputs=outputs),
        change=_change(found["x-mandat-changes"], found, payload, source) if "x-mandat-changes" in found else None,
    )


def read_reference(node: Node) -> Reference:
    """A text that is one whole expression."""
    value = parse_text(node) if isinstance(node.value, str) else None
    if not isinstance(value, Reference):
        raise node.refuse("this must be one expression")
    return value


def read_words(node: Node) -> Words:
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


def _creation(node: Node | None) -> Creation | None:
    if node is None:
        return None
    found = members(node, required=("what", "name", "value"), optional=("dns",))
    if "dns" in found and found["dns"].value not in _DNS_TYPES:
        raise found["dns"].refuse(f"this must be one of {', '.join(_DNS_TYPES)}")
    return Creation(
        what=text(found["what"], at_most=60),
        name=read_words(found["name"]),
        value=read_words(found["value"]),
        dns=str(found["dns"].value) if "dns" in found else None,
    )


def _change(node: Node, step: dict[str, Node], payload: Value, source: str) -> Change:
    """How what the step creates is changed in place: an operation on it, and the members of the body that it takes."""
    found = members(
        node,
        required=("description", "parameters", "members"),
        optional=("operationId", "operationPath", "x-mandat-right", "successCriteria"),
    )
    operation = _operation(node, found, source=source)
    if operation.method not in ("PUT", "POST"):
        raise node.refuse("what was created is changed by a PUT or a POST")
    if "x-mandat-creates" not in step or not isinstance(payload, dict):
        raise node.refuse("only a step that creates something from a body can be changed in place")
    sent = tuple(text(item) for item in items(found["members"]))
    for item, member in zip(items(found["members"]), sent, strict=True):
        if member not in payload:
            raise item.refuse(f"the step's body has no member {member!r}")
    path_values, query_values = _parameters(node, found["parameters"], operation)
    success, conditions = read_criteria(found.get("successCriteria"))
    if query_values or conditions:
        raise node.refuse("a change has no parameters in 'query' and no conditions but the status code")
    words = read_words(found["description"])
    right = read_words(found["x-mandat-right"]) if "x-mandat-right" in found else words
    return Change(words, right, operation, path_values, sent, success)
