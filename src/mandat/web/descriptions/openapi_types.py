"""OVH's data types and models as OpenAPI schemas.

Decides what a type name such as `domain.zone.Record[]` or `map[string]long` means to OpenAPI 3.0. A name that nothing
describes becomes "any value": a description with a hole is better than none. Source: wire.md 7, OpenAPI 3.0.3.
"""

import re
from collections import deque
from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

MAX_TYPE_CHARACTERS = 512
"""Generic types can name each other in ever longer ways; the longest honest name is a tenth of this."""
MAX_INSTANCES = 1_000
"""Generic models filled in for one document."""

_PLAIN: dict[str, Schema] = {
    "any": {},
    "bool": {"type": "boolean"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "double": {"type": "number", "format": "double"},
    "duration": {"type": "string", "format": "duration"},
    "email": {"type": "string", "format": "email"},
    "float": {"type": "number", "format": "float"},
    "int": {"type": "integer"},
    "internationalPhoneNumber": {"type": "string", "format": "phone-number"},
    "ip": {"type": "string", "format": "ip"},
    "ipBlock": {"type": "string", "format": "ip-block"},
    "ipInterface": {"type": "string", "format": "ip"},
    "ipv4": {"type": "string", "format": "ipv4"},
    "ipv4Block": {"type": "string", "format": "ipv4-block"},
    "ipv6": {"type": "string", "format": "ipv6"},
    "ipv6Block": {"type": "string", "format": "ipv6-block"},
    "long": {"type": "integer", "format": "int64"},
    "macAddress": {"type": "string", "format": "mac-address"},
    "password": {"type": "string", "format": "password"},
    "phoneNumber": {"type": "string", "format": "phone-number"},
    "string": {"type": "string"},
    "text": {"type": "string"},
    "time": {"type": "string", "format": "time"},
    "uuid": {"type": "string", "format": "uuid"},
}
_MAP = re.compile(r"map\[[^\]]*\](.+)")
_GENERIC = re.compile(r"([^<>]+)<(.+)>")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")


class Schemas:
    """The schemas of one document. Ask `of` for types first, `components` last."""

    def __init__(self, models: Mapping[str, Any]) -> None:
        self._models = {name: model for name, model in models.items() if isinstance(model, Mapping)}
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()
        self._instances: deque[tuple[str, Mapping[str, Any], dict[str, str]]] = deque()
        for name, model in sorted(self._models.items()):
            if not _parameters(model):
                self._name(name)

    def of(self, type_name: str) -> Schema:
        """The schema of a type; `{}` for one that cannot be read."""
        if len(type_name) > MAX_TYPE_CHARACTERS:
            return {}
        name, lists = type_name.strip(), 0
        mapping = _MAP.fullmatch(name)
        if mapping is not None:
            return {"type": "object", "additionalProperties": self.of(mapping[1])}
        while name.endswith("[]"):
            name, lists = name[:-2], lists + 1
        schema = self._of_single(name)
        for _ in range(lists):
            schema = {"type": "array", "items": schema}
        return schema

    def components(self) -> dict[str, Schema]:
        """All models by the names that `of` refers to."""
        made = {
            self._names[name]: self._model_schema(model, {})
            for name, model in sorted(self._models.items())
            if not _parameters(model)
        }
        while self._instances:
            name, model, arguments = self._instances.popleft()
            made[self._names[name]] = self._model_schema(model, arguments)
        return made

    def _of_single(self, name: str) -> Schema:
        if name in _PLAIN:
            return dict(_PLAIN[name])
        if name not in self._names and not self._instantiate(name):
            return {}
        return {"$ref": f"#/components/schemas/{self._names[name]}"}

    def _instantiate(self, name: str) -> bool:
        """Notes that the generic model in `name` is needed with its arguments. False: there is no such model."""
        match = _GENERIC.fullmatch(name)
        model = self._models.get(match[1]) if match is not None else None
        if match is None or model is None or len(self._names) > len(self._models) + MAX_INSTANCES:
            return False
        parameters, arguments = _parameters(model), _split(match[2])
        if not parameters or len(parameters) != len(arguments):
            return False
        self._name(name)
        self._instances.append((name, model, dict(zip(parameters, arguments, strict=True))))
        return True

    def _name(self, name: str) -> None:
        """Finds a component name that nobody has."""
        plain = _NOT_IN_NAMES.sub("_", name).strip("_") or "_"
        free, number = plain, 2
        while free in self._taken:
            free, number = f"{plain}_{number}", number + 1
        self._taken.add(free)
        self._names[name] = free

    def _model_schema(self, model: Mapping[str, Any], arguments: Mapping[str, str]) -> Schema:
        schema: Schema = {}
        if isinstance(model.get("description"), str):
            schema["description"] = model["description"]
        if isinstance(model.get("enum"), list):
            return {**_enum_schema(model["enum"], model.get("enumType")), **schema}
        given = model.get("properties")
        properties = given if isinstance(given, Mapping) else {}
        schema |= {"type": "object", "properties": {}}
        required = []
        for name, described in properties.items():
            if not isinstance(described, Mapping):
                continue
            schema["properties"][name] = self._property_schema(described, arguments)
            if described.get("required"):
                required.append(name)
        return {**schema, "required": required} if required else schema

    def _property_schema(self, described: Mapping[str, Any], arguments: Mapping[str, str]) -> Schema:
        added: Schema = {}
        if isinstance(described.get("description"), str):
            added["description"] = described["description"]
        if described.get("readOnly"):
            added["readOnly"] = True
        if described.get("canBeNull"):
            added["nullable"] = True
        return beside(self.of(_filled(type_of(described, "type"), arguments)), added)


def beside(schema: Schema, added: Schema) -> Schema:
    """`schema` with `added`. Nothing may stand beside a `$ref` in OpenAPI 3.0, so that one goes into an `allOf`."""
    if not added:
        return schema
    if "nullable" in added and "$ref" not in schema and "type" not in schema:
        added = {name: value for name, value in added.items() if name != "nullable"}  # any value may be null
    return {"allOf": [schema], **added} if "$ref" in schema else {**schema, **added}


def type_of(described: Mapping[str, Any], member: str) -> str:
    """The type of a parameter, property or answer: `fullType` is the more precise one where both are there.

    Args:
        described: an object of the document.
        member: the name of the older member: `type`, `dataType`.
    """
    for name in ("fullType", member):
        if isinstance(described.get(name), str):
            return str(described[name])
    return "any"


def _enum_schema(values: list[Any], enum_type: object) -> Schema:
    known = [value for value in dict.fromkeys(map(_plain_value, values)) if value is not None]
    if known and all(isinstance(value, int) for value in known) and enum_type != "string":
        return {"type": "integer", "enum": known}
    return {"type": "string", "enum": [str(value) for value in known]} if known else {"type": "string"}


def _plain_value(value: object) -> str | int | None:
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def _parameters(model: Mapping[str, Any]) -> list[str]:
    """The type parameters of a generic model: `["T"]`."""
    given = model.get("generics")
    return [name for name in given if isinstance(name, str) and name] if isinstance(given, list) else []


def _filled(type_name: str, arguments: Mapping[str, str]) -> str:
    """`T[]` with T = long is `long[]`."""
    if not arguments or len(type_name) > MAX_TYPE_CHARACTERS:
        return type_name
    return re.sub(r"[\w.]+", lambda word: arguments.get(word[0], word[0]), type_name)


def _split(arguments: str) -> list[str]:
    """`long,map[string]x<y,z>` at the commas that stand in no brackets."""
    parts, depth = [""], 0
    for character in arguments:
        depth += (character in "<[") - (character in ">]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]
