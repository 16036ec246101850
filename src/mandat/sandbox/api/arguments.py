"""Checks what a call gives against its operation: nothing unknown, nothing missing, everything of its type.

Null equals absent, because clients send explicit nulls (wire.md 1.1, 13.15); a null where something is needed reads as
missing. Names in messages are those of the table; an unknown name of the caller's is shown shortened.
"""

from urllib.parse import parse_qsl, unquote_to_bytes

from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonFault, JsonValue, parse_json
from mandat.sandbox.api.data_types import (
    ValueFault,
    check_text,
    parse_datetime,
    parse_long,
    read_members,
    read_query,
    shown,
)
from mandat.sandbox.api.operation import Arguments, Model, Operation, Property, Refused

MAX_QUERY_PARAMETERS = 32
_NULL_TEXT = "null"  # python-ovh writes None so in a query


def bad_parameter(place: str, name: str, why: str) -> Refused:
    """The refusal of one parameter: `place` is path, query or body; `why` goes on after its name."""
    return Refused(Reason.BAD_PARAMETER, f"{place.capitalize()} parameter {name} {why}", name)


def check_arguments(
    operation: Operation, models: dict[str, Model], *, path: dict[str, str], query: str, body: bytes
) -> Arguments | Refused:
    """What the call gave, or why it is refused (the first reason found).

    Args:
        operation: the table's entry.
        models: the section's models by name.
        path: values of path parameters, still percent-encoded.
        query: the raw query string, without "?".
        body: as received. Ignored for GET (libcloud and terraform send one); a void call takes none, null or {}.
    """
    path_values = _check_path(operation, path)
    if isinstance(path_values, Refused):
        return path_values
    query_values = _check_query(operation, models, query)
    if isinstance(query_values, Refused):
        return query_values
    if operation.method == "GET":
        return Arguments(path_values, query_values, {})
    body_values = _check_body(operation, models, body)
    if isinstance(body_values, Refused):
        return body_values
    return Arguments(path_values, query_values, body_values)


def _check_path(operation: Operation, path: dict[str, str]) -> dict[str, str | int] | Refused:
    values: dict[str, str | int] = {}
    for parameter in operation.at("path"):
        try:
            text = unquote_to_bytes(path[parameter.name]).decode()
        except UnicodeDecodeError:
            return bad_parameter("path", parameter.name, "must be text in UTF-8")
        value = parse_long(text) if parameter.type == "long" else text
        if value is None:
            return bad_parameter("path", parameter.name, "must be a whole number from 0 to 9223372036854775807")
        if parameter.type == "datetime" and parse_datetime(text) is None:
            return bad_parameter("path", parameter.name, "must be a time such as 2026-01-31T08:00:00+00:00")
        why = check_text(text)
        if why is not None:
            return bad_parameter("path", parameter.name, why)
        values[parameter.name] = value
    return values


def _check_query(operation: Operation, models: dict[str, Model], query: str) -> dict[str, str] | Refused:
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=MAX_QUERY_PARAMETERS
        )
    except ValueError:
        return Refused(Reason.BAD_PARAMETER, "The query string cannot be read", "query")
    known = {parameter.name: parameter for parameter in operation.at("query")}
    values: dict[str, str] = {}
    for name, text in pairs:
        if name not in known:
            return bad_parameter("query", shown(name), f"is not known here; known: {', '.join(known) or 'none'}")
        if name in values:
            return bad_parameter("query", name, "is given twice")
        values[name] = text
    for name, text in values.items():
        fault = None if text == _NULL_TEXT else read_query(known[name].type, text, models)
        if isinstance(fault, ValueFault):
            return bad_parameter("query", name, fault.why)
    return {name: text for name, text in values.items() if text != _NULL_TEXT}


def _check_body(operation: Operation, models: dict[str, Model], body: bytes) -> dict[str, JsonValue] | Refused:
    document = parse_json(body) if body else {}
    if isinstance(document, JsonFault):
        return Refused(Reason.MALFORMED_BODY, f"The body is not one JSON value in UTF-8: {document.why}", "body")
    document = {} if document is None else document
    if not isinstance(document, dict):
        return Refused(Reason.BAD_PARAMETER, "The body must be a JSON object", "body")
    members = read_members(body_members(operation, models), document, models)
    if isinstance(members, ValueFault):
        return bad_parameter("body", members.place.removeprefix("."), members.why)
    return members


def body_members(operation: Operation, models: dict[str, Model]) -> dict[str, Property]:
    """The members that the operation's body may have. A whole-body parameter stands for its model's properties."""
    members: dict[str, Property] = {}
    for parameter in operation.at("body"):
        if parameter.name:
            members[parameter.name] = Property(
                parameter.name, parameter.type, parameter.description, required=parameter.required
            )
        else:
            members |= {member.name: member for member in models[parameter.type].properties}
    return members
