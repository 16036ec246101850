"""What is unwise about a list of access rules, though a server would accept it.

For developers before they ask and for pages that explain a request. Nothing here refuses anything; what a server
refuses is in `protocol.messages`. Source: wire.md 5.1 (clients that meet refusals because of a trailing slash or a
missing root).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mandat.core.pattern import covers, is_matched
from mandat.core.rights import is_whole_account
from mandat.protocol.access_rule import AccessRule

_PATH_PARAMETER = re.compile(r"\{[^{}/]*\}")


class FindingKind(StrEnum):
    """The closed list of what is looked for."""

    DUPLICATE = "duplicate"
    COVERED = "covered"
    ROOT_NOT_COVERED = "root_not_covered"
    WHOLE_ACCOUNT = "whole_account"
    VERSION_PREFIX = "version_prefix"
    UNKNOWN_ROUTE = "unknown_route"


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark about one rule. `index` is its place in the list; `level` is "warning" or "note"."""

    kind: FindingKind
    level: str
    index: int
    rule: AccessRule
    message: str


def lint_rules(rules: Sequence[AccessRule], known_routes: Iterable[AccessRule] | None = None) -> list[Finding]:
    """Everything worth saying about `rules`, in the order of the list.

    Args:
        rules: as they would be asked for; each pair of the same method is compared.
        known_routes: the operations of the API, with parameters in braces (`/domain/zone/{zoneName}`). None: not known,
            and nothing is said about routes.
    """
    routes = None if known_routes is None else [_as_call(route) for route in known_routes]
    return [finding for index in range(len(rules)) for finding in _lint_rule(rules, index, routes)]


def _lint_rule(rules: Sequence[AccessRule], index: int, routes: Sequence[AccessRule] | None) -> Iterator[Finding]:
    rule = rules[index]
    others = [(place, other) for place, other in enumerate(rules) if place != index and other.method == rule.method]

    def finding(kind: FindingKind, level: str, message: str) -> Finding:
        return Finding(kind, level, index, rule, message)

    if is_whole_account(rule.path):
        yield finding(FindingKind.WHOLE_ACCOUNT, "warning", "covers the whole account")
    wider = _find_wider(rule, index, others)
    if wider is not None:
        kind = FindingKind.DUPLICATE if wider.path == rule.path else FindingKind.COVERED
        yield finding(kind, "warning", "is there twice" if wider.path == rule.path else f"is covered by {wider}")
    root = rule.path.removesuffix("/*")
    if rule.path.endswith("/*") and root and not any(covers(other.path, root) for _, other in others):
        yield finding(FindingKind.ROOT_NOT_COVERED, "note", f"does not cover {root} itself")
    if rule.path.startswith(("/1.0/", "/v1/")):
        yield finding(
            FindingKind.VERSION_PREFIX, "warning", "names a version, which is no part of the paths it is compared with"
        )
    if routes is not None and not any(_is_about(rule, route) for route in routes):
        yield finding(FindingKind.UNKNOWN_ROUTE, "warning", "covers no operation of this API")


def _find_wider(rule: AccessRule, index: int, others: Sequence[tuple[int, AccessRule]]) -> AccessRule | None:
    """A rule that makes this one superfluous. Of two that say the same, the later one is."""
    for place, other in others:
        if covers(other.path, rule.path) and (place < index or not covers(rule.path, other.path)):
            return other
    return None


def _as_call(route: AccessRule) -> AccessRule:
    """A route with each parameter as one character that no rule spells out: only a star can stand for it."""
    return AccessRule(route.method, _PATH_PARAMETER.sub("\0", route.path))


def _is_about(rule: AccessRule, call: AccessRule) -> bool:
    """Whether the rule covers calls of this route, be it only some: an id fits where the route has a parameter."""
    if rule.method != call.method:
        return False
    if is_matched(rule.path, call.path):
        return True
    return _overlap(rule.path, call.path)


def _overlap(pattern: str, call: str) -> bool:
    """Whether a path exists that fits both: `*` is any run of characters, `\\0` any run without a slash.

    Walks all pairs of places at once; both texts are short, and this is not the hot path.
    """
    places = _skip(pattern, {0})
    for character in call:
        if character == "\0":
            places = _skip(pattern, _through_segment(pattern, places))
        else:
            stayed = {place for place in places if pattern[place : place + 1] == "*"}
            moved = {place + 1 for place in places if pattern[place : place + 1] == character}
            places = _skip(pattern, stayed | moved)
    return len(pattern) in places


def _skip(pattern: str, places: set[int]) -> set[int]:
    """The places, and those behind the stars that stand there: a star may be empty."""
    reached = set(places)
    for place in places:
        stars = len(pattern[place:]) - len(pattern[place:].lstrip("*"))
        reached.update(range(place + 1, place + stars + 1))
    return reached


def _through_segment(pattern: str, places: set[int]) -> set[int]:
    """Where a run of one or more characters without a slash can lead."""
    reached: set[int] = set()
    waiting = list(places)
    while waiting:
        place = waiting.pop()
        if pattern[place : place + 1] in ("", "/"):
            continue
        # A star may take the character and stay; anything else takes it and is done.
        for following in _skip(pattern, {place if pattern[place] == "*" else place + 1}):
            if following not in reached:
                reached.add(following)
                waiting.append(following)
    return reached
