"""From YAML text to nodes that remember their place. Decides which YAML is acceptable; knows nothing of stacks.

Refused: aliases and anchors (bombs), tags, duplicate keys, several documents, types that JSON lacks, too much of it.
Source: YAML 1.2.2, core schema; threats.md 3.6.
"""

import math
import re
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
)
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

MAX_STACK_BYTES = 256 * 1024
"""A long stack of 60 steps takes about 40 KiB; this leaves room for texts."""

MAX_DEPTH = 24
"""Payloads nest a few levels below `workflows[].steps[].requestBody.payload`."""

MAX_NODES = 20_000
"""Of what 256 KiB can hold; bounds the time to compile."""

_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")

JsonValue = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None


class StackRefused(Exception):
    """A stack document is not acceptable.

    Attributes:
        place: where in the document, such as `workflows[0].steps[2].operationId`; empty for the whole of it.
        line: counted from 1.
        reason: what is wrong, in one sentence without its place.
    """

    def __init__(self, reason: str, *, place: str, line: int) -> None:
        super().__init__(f"line {line}, {place or 'document'}: {reason}")
        self.reason = reason
        self.place = place
        self.line = line


@dataclass(frozen=True, slots=True)
class Node:
    """One value of the document with its place. Lists hold nodes; mappings go from text to nodes."""

    value: "bool | int | float | str | list[Node] | dict[str, Node] | None"
    place: str
    line: int

    def refuse(self, reason: str) -> StackRefused:
        """The refusal of this very value; the caller raises it."""
        return StackRefused(reason, place=self.place, line=self.line)

    def plain(self) -> JsonValue:
        """The value without places, as JSON would hold it."""
        if isinstance(self.value, list):
            return [item.plain() for item in self.value]
        if isinstance(self.value, dict):
            return {name: item.plain() for name, item in self.value.items()}
        return self.value


def parse_yaml(text: str) -> Node:
    """Reads one document.

    Raises:
        StackRefused: with the place and the reason, for the first thing that is not acceptable.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_STACK_BYTES:
        raise StackRefused(f"the document is longer than {MAX_STACK_BYTES} bytes", place="", line=1)
    yaml = YAML(typ="safe", pure=True)
    try:
        _check_events(yaml, text)
        root = yaml.compose(text)
    except YAMLError as fault:
        raise _unreadable(fault) from None
    if root is None:
        raise StackRefused("the document is empty", place="", line=1)
    return _node(root, place="")


def _check_events(yaml: YAML, text: str) -> None:
    """Everything that can be refused before a tree is built, so that a bomb never becomes one."""
    depth = documents = nodes = 0
    for event in yaml.parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        documents += isinstance(event, DocumentStartEvent)
        nodes += isinstance(event, NodeEvent)
        reason = _event_problem(event, documents=documents, depth=depth, nodes=nodes)
        if reason is not None:
            raise StackRefused(reason, place="", line=event.start_mark.line + 1)


def _event_problem(event: Event, *, documents: int, depth: int, nodes: int) -> str | None:
    if isinstance(event, NodeEvent) and event.anchor is not None:  # an alias carries the anchor it points to
        return "aliases and anchors are not allowed"
    if isinstance(event, ScalarEvent | CollectionStartEvent) and event.tag is not None:
        return "tags are not allowed"
    if documents > 1:
        return "there is more than one document"
    if depth > MAX_DEPTH:
        return f"values are nested deeper than {MAX_DEPTH} levels"
    if nodes > MAX_NODES:
        return f"there are more than {MAX_NODES} values"
    return None


def _unreadable(fault: YAMLError) -> StackRefused:
    mark = getattr(fault, "problem_mark", None)
    problem = getattr(fault, "problem", None) or str(fault).splitlines()[0]
    return StackRefused(f"this is not YAML: {problem}", place="", line=mark.line + 1 if mark else 1)


def _node(raw: ScalarNode | SequenceNode | MappingNode, *, place: str) -> Node:
    line = raw.start_mark.line + 1
    if isinstance(raw, SequenceNode):
        return Node([_node(item, place=f"{place}[{index}]") for index, item in enumerate(raw.value)], place, line)
    if isinstance(raw, MappingNode):
        return Node(_members(raw, place=place), place, line)
    return Node(_scalar(raw, place=place, line=line), place, line)


def _members(raw: MappingNode, *, place: str) -> dict[str, Node]:
    members: dict[str, Node] = {}
    for key, value in raw.value:
        line = key.start_mark.line + 1
        if not isinstance(key, ScalarNode) or _short_tag(key) != "str":
            raise StackRefused("a name must be text", place=place, line=line)
        if key.value in members:
            raise StackRefused(f"the name {key.value!r} is there twice", place=place, line=line)
        members[key.value] = _node(value, place=f"{place}.{key.value}" if place else key.value)
    return members


def _scalar(raw: ScalarNode, *, place: str, line: int) -> bool | int | float | str | None:
    tag, text = _short_tag(raw), raw.value
    try:
        match tag:
            case "str":
                return str(text)
            case "null":
                return None
            case "bool" if text in _BOOLEANS:
                return _BOOLEANS[text]
            case "int" if _INTEGER.fullmatch(text):
                return int(text, 10)
            case "float" if math.isfinite(float(text)):
                return float(text)
    except ValueError:
        pass
    raise StackRefused(f"{text[:40]!r} is neither text nor a JSON value; put it in quotes", place=place, line=line)


def _short_tag(raw: ScalarNode) -> str:
    return str(raw.tag).removeprefix("tag:yaml.org,2002:")
