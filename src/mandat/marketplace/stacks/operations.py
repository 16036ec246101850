"""How a step names its operation: METHOD and path template, checked by segment. Source: Arazzo 1.0.1, "Step Object"."""

import re
from dataclasses import dataclass

from mandat.marketplace.stacks.reading import text
from mandat.marketplace.stacks.yaml_text import Node
from mandat.protocol.access_rule import RULE_METHODS

MAX_TEMPLATE = 500
"""Of a path template; the longest of OVHcloud's API has about 150 characters."""

_NAMED = re.compile(r"(?P<method>[A-Z]+) (?P<path>/\S*)")
_POINTED = re.compile(
    r"\{\$sourceDescriptions\.(?P<source>[A-Za-z0-9_-]+)\.url\}#/paths/(?P<path>[^/\s]+)/(?P<method>[a-z]+)"
)
_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")
_PARAMETER = re.compile(r"\{([A-Za-z][A-Za-z0-9_]{0,63})\}")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a path: literal text, or the parameter of that name."""

    text: str
    is_parameter: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """`method` is one of RULE_METHODS; the path starts below the API's version."""

    method: str
    segments: tuple[Segment, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the path's parameters, in order."""
        return tuple(segment.text for segment in self.segments if segment.is_parameter)

    def __str__(self) -> str:
        path = "/".join(f"{{{each.text}}}" if each.is_parameter else each.text for each in self.segments)
        return f"{self.method} /{path}"


def operation_by_id(node: Node) -> Operation:
    """From `operationId`: the provider gives operations no ids, `POST /domain/zone/{zoneName}/record` names one."""
    match = _NAMED.fullmatch(text(node, at_most=MAX_TEMPLATE))
    if match is None:
        raise node.refuse("an operationId is a method, a blank and a path template: 'GET /domain/zone/{zoneName}'")
    return _operation(match["method"], match["path"], node)


def operation_by_path(node: Node, *, source: str) -> Operation:
    """From `operationPath`: `{$sourceDescriptions.NAME.url}#/paths/~1domain~1zone~1{zoneName}/get`."""
    match = _POINTED.fullmatch(text(node, at_most=MAX_TEMPLATE))
    if match is None:
        raise node.refuse("an operationPath is '{$sourceDescriptions.NAME.url}#/paths/POINTER/method'")
    if match["source"] != source:
        raise node.refuse(f"there is no source description {match['source']!r}")
    return _operation(match["method"].upper(), match["path"].replace("~1", "/").replace("~0", "~"), node)


def _operation(method: str, path: str, node: Node) -> Operation:
    if method not in RULE_METHODS:
        raise node.refuse(f"{method} is none of {', '.join(RULE_METHODS)}")
    if not path.startswith("/") or path.startswith("//") or "://" in path:
        raise node.refuse("a path starts with one '/', and is never an address")
    segments = tuple(_segment(part, node) for part in path[1:].split("/"))
    operation = Operation(method, segments)
    if len(set(operation.parameters)) != len(operation.parameters):
        raise node.refuse("a path parameter is there twice")
    return operation


def _segment(part: str, node: Node) -> Segment:
    parameter = _PARAMETER.fullmatch(part)
    if parameter:
        return Segment(parameter[1], is_parameter=True)
    if not _LITERAL.fullmatch(part) or part in (".", ".."):
        raise node.refuse(
            f"{part[:40]!r} is not a path segment: letters, digits, '.', '_', '~', '-', or one {{parameter}}"
        )
    return Segment(part, is_parameter=False)
