"""The canonical request target: what is judged, and byte for byte what is forwarded.

"The path that was authorised is not the path that was executed" is the bug class of this product category, so a target
that any reader on the way could read differently is refused, never repaired (threats.md 1, 2). What a rule covers is
decided in `mandat.core.rules`; here is only which targets exist at all, and their two readings when one contains an
encoded slash.
Source: design.md 5, RFC 3986 section 3.3 for the characters.
"""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

import msgspec

from mandat.protocol.access_rule import MAX_RULE_PATH_CHARACTERS, MAX_RULE_STARS

MAX_PATH_BYTES = 2_048
MAX_TARGET_BYTES = 8_192

Version = Literal["1.0", "v1", "v2", ""]

# unreserved, sub-delims without `;`, `:`, `@`, `/` and the percent sign of escapes, which are looked at one by one
# later.
_PATH = r"A-Za-z0-9\-._~!$&'()*+,=:@/%"
_PATH_BYTES = bytes(code for code in range(128) if re.fullmatch(f"[{_PATH}]", chr(code)))
# The query takes no part in any rule: all visible ASCII but `#` and backslash.
_QUERY_BYTES = bytes(code for code in range(0x21, 0x7F) if chr(code) not in "#\\")
_is_pattern = re.compile(rf"[/*][{_PATH}]*").fullmatch
_find_escapes = re.compile(r"%([0-9A-Fa-f]{2})?").finditer
_encoded_slash = re.compile(r"%2[Ff]")

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_NEVER_ESCAPED = _UNRESERVED | frozenset("%?#;\\")


class CanonicalTarget(msgspec.Struct, frozen=True, gc=False):
    """A request target that every reader understands alike.

    Attributes:
        raw: the bytes as received; what is signed and forwarded.
        path: the whole path, without the query.
        query: what follows `?`, without it; empty when there is none.
        version: the version prefix, without slashes; empty when the path has none.
        opaque: the path below `/1.0` or `/v1`; for `v2` the whole path, for no version too. What rules are matched
            against.
        slashed: the same with each `%2F` read as a slash.
        encoded_slash: whether the two readings differ.
    """

    raw: bytes
    path: str
    query: str
    version: Version
    opaque: str
    slashed: str
    encoded_slash: bool


@dataclass(frozen=True, slots=True)
class TargetFault:
    """The target is refused. `why` is for humans, the end of a sentence about the target; it never quotes it."""

    why: str


# Bounded on both sides: a few megabytes at most, whatever targets strangers think of.
_SHORT_BYTES = 256
_MOST_KNOWN = 4_096
_known: dict[bytes, CanonicalTarget | TargetFault] = {}


def parse_target(raw: bytes) -> CanonicalTarget | TargetFault:
    """The canonical target, or why it is none. Never decodes, joins or shortens anything.

    A version prefix counts only with the slash after it: `/1.0` alone has none. Short targets seen lately are
    remembered: clients ask for the same things over and over.
    """
    known = _known.get(raw)
    if known is not None:
        return known
    parsed = _parse(raw)
    if len(raw) <= _SHORT_BYTES:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[raw] = parsed
    return parsed


def _parse(raw: bytes) -> CanonicalTarget | TargetFault:
    if len(raw) > MAX_TARGET_BYTES:
        return TargetFault(f"is longer than {MAX_TARGET_BYTES} bytes")
    path_bytes, _, query = raw.partition(b"?")
    # What is left after deleting all good characters is a bad one; that is faster than a regular expression.
    if not raw.startswith(b"/") or path_bytes.translate(None, _PATH_BYTES) or query.translate(None, _QUERY_BYTES):
        return TargetFault(_why_unreadable(raw))
    path = path_bytes.decode("ascii")
    encoded = False
    slashed = path
    if "%" in path:
        why = _why_badly_escaped(path)
        if why is not None:
            return TargetFault(why)
        slashed = read_slashed(path)
        encoded = slashed != path
    # The guard spares nearly every call the search for dot segments: this is the hot path.
    if len(path) > MAX_PATH_BYTES or "//" in slashed or "/." in slashed:
        why = _why_bad_segments(path, slashed)
        if why is not None:
            return TargetFault(why)
    version: Version
    if path.startswith("/1.0/"):
        version, prefix = "1.0", 4
    else:
        version, prefix = _find_version(path)
    opaque = path[prefix:]
    slashed = slashed[prefix:] if encoded else opaque
    if prefix and slashed.startswith("/v2") and slashed[3:4] in ("", "/"):
        # `/1.0/v2/x` and `/v2/x` would be covered by the same rules and served by different routes.
        return TargetFault("names two versions")
    return CanonicalTarget(raw, path, query.decode("ascii"), version, opaque, slashed, encoded)


def _find_version(path: str) -> tuple[Version, int]:
    """The version beside 1.0 a path starts with, and how many characters of it are no part of the opaque path."""
    if path.startswith("/v1/"):
        return "v1", 3
    return ("v2", 0) if path.startswith("/v2/") else ("", 0)


def read_slashed(path: str) -> str:
    """The path with each `%2F` read as a slash, as many servers do before they route."""
    return _encoded_slash.sub("/", path)


def check_pattern(path: str) -> str | None:
    """Why the path of a rule is not acceptable, as the end of a sentence; None when it is.

    A pattern is held to the same characters as a target, so that no rule is stored that could never match, or that
    would start to match if a target were read less strictly. Source: design.md 5, wire.md 5.1.
    """
    if not path.startswith(("/", "*")):
        return "must start with / or *"
    if len(path) > MAX_RULE_PATH_CHARACTERS:
        return f"is longer than {MAX_RULE_PATH_CHARACTERS} characters"
    if path.count("*") > MAX_RULE_STARS:
        return f"has more than {MAX_RULE_STARS} stars"
    if "?" in path:
        return "has a query string, which takes no part in rules"
    if _is_pattern(path) is None:
        return _why_forbidden_character(path)
    return _why_badly_escaped(path) or _why_bad_segments(path, read_slashed(path))


def _why_unreadable(raw: bytes) -> str:
    if not raw.startswith(b"/"):
        return "does not start with a slash"
    return _why_forbidden_character(raw.decode("latin-1"))


def _why_forbidden_character(text: str) -> str:
    if any(character <= " " or character == "\x7f" for character in text):
        return "has a blank or a control character"
    if not text.isascii():
        return "has a character outside ASCII that is not escaped"
    if "#" in text:
        return "has a fragment"
    if "\\" in text or ";" in text:
        return "has a semicolon or a backslash"
    return "has a character that must be escaped"


def _why_badly_escaped(path: str) -> str | None:
    """Escapes may stand only where every reader needs them.

    So there is no second spelling of a plain character, and no hidden control character.
    """
    for escape in _find_escapes(path):
        digits = escape[1]
        if digits is None:
            return "has a percent sign that is no escape"
        if chr(int(digits, 16)) in _NEVER_ESCAPED:
            return "escapes a character that must not be escaped"
    try:
        decoded = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return "has an escape that is not UTF-8"
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in decoded):
        return "has an escaped control character"
    return None


def _why_bad_segments(path: str, slashed: str) -> str | None:
    if len(path) > MAX_PATH_BYTES:
        return f"has a path longer than {MAX_PATH_BYTES} bytes"
    if "//" in slashed:
        return "has an empty segment"
    if any(segment in (".", "..") for segment in slashed.split("/")):
        return "has a dot segment"
    return None
