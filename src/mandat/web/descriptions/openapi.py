"""A section's description as OpenAPI 3.0: for the API console, generators and contract tests.

Made from the document in OVH's format. What cannot be read there (an operation without a path, a template whose
parameters repeat) is left out; everything else must come out as a valid document. Beside what OVH adds (`x-badges`,
`x-iam-actions`), each operation says the rule it needs and its words on the consent page. Source: wire.md 7.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mandat.authority.catalogue import Operation
from mandat.authority.wording import operation_in_words
from mandat.core.call import RULE_FREE
from mandat.core.rights import effect_of
from mandat.protocol.access_rule import RULE_METHODS
from mandat.web.descriptions.openapi_types import Schema, Schemas, beside, type_of

JsonObject = Mapping[str, Any]

_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
"""Browsers cannot send a body with these, and OpenAPI gives one no meaning."""
_TEMPLATE = re.compile(r"/(?:[^{}?#\s]|\{[^{}/]+\})*")
_PARAMETER = re.compile(r"\{([^{}]+)\}")
_BADGE_COLOURS = {"PRODUCTION": "green", "BETA": "blue", "ALPHA": "orange", "DEPRECATED": "red"}
_SIGNED = {
    "application": "X-Ovh-Application",
    "consumer": "X-Ovh-Consumer",
    "timestamp": "X-Ovh-Timestamp",
    "signature": "X-Ovh-Signature",
}
_NEEDS_APPLICATION = ("POST", "/auth/credential")
"""Unsigned, but not without a name (wire.md 1.1)."""
_ERROR: Schema = {
    "type": "object",
    "description": "Why the call was refused",
    "required": ["class", "message", "errorCode", "httpCode"],
    "properties": {
        "class": {"type": "string", "example": "Client::Forbidden"},
        "message": {"type": "string", "example": "This call has not been granted"},
        "errorCode": {"type": "string", "example": "NOT_GRANTED_CALL"},
        "httpCode": {"type": "string", "example": "403 Forbidden"},
        "queryId": {"type": "string"},
        "details": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "example": {"missingRule": "GET /me", "refusedBy": "credential"},
        },
    },
}
_NULL: Schema = {"type": "string", "nullable": True, "enum": [None]}


@dataclass(frozen=True, slots=True)
class _Route:
    """A path as the document has it, and as OpenAPI may: two templates of one shape count as the same path there."""

    path: str
    written: str
    renamed: Mapping[str, str]


def openapi_document(section: str, document: JsonObject, *, base_url: str) -> dict[str, Any]:
    """The OpenAPI document of one section.

    Args:
        section: its name, such as `domain`.
        document: its description in OVH's format.
        base_url: what paths are appended to and what callers sign, such as `https://api.example/1.0`.
    """
    schemas = Schemas(_object(document.get("models")))
    paths: dict[str, dict[str, Any]] = {}
    identifiers: set[str] = set()
    for route, described in _operations(document):
        method = str(described["httpMethod"])
        operations = paths.setdefault(route.written, {})
        if method.lower() not in operations:
            operation = _operation(route, method, described, section=section, schemas=schemas)
            operations[method.lower()] = {"operationId": _identifier(method, route.written, identifiers), **operation}
    return {
        "openapi": "3.0.3",
        "info": {
            "title": f"/{section}",
            "description": _text(document.get("description")),
            "version": _text(document.get("apiVersion")) or "1.0",
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": name} for name in dict.fromkeys(map(_tag, paths))],
        "paths": paths,
        "components": {
            "schemas": schemas.components() | {"mandat.Error": _ERROR},
            "responses": {
                "Refused": {
                    "description": "Refused or failed",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/mandat.Error"}}},
                }
            },
            "securitySchemes": {
                name: {"type": "apiKey", "in": "header", "name": header} for name, header in _SIGNED.items()
            },
        },
    }


def _operations(document: JsonObject) -> Iterator[tuple[_Route, JsonObject]]:
    """The operations that can be said, in the order of the document."""
    written: dict[str, str] = {}
    for api in _list(document.get("apis")):
        path = _object(api).get("path")
        if not isinstance(path, str) or _TEMPLATE.fullmatch(path) is None:
            continue
        names = _PARAMETER.findall(path)
        if len(set(names)) != len(names):
            continue
        first = written.setdefault(_PARAMETER.sub("{}", path), path)
        route = _Route(path, first, dict(zip(names, _PARAMETER.findall(first), strict=True)))
        for operation in _list(_object(api).get("operations")):
            if _text(_object(operation).get("httpMethod")) in _METHODS:
                yield route, operation


def _operation(route: _Route, method: str, described: JsonObject, *, section: str, schemas: Schemas) -> dict[str, Any]:
    given = [each for each in map(_object, _list(described.get("parameters"))) if each]
    operation: dict[str, Any] = {
        "summary": _text(described.get("description")),
        "tags": [_tag(route.written)],
        "parameters": [*_path_parameters(route, given, schemas), *_other_parameters(given, schemas)],
        "responses": _responses(described, schemas),
        "security": _security(route, method, described),
    }
    body = None if method in _WITHOUT_BODY else _body_schema(given, schemas)
    if body is not None:
        needed = any(each.get("required") for each in given if each.get("paramType") == "body")
        operation["requestBody"] = {"required": needed, "content": {"application/json": {"schema": body}}}
    return operation | _status(described) | _rights(route, method, described, section=section)


def _path_parameters(route: _Route, given: Sequence[JsonObject], schemas: Schemas) -> Iterator[dict[str, Any]]:
    """Those the path has, described or not; what is described but not there would make the document invalid."""
    described = {_text(each.get("name")): each for each in given if each.get("paramType") == "path"}
    for name, written in route.renamed.items():
        parameter = described.get(name, {})
        schema = schemas.of(type_of(parameter, "dataType")) if parameter else {"type": "string"}
        yield {"name": written, "in": "path", "required": True, "schema": schema} | _described(parameter)


def _other_parameters(given: Iterable[JsonObject], schemas: Schemas) -> Iterator[dict[str, Any]]:
    seen = set()
    for each in given:
        place, name = _text(each.get("paramType")), _text(each.get("name"))
        if place in {"query", "header"} and name and (place, name) not in seen:
            seen.add((place, name))
            yield {
                "name": name,
                "in": place,
                "required": bool(each.get("required")),
                "schema": schemas.of(type_of(each, "dataType")),
            } | _described(each)


def _body_schema(given: Iterable[JsonObject], schemas: Schemas) -> Schema | None:
    """One parameter without a name is the whole body; named ones are its members. None: there is no body."""
    members = [each for each in given if each.get("paramType") == "body"]
    if not members:
        return None
    whole = [each for each in members if not _text(each.get("name"))]
    if whole:
        return beside(schemas.of(type_of(whole[0], "dataType")), _described(whole[0]))
    properties = {each["name"]: beside(schemas.of(type_of(each, "dataType")), _described(each)) for each in members}
    schema: Schema = {"type": "object", "properties": properties}
    required = list(dict.fromkeys(each["name"] for each in members if each.get("required")))
    return {**schema, "required": required} if required else schema


def _responses(described: JsonObject, schemas: Schemas) -> dict[str, Any]:
    """Success is always 200; `void` is the four bytes `null` (wire.md 13.3)."""
    older = described.get("responseType")
    name = type_of({"fullType": described.get("responseFullType"), "type": older}, "type")
    schema = _NULL if name == "void" else schemas.of(name)
    success = {"description": "Done", "content": {"application/json": {"schema": schema}}}
    return {"200": success, "default": {"$ref": "#/components/responses/Refused"}}


def _security(route: _Route, method: str, described: JsonObject) -> list[dict[str, list[str]]]:
    if not described.get("noAuthentication"):
        return [{name: [] for name in _SIGNED}]
    return [{"application": []}] if (method, route.path) == _NEEDS_APPLICATION else []


def _status(described: JsonObject) -> dict[str, Any]:
    """How stable it is, and the IAM action, as OVH writes them."""
    status = _object(described.get("apiStatus"))
    value = status.get("value")
    said: dict[str, Any] = {"deprecated": True} if value == "DEPRECATED" else {}
    if isinstance(value, str) and value in _BADGE_COLOURS:
        label = _text(status.get("description")) or value.capitalize()
        said["x-badges"] = [{"color": _BADGE_COLOURS[value], "label": label}]
    actions = [
        {"name": action, "required": True} if isinstance(action, str) else dict(action)
        for action in _list(described.get("iamActions"))
        if isinstance(action, str | Mapping)
    ]
    return said | ({"x-iam-actions": actions} if actions else {})


def _rights(route: _Route, method: str, described: JsonObject, *, section: str) -> dict[str, Any]:
    """The rule a caller needs, and how the consent page says it. Nothing where no rule is needed."""
    is_free = (method, route.path) in RULE_FREE or described.get("noAuthentication")
    if is_free or method not in RULE_METHODS:
        return {}
    right = operation_in_words(Operation(method, route.path, _text(described.get("description")), section))
    return {
        "x-mandat-rule": str(right.rule),
        "x-mandat-right": {
            "text": right.text,
            "effect": effect_of(right.rule).value,
            "risks": sorted(risk.value for risk in right.risks),
        },
    }


def _identifier(method: str, path: str, taken: set[str]) -> str:
    """`get_domain_zone_zoneName`, unlike any other of the document."""
    plain = "_".join([method.lower(), *re.findall(r"[A-Za-z0-9]+", path)])
    free, number = plain, 2
    while free in taken:
        free, number = f"{plain}_{number}", number + 1
    taken.add(free)
    return free


def _tag(path: str) -> str:
    """The group an operation is shown in: the path up to its first parameter, two segments at most."""
    words = []
    for segment in path.strip("/").split("/")[:2]:
        if "{" in segment:
            break
        words.append(segment)
    return "/" + "/".join(words)


def _described(given: JsonObject) -> dict[str, Any]:
    return {"description": given["description"]} if isinstance(given.get("description"), str) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _object(value: object) -> JsonObject:
    return value if isinstance(value, Mapping) else {}
