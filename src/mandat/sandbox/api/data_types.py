"""Whether a JSON value or a text is of one of the API's data types. Says why not, for a person.

Only what the type itself asks for: ranges and what belongs together are the handlers'. Source: wire.md 7.
"""

import re

from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Model

MAX_TEXT_CHARACTERS = 4096  # the longest legal text is a record's target: a DKIM key of 16,384 bits fits
_LONG = range(-(1 << 63), 1 << 63)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def check_value(type_name: str, value: JsonValue, models: dict[str, Model]) -> str | None:
    """Why `value` (not null) is not a `type_name`; None when it is one."""
    match type_name:
        case "long":
            return None if type(value) is int and value in _LONG else "must be a whole number of at most 64 bits"
        case "string":
            return check_text(value) if isinstance(value, str) else "must be a text"
    allowed = models[type_name].values
    return None if isinstance(value, str) and value in allowed else f"must be one of {', '.join(allowed)}"


def check_text(text: str) -> str | None:
    """Why `text` is not acceptable anywhere; None when it is."""
    if len(text) > MAX_TEXT_CHARACTERS:
        return f"must not be longer than {MAX_TEXT_CHARACTERS} characters"
    if _CONTROL.search(text):
        return "must not contain control characters"
    return None


def parse_long(text: str) -> int | None:
    """The number that `text` says in its one canonical way (no sign, no leading zero); None otherwise."""
    if not _DECIMAL.fullmatch(text) or int(text) not in _LONG:
        return None
    return int(text)
