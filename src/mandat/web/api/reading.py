"""What a caller sent besides the path: the body as strict JSON, the query, ids. Refuses, never repairs."""

from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request

from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonFault, JsonValue, parse_json
from mandat.web.api.caller import MAX_ID, MAX_ID_DIGITS
from mandat.web.api.refusal import ApiRefusal, bad_parameter

MAX_QUERY_FIELDS = 16


async def read_json(request: Request[Any, Any, Any]) -> JsonValue:
    """The body, whatever content type it claims: plain `curl -d` sends JSON as a form (wire.md 13.9).

    Raises:
        ApiRefusal: it is encoded or not one strict JSON value.
    """
    if "content-encoding" in request.headers:
        raise ApiRefusal(Reason.MALFORMED_BODY, "An encoded body (Content-Encoding) is not supported", field="body")
    document = parse_json(await request.body())
    if isinstance(document, JsonFault):
        raise ApiRefusal(
            Reason.MALFORMED_BODY, f"This body is not one JSON value in UTF-8: {document.why}", field="body"
        )
    return document


def read_query(request: Request[Any, Any, Any], known: Collection[str]) -> dict[str, str]:
    """The query's fields; `null` reads as absent, which is how clients send None.

    Raises:
        ApiRefusal: a field that the operation does not have (ignoring a mistyped filter would answer too much), one
            given twice, or an escape that is not UTF-8.
    """
    raw: bytes = request.scope["query_string"]
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:  # UnicodeDecodeError is one
        raise ApiRefusal(Reason.MALFORMED_REQUEST, "The query cannot be read", field="query") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise bad_parameter(_shown(name), f"Query parameter {_shown(name)} is not known here")
        if name in fields:
            raise bad_parameter(name, f"Query parameter {name} is given twice")
        fields[name] = value
    return {name: value for name, value in fields.items() if value != "null"}


def read_id(text: str, *, field: str) -> int:
    """A number that may name something. One beyond 64 bits reads as 0, which names nothing either.

    Raises:
        ApiRefusal: it is no number.
    """
    if not (text.isascii() and text.isdigit()):
        raise bad_parameter(field, f"{field} must be a number")
    significant = text.lstrip("0") or "0"
    number = int(significant) if len(significant) <= MAX_ID_DIGITS else 0
    return number if number <= MAX_ID else 0


def _shown(name: str) -> str:
    """A caller's own word, cut and without anything that could disturb a log or a terminal."""
    return "".join(character if character.isprintable() else "?" for character in name[:40])
