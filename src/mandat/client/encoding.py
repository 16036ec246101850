"""How arguments become a query or a body, to the letter as python-ovh 1.2.0 does it. Source: wire.md 4.2."""

import json
import keyword
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode


def plain_names(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`_from` becomes `from`: names that are Python keywords are written with an underscore in front."""
    return {
        name[1:] if name.startswith("_") and name[1:] in keyword.kwlist else name: value
        for name, value in arguments.items()
    }


def with_query(path: str, arguments: Mapping[str, Any]) -> str:
    """`path` with `arguments` added to its query: booleans as true/false, None as null, blanks as `+`."""
    if not arguments:
        return path
    query = urlencode({name: _query_value(value) for name, value in plain_names(arguments).items()})
    return f"{path}{'&' if '?' in path else '?'}{query}"


def body_of(data: Any) -> bytes:
    """The JSON body for `data`, ASCII only and without blanks; empty for None."""
    return b"" if data is None else json.dumps(data, separators=(",", ":")).encode("ascii")


def _query_value(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else value
