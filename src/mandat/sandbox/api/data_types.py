"""Whether a JSON value or a text is of one of the API's data types. Says why not, and where inside the value.

Only what the type itself asks for: ranges and what belongs together are the handlers'. Source: wire.md 7.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.operation import Model, Property

MAX_TEXT_CHARACTERS = 4096  # the longest legal text is a record's target: a DKIM key of 16,384 bits fits
MAX_ITEMS = 1000
_LONG = range(-(1 << 63), 1 << 63)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class ValueFault:
    """Why a value is not of its type. `place` goes on after the parameter's name: "", ".flavor.id", "[2].target"."""

    why: str
    place: str = ""

    def inside(self, place: str) -> "ValueFault":
        """The same fault, seen from around `place`."""
        return ValueFault(self.why, place + self.place)


def read_value(type_name: str, value: JsonValue, models: Mapping[str, Model]) -> JsonValue | ValueFault:
    """`value` (not null) when it is a `type_name`, its members without nulls: null equals absent (wire.md 1.1)."""
    if type_name.endswith("[]"):
        return _read_list(type_name.removesuffix("[]"), value, models)
    model = models.get(type_name)
    if model is not None and not model.values:
        return read_members({member.name: member for member in model.properties}, value, models)
    why = _why_not(type_name, value, model)
    return value if why is None else ValueFault(why)


def read_members(
    known: Mapping[str, Property], value: JsonValue, models: Mapping[str, Model]
) -> dict[str, JsonValue] | ValueFault:
    """The members of an object, each of its type, none unknown, none that is required missing."""
    if not isinstance(value, dict):
        return ValueFault("must be an object")
    for name in value:
        if name not in known:
            return ValueFault(f"is not known here; known: {', '.join(known) or 'none'}", f".{shown(name)}")
    for name, member in known.items():
        if member.required and value.get(name) is None:
            return ValueFault("is missing", f".{name}")
    members: dict[str, JsonValue] = {}
    for name, item in value.items():
        if item is None:
            continue
        read = read_value(known[name].type, item, models)
        if isinstance(read, ValueFault):
            return read.inside(f".{name}")
        members[name] = read
    return members


def read_query(type_name: str, text: str, models: Mapping[str, Model]) -> str | ValueFault:
    """The text of a query parameter when it says a `type_name`."""
    match type_name:
        case "long":
            why = None if parse_long(text) is not None else "must be a whole number from 0 to 9223372036854775807"
        case "datetime":
            why = None if parse_datetime(text) is not None else "must be a time such as 2026-01-31T08:00:00+00:00"
        case _:
            why = _why_not(type_name, text, models.get(type_name))
    return text if why is None else ValueFault(why)


def check_text(text: str) -> str | None:
    """Why `text` is not acceptable on one line; None when it is."""
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


def parse_datetime(text: str) -> float | None:
    """Unix seconds of an ISO 8601 time with its offset; None when `text` is none.

    A blank reads as `+`: that is what becomes of an offset's sign in a query string.
    """
    if not text.isascii():
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        return None if moment.tzinfo is None else moment.timestamp()
    except (ValueError, OverflowError):
        return None


def shown(name: str) -> str:
    """A name of the caller's as a message may show it."""
    return ascii(name[:_SHOWN_CHARACTERS])


def _read_list(type_name: str, value: JsonValue, models: Mapping[str, Model]) -> JsonValue | ValueFault:
    if not isinstance(value, list):
        return ValueFault("must be a list")
    if len(value) > MAX_ITEMS:
        return ValueFault(f"must not have more than {MAX_ITEMS} items")
    items: list[JsonValue] = []
    for index, item in enumerate(value):
        read = ValueFault("must not be null") if item is None else read_value(type_name, item, models)
        if isinstance(read, ValueFault):
            return read.inside(f"[{index}]")
        items.append(read)
    return items


def _why_not(type_name: str, value: JsonValue, model: Model | None) -> str | None:
    if model is not None:
        known = isinstance(value, str) and value in model.values
        return None if known else f"must be one of {', '.join(model.values)}"
    match type_name:
        case "long":
            return None if type(value) is int and value in _LONG else "must be a whole number of at most 64 bits"
        case "boolean":
            return None if isinstance(value, bool) else "must be true or false"
        case "text":
            return _why_no_lines(value) if isinstance(value, str) else "must be a text"
    return check_text(value) if isinstance(value, str) else "must be a text"


def _why_no_lines(text: str) -> str | None:
    """Texts of many lines: how long they may be is for who uses them to say, within the limit of a body."""
    return "must not contain control characters" if _CONTROL_IN_LINES.search(text) else None
