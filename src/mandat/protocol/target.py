"""The canonical request target: what is judged, and byte for byte what is forwarded.

"The path that was authorised is not the path that was executed" is the bug class of this product category, so a target that
any reader on the way could read differently is refused, never repaired (threats.md 1, 2). What a rule covers is decided in
`mandat.core.rules`; here is only which targets exist at all, and their two readings when one contains an encoded slash.
Source: design.md 5, RFC 3986 section 3.3 for the characters.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from mandat.protocol.access_rule import MAX_RULE_PATH_CHARACTERS, MAX_RULE_STARS

MAX_PATH_BYTES = 2_048
MAX_TARGET_BYTES = 8_192

Version = Literal["1.0", "v1", "v2", ""]

# unreserved, sub-delims without `;`, `:`, `@`, `/` and the percent sign of escapes, which are looked at one by one later.
_PATH = r"A-Za-z0-9\-._~!$&'()*+,=:@/%"
# The query takes no part in any rule: all visible ASCII but `#` and backslash.
_split_target = re.compile(rf"(/[{_PATH}]*)(?:\?([!\"$-\[\]-~]*))?".encode()).fullmatch
_split_pattern = re.compile(rf"[/*][{_PATH}]*").fullmatch
_find_escapes = re.compile(r"%([0-9A-Fa-f]{2})?").finditer
_encoded_slash = re.compile(r"%2[Ff]")

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_NEVER_ESCAPED = _UNRESERVED | frozenset("%?#;\\")


class CanonicalTarget(NamedTuple):
    """A request target that every reader understands alike.

    Attributes:
        raw: the bytes as received; what is signed and forwarded.
        path: the whole path, without the query.
        query: what follows `?`, without it; empty when there is none.
        version: the version prefix, without slashes; empty when the path has none.
        opaque: the path below `/1.0` or `/v1`; for `v2` the whole path, for no version too. What rules are matched against.
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
    """The target is refused. `why` is for humans and never quotes the target."""

    why: str


def parse_target(raw: bytes) -> CanonicalTarget | TargetFault:
    """The canonical target, or why it is none. Never decodes, joins or shortens anything.

    A version prefix counts only with the slash after it: `/1.0` alone has none.
    """
    if len(raw) > MAX_TARGET_BYTES:
        return TargetFault(f"the target is longer than {MAX_TARGET_BYTES} bytes")
    parts = _split_target(raw)
    if parts is None:
        return TargetFault(_why_unreadable(raw))
    path = parts[1].decode("ascii")
    query = parts[2].decode("ascii") if parts[2] else ""
    if len(path) > MAX_PATH_BYTES:
        return TargetFault(f"the path is longer than {MAX_PATH_BYTES} bytes")
    slashed = path
    if "%" in path:
        why = _why_badly_escaped(path)
        if why is not None:
            return TargetFault(why)
        slashed = read_slashed(path)
    why = _why_bad_segments(slashed)
    if why is not None:
        return TargetFault(why)
    return _versioned(raw, path, query, slashed)


def _versioned(raw: bytes, path: str, query: str, slashed: str) -> CanonicalTarget | TargetFault:
    """Both readings below their version prefix."""
    encoded = slashed is not path and slashed != path
    if path.startswith("/1.0/"):
        version, opaque, slashed = "1.0", path[4:], slashed[4:]
    elif path.startswith("/v1/"):
        version, opaque, slashed = "v1", path[3:], slashed[3:]
    elif path.startswith("/v2/"):
        return CanonicalTarget(raw, path, query, "v2", path, slashed, encoded)
    else:
        return CanonicalTarget(raw, path, query, "", path, slashed, encoded)
    if slashed.startswith("/v2") and slashed[3:4] in ("", "/"):
        # `/1.0/v2/x` and `/v2/x` would be covered by the same rules and executed by different routes.
        return TargetFault("the path names two versions")
    return CanonicalTarget(raw, path, query, version, opaque, slashed, encoded)  # type: ignore[arg-type]


def read_slashed(path: str) -> str:
    """The path with each `%2F` read as a slash, as many servers do before they route."""
    return _encoded_slash.sub("/", path)


def check_pattern(path: str) -> str | None:
    """Why the path of a rule is not acceptable; None when it is.

    A pattern is held to the same characters as a target, so that no rule is stored that could never match, or that would
    start to match if a target were read less strictly. Source: design.md 5, wire.md 5.1.
    """
    if not path.startswith(("/", "*")):
        return "must start with / or *"
    if len(path) > MAX_RULE_PATH_CHARACTERS:
        return f"is longer than {MAX_RULE_PATH_CHARACTERS} characters"
    if path.count("*") > MAX_RULE_STARS:
        return f"has more than {MAX_RULE_STARS} stars"
    if _split_pattern(path) is None:
        return _why_unreadable_pattern(path)
    return _why_badly_escaped(path) or _why_bad_segments(read_slashed(path))


def _why_unreadable(raw: bytes) -> str:
    if not raw.startswith(b"/"):
        return "the target does not start with a slash"
    if b"#" in raw:
        return "the target has a fragment"
    return (
        _why_forbidden_character(raw.partition(b"?")[0].decode("latin-1"))
        or "the query has a character that must be escaped"
    )


def _why_unreadable_pattern(path: str) -> str:
    if "?" in path:
        return "has a query string, which takes no part in rules"
    return _why_forbidden_character(path) or "has a character that does not belong in a path"


def _why_forbidden_character(path: str) -> str | None:
    if any(character <= " " or character == "\x7f" for character in path):
        return "has a blank or a control character"
    if not path.isascii():
        return "has a character outside ASCII that is not escaped"
    if ";" in path or "\\" in path:
        return "has a semicolon or a backslash"
    return None


def _why_badly_escaped(path: str) -> str | None:
    """Escapes may stand only where every reader needs them: no second spelling of a plain character, no hidden control."""
    for escape in _find_escapes(path):
        digits = escape[1]
        if digits is None:
            return "has a percent sign that is no escape"
        character = chr(int(digits, 16))
        if character in _NEVER_ESCAPED:
            return "escapes a character that must not be escaped"
    try:
        decoded = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return "has an escape that is not UTF-8"
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in decoded):
        return "has an escaped control character"
    return None


def _why_bad_segments(slashed: str) -> str | None:
    if "//" in slashed:
        return "has an empty segment"
    if "/." in slashed and any(segment in (".", "..") for segment in slashed.split("/")):
        return "has a dot segment"
    return None
