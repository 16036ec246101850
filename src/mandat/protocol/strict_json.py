"""JSON read strictly: UTF-8, one value, no duplicate keys, no NaN, no lone surrogates, nothing after the end.

Strictness is a security property here. A body that every reader understands alike cannot be judged as one thing and
executed as another, and the padding of a length-extended signature is never valid UTF-8 (threats.md 1b).
Parsing is jiter's; msgspec and orjson accept duplicate keys. Source: design.md 4 step 9.
"""

import re
from dataclasses import dataclass
from math import isinf

import jiter

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

MAX_DEPTH = 201
"""Arrays and objects inside each other; jiter stops there by itself."""

_PLACE = re.compile(r" at line \d+ column \d+\Z")


@dataclass(frozen=True, slots=True)
class JsonFault:
    """The body is not one strict JSON value. `why` is for humans, safe to show, and never quotes the body."""

    why: str


def parse_json(body: bytes) -> JsonValue | JsonFault:
    """The value in `body`. Integers of any size up to 4,300 digits come back exact.

    Numbers that only fit an infinite float (`1e999`) are refused: nothing sensible can be computed with them.
    """
    try:
        value: JsonValue = jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        return JsonFault(_why(str(error)))
    if _holds_infinity(value):
        return JsonFault("a number is too large")
    return value


def check_json(body: bytes) -> JsonFault | None:
    """None when `body` is one strict JSON value. For bodies that are passed on and not read by us."""
    try:
        jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        return JsonFault(_why(str(error)))
    return None


def _why(message: str) -> str:
    """jiter's message without the duplicate key's own text, which may be anything and of any length."""
    place = _PLACE.search(message)
    where = place.group() if place else ""
    if message.startswith("Detected duplicate key"):
        return f"duplicate key{where}"
    if message.startswith("recursion limit"):
        return f"nested deeper than {MAX_DEPTH} levels{where}"
    return message


def _holds_infinity(value: JsonValue) -> bool:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float):
            if isinf(item):
                return True
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
    return False
