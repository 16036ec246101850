"""What the API offers, as its description documents say: which sections there are, which operations a rule covers.

The documents are in OVH's format (wire.md 7). The authority brings its own (`auth`, and `/me/api` of `me`); the server
fetches those of the upstreams and hands them over. A document that is not as expected costs only the operations that
cannot be read: words for consent must never depend on an upstream's good manners.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mandat.protocol.access_rule import AccessRule

JsonObject = Mapping[str, Any]


@dataclass(frozen=True)
class Operation:
    """One described operation. `template` is below the version prefix, such as `/domain/zone/{zoneName}/record`."""

    method: str
    template: str
    description: str
    section: str

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The template between its slashes."""
        return tuple(self.template.strip("/").split("/"))

    @cached_property
    def pattern(self) -> "_TemplatePattern":
        """Compiled once."""
        return _TemplatePattern(self.segments)


class Catalogue:
    """The sections of the API and their operations. Replaced as a whole per source, so that readers see old or new."""

    def __init__(self, own: Mapping[str, JsonObject] | None = None) -> None:
        """`own` are the authority's documents by section; where two sources describe the same path, it wins."""
        self._own = dict(own or {})
        self._sources: dict[str, dict[str, JsonObject]] = {}
        self._merge()

    def replace_source(self, name: str, documents: Mapping[str, JsonObject]) -> None:
        """Takes the documents of the upstream `name`, by section, in place of what it had before."""
        if self._sources.get(name) == documents:
            return
        self._sources = {**self._sources, name: dict(documents)}
        self._merge()

    def sections(self) -> list[str]:
        """The names of all sections, sorted: `["auth", "domain", "me"]`."""
        return sorted(self._documents)

    def document(self, section: str) -> dict[str, Any] | None:
        """The description of one section, or None. `basePath` is the source's own: who serves it puts in his."""
        return self._documents.get(section)

    @property
    def generation(self) -> int:
        """Grows with every replacement; words made from an older one are stale."""
        return self._generation

    def candidates(self, rule: AccessRule) -> Sequence[Operation]:
        """The operations that `rule` might cover, judged by method and first segment only."""
        by_first = self._operations.get(rule.method, {})
        first = rule.path.removeprefix("/").partition("/")[0]
        if "*" in first or not rule.path.startswith("/"):
            return [operation for operations in by_first.values() for operation in operations]
        return [*by_first.get(first, []), *by_first.get("{", [])]

    def covered(self, rule: AccessRule) -> list[Operation]:
        """The operations of which `rule` covers at least one call, in the order of the documents."""
        return [operation for operation in self.candidates(rule) if operation.pattern.meets(rule.path)]

    _generation = 0

    def _merge(self) -> None:
        documents: dict[str, dict[str, Any]] = {}
        for source in (self._own, *self._sources.values()):
            for section, document in source.items():
                merged = documents.get(section)
                documents[section] = dict(document) if merged is None else _merged(merged, document)
        operations: dict[str, dict[str, list[Operation]]] = {}
        for section, document in documents.items():
            for operation in _operations(section, document):
                first = operation.segments[0]
                key = "{" if first.startswith("{") else first
                operations.setdefault(operation.method, {}).setdefault(key, []).append(operation)
        self._documents, self._operations = documents, operations
        self._generation += 1


def _merged(first: dict[str, Any], second: JsonObject) -> dict[str, Any]:
    """Both documents in one; paths and models of `first` stay as they are."""
    apis = [api for api in _list(first.get("apis")) if isinstance(api, Mapping)]
    taken = {api.get("path") for api in apis}
    added = [api for api in _list(second.get("apis")) if isinstance(api, Mapping) and api.get("path") not in taken]
    models = {**_object(second.get("models")), **_object(first.get("models"))}
    return {**first, "apis": sorted([*apis, *added], key=lambda api: str(api.get("path"))), "models": models}


def _operations(section: str, document: JsonObject) -> Iterator[Operation]:
    for api in _list(document.get("apis")):
        path = _object(api).get("path")
        if not isinstance(path, str) or not path.startswith("/"):
            continue
        for described in _list(_object(api).get("operations")):
            method = _object(described).get("httpMethod")
            text = _object(described).get("description")
            if isinstance(method, str):
                yield Operation(method, path, text if isinstance(text, str) else "", section)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


class _TemplatePattern:
    """Answers whether a rule's pattern and a path template have a call in common.

    The template is a chain of states: a literal character leads to the next, a parameter stands for one or more
    characters other than `/`. All reachable states are held as bits of one number and moved together by each character
    of the rule; a `*` of the rule reaches every later state. One trailing slash is read like none, because it is routed
    like none: `/domain/zone/*` really does let an application list the zones.
    """

    def __init__(self, segments: Sequence[str]) -> None:
        self._literals: dict[str, int] = {}
        self._parameters = 0
        self._length = 0
        for segment in segments:
            self._add_literal("/")
            if segment.startswith("{") and segment.endswith("}"):
                self._parameters |= 1 << self._length
                self._length += 1
            else:
                for character in segment:
                    self._add_literal(character)
        self._accepting = (1 << self._length) | (1 << self._length + 1)
        self._literals["/"] |= 1 << self._length

    def meets(self, path: str) -> bool:
        """Is there a call that both the rule's `path` and the template cover?"""
        states = 1
        everything = (1 << self._length + 2) - 1
        for character in path:
            if character == "*":
                states = everything & ~((states & -states) - 1)
            elif character == "/":
                states = (states & self._literals["/"]) << 1
            else:
                moving = states & (self._literals.get(character, 0) | self._parameters)
                states = (moving << 1) | (states & (self._parameters << 1))
            if not states:
                return False
        return bool(states & self._accepting)

    def _add_literal(self, character: str) -> None:
        self._literals[character] = self._literals.get(character, 0) | 1 << self._length
        self._length += 1
