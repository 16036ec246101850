"""The API description documents, in OVH's format, made from the table. Public. Source: wire.md 7."""

import re
from collections.abc import Iterable

from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Model, Operation, Parameter, Resource, Section
from mandat.sandbox.api.routing import VERSIONS

JsonObject = dict[str, JsonValue]

_VERSION = "1.0"
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,255}")


class Descriptions:
    """Answers for the index and for each section's document."""

    def __init__(self, sections: Iterable[Section], *, own_origin: str) -> None:
        """`own_origin` is the scheme and host shown when the gateway did not say a public one."""
        self._sections = {section.name: section for section in sections}
        self._own_origin = own_origin

    def find(self, raw_path: str, public_origin: str | None) -> JsonObject | None:
        """The document at `raw_path`: the index at `/1.0/`, a section at `/1.0/NAME.json`; None for any other path."""
        version, _, rest = raw_path.removeprefix("/").partition("/")
        if version not in VERSIONS or "/" in rest:
            return None
        origin = public_origin if public_origin and _ORIGIN.fullmatch(public_origin) else self._own_origin
        base_path = f"{origin}/{version}"
        if not rest:
            return self._index(base_path)
        section = self._sections.get(rest.removesuffix(".json")) if rest.endswith(".json") else None
        return None if section is None else describe_section(section, base_path)

    def _index(self, base_path: str) -> JsonObject:
        return {
            "apis": [
                {
                    "path": f"/{section.name}",
                    "schema": "{path}.{format}",
                    "format": ["json"],
                    "description": section.description,
                }
                for section in self._sections.values()
            ],
            "basePath": base_path,
        }


def describe_section(section: Section, base_path: str) -> JsonObject:
    """The whole document of one section."""
    return {
        "apiVersion": _VERSION,
        "resourcePath": f"/{section.name}",
        "basePath": base_path,
        "apis": [_describe_resource(resource) for resource in section.resources],
        "models": {model.name: _describe_model(model) for model in section.models},
    }


def _describe_resource(resource: Resource) -> JsonObject:
    return {
        "path": resource.path,
        "description": resource.description,
        "operations": [_describe_operation(operation) for operation in resource.operations],
    }


def _describe_operation(operation: Operation) -> JsonObject:
    return {
        "httpMethod": operation.method,
        "description": operation.description,
        "noAuthentication": False,
        "apiStatus": {"value": "PRODUCTION", "description": "Stable production version"},
        "iamActions": [{"name": operation.action, "required": True}],
        "parameters": [_describe_parameter(parameter) for parameter in operation.parameters],
        "responseType": operation.response_type,
    }


def _describe_parameter(parameter: Parameter) -> JsonObject:
    described: JsonObject = {
        "dataType": parameter.type,
        "fullType": parameter.type,
        "paramType": parameter.place,
        "required": parameter.required,
        "description": parameter.description,
    }
    return {"name": parameter.name, **described} if parameter.name else described


def _describe_model(model: Model) -> JsonObject:
    namespace, _, name = model.name.rpartition(".")
    described: JsonObject = {"id": name, "namespace": namespace, "description": model.description}
    if model.values:
        return {**described, "enum": list(model.values), "enumType": "string"}
    return {
        **described,
        "properties": {
            member.name: {
                "type": member.type,
                "fullType": member.type,
                "canBeNull": member.nullable,
                "readOnly": member.read_only,
                "required": member.required,
                "description": member.description,
            }
            for member in model.properties
        },
    }
