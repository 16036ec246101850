"""The parts of a step that are about its answer, read: criteria, waiting, picking, outputs."""

import re
from dataclasses import replace

from mandat.marketplace.stacks.expressions import Value, parse_value
from mandat.marketplace.stacks.reading import items, members, name, named, text, whole_number
from mandat.marketplace.stacks.values import Condition, Output, Pick, Retry
from mandat.marketplace.stacks.yaml_text import JsonValue, Node

MAX_OUTPUTS = 20
MAX_WAIT_SECONDS = 600
"""Of all tries of one step together: somebody is looking."""
MAX_TRIES = 600

_STATUS = re.compile(r"\$statusCode == (2[0-9]{2})")
_MEMBER = re.compile(
    r"\$response\.body#(?P<pointer>(?:/[^/\s]+)+) =="
    r" (?:'(?P<text>[^']{0,80})'|(?P<other>true|false|-?[0-9]{1,15}))"
)
_FROM_BODY = re.compile(r"\$response\.body#((?:/[^/]+)+)")
_LIST = re.compile(r"\$response\.body#?((?:/[^/]+)*)")


def read_criteria(node: Node | None) -> tuple[tuple[int, ...], tuple[Condition, ...]]:
    """Status codes and conditions on the body. Without any: status 200."""
    codes: list[int] = []
    conditions: list[Condition] = []
    for item in items(node, at_most=5) if node is not None else ():
        condition = _criterion(item)
        if isinstance(condition, int):
            codes.append(condition)
        else:
            conditions.append(condition)
    if node is not None and len(codes) > 1:
        raise node.refuse("criteria must all hold, and an answer has one status code")
    return tuple(codes) or (200,), tuple(conditions)


def _criterion(item: Node) -> int | Condition:
    found = members(item, required=("condition",), optional=("type",))
    written = text(found["condition"])
    status = _STATUS.fullmatch(written)
    if "type" in found and found["type"].value != "simple":
        status = match = None
    else:
        match = _MEMBER.fullmatch(written)
    if status is not None:
        return int(status[1])
    if match is None:
        raise item.refuse(
            "a success criterion is simple and reads '$statusCode == 200', with any code from 200 to 299, or"
            " \"$response.body#/NAME == 'VALUE'\""
        )
    return Condition(tokens_of(match["pointer"]), _literal(match["text"], match["other"]))


def _literal(quoted: str | None, other: str | None) -> JsonValue:
    if quoted is not None:
        return quoted
    return other == "true" if other in ("true", "false") else int(other or 0)


def read_retry(node: Node | None, *, method: str, conditions: tuple[Condition, ...]) -> Retry | None:
    """How long a step waits for what it looks for; None when it does not."""
    if node is None:
        return None
    if method != "GET" or not conditions:
        raise node.refuse("only a GET with a condition on its answer can wait: anything else would be done again")
    (action,) = items(node, at_most=1)
    found = members(action, required=("name", "type", "retryAfter", "retryLimit"), optional=("criteria",))
    name(found["name"])
    if found["type"].value != "retry":
        raise found["type"].refuse("the only failure action is 'retry'")
    return replace(read_pauses(found), condition=_early(found.get("criteria")))


def read_pauses(found: dict[str, Node]) -> Retry:
    """`retryAfter` and `retryLimit`, which bound each other."""
    limit = whole_number(found["retryLimit"], low=1, high=MAX_TRIES)
    after = found["retryAfter"].value
    if isinstance(after, bool) or not isinstance(after, int | float) or not 0.1 <= after <= 60:
        raise found["retryAfter"].refuse("this must be a number of seconds from 0.1 to 60")
    if after * limit > MAX_WAIT_SECONDS:
        raise found["retryLimit"].refuse(f"all tries together take longer than {MAX_WAIT_SECONDS} seconds")
    return Retry(float(after), limit, None)


def _early(node: Node | None) -> Condition | None:
    if node is None:
        return None
    (item,) = items(node, at_most=1)
    condition = _criterion(item)
    if isinstance(condition, int):
        raise item.refuse("a retry depends on the answer's body; other status codes are handled in one way for all")
    return condition


def read_pick(node: Node | None) -> Pick | None:
    """Which item of a list in the answer the outputs are taken from."""
    if node is None:
        return None
    found = members(node, required=("from", "where"))
    match = _LIST.fullmatch(text(found["from"]))
    if match is None:
        raise found["from"].refuse("a list is '$response.body' or '$response.body#/NAME'")
    where: dict[str, Value] = {}
    for key, member in named(found["where"], at_most=5).items():
        if isinstance(member.value, list | dict) or member.value is None:
            raise member.refuse("this must be text, a whole number, true, false or an expression")
        where[key] = parse_value(member)
    return Pick(tokens_of(match[1]), where)


def read_outputs(node: Node | None) -> tuple[Output, ...]:
    """Names and JSON pointers into the answer's body, or into the item that was picked."""
    outputs = []
    for output, member in (named(node, at_most=MAX_OUTPUTS) if node else {}).items():
        match = _FROM_BODY.fullmatch(text(member))
        if match is None:
            raise member.refuse("an output reads '$response.body#/NAME'")
        outputs.append(Output(output, tokens_of(match[1])))
    return tuple(outputs)


def read_fallbacks(node: Node | None, *, outputs: tuple[Output, ...]) -> dict[str, JsonValue]:
    """Values of outputs that an answer may lack."""
    fallbacks: dict[str, JsonValue] = {}
    for key, member in (named(node, at_most=MAX_OUTPUTS) if node else {}).items():
        if key not in {output.name for output in outputs}:
            raise member.refuse(f"there is no output {key!r}")
        if isinstance(member.value, list | dict) or member.value is None:
            raise member.refuse("this must be text, a number, true or false")
        fallbacks[key] = member.plain()
    return fallbacks


def tokens_of(pointer: str) -> tuple[str, ...]:
    """A JSON pointer's tokens, unescaped."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])
