"""From method and raw path to the table's operation. Segments are compared as sent; nothing is decoded or repaired."""

from collections.abc import Iterable
from dataclasses import dataclass

from mandat.sandbox.api.operation import Model, Operation, Section

VERSIONS = ("1.0", "v1")
"""The two names of version 1; `/v1` is an alias (wire.md 4.2)."""


@dataclass(frozen=True, slots=True)
class Route:
    """An operation that was found, its section's models, and its path parameters, still percent-encoded.

    `name` is method and path as described, such as `GET /domain/zone/{zoneName}`.
    """

    name: str
    operation: Operation
    models: dict[str, Model]
    path: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    segments: tuple[str, ...]
    operations: dict[str, Operation]
    models: dict[str, Model]


class Routes:
    """Finds operations of the given sections."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._entries: dict[int, list[_Entry]] = {}
        for section in sections:
            models = {model.name: model for model in section.models}
            for resource in section.resources:
                segments = tuple(resource.path.split("/")[1:])
                operations = {operation.method: operation for operation in resource.operations}
                self._entries.setdefault(len(segments), []).append(_Entry(resource.path, segments, operations, models))

    def find(self, method: str, raw_path: str) -> Route | None:
        """The operation for `method` on `raw_path`, which begins with the version; None when there is none.

        HEAD finds GET. One trailing slash makes no difference (wire.md 13.11).
        """
        _, _, versioned = raw_path.partition("/")
        version, _, below = versioned.partition("/")
        segments = below.removesuffix("/").split("/")
        if version not in VERSIONS or "" in segments:
            return None
        for entry in self._entries.get(len(segments), ()):
            path = _match(entry.segments, segments)
            operation = entry.operations.get("GET" if method == "HEAD" else method)
            if path is not None:
                if operation is None:
                    return None
                return Route(f"{operation.method} {entry.path}", operation, entry.models, path)
        return None


def _match(template: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    path: dict[str, str] = {}
    for wanted, given in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            path[wanted[1:-1]] = given
        elif wanted != given:
            return None
    return path
