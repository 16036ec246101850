"""The meaning of rules once more, slow and obvious: what the fast matcher is compared with."""

import re

from mandat.core.rules import RuleSet
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.target import CanonicalTarget


def atoms(text: str) -> list[str]:
    """The characters of a path or pattern; an escape is one."""
    return re.findall(r"%..|.", text)


def fits(pattern: list[str], text: list[str]) -> bool:
    """Every way to spread the stars is tried."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] == text[0] and fits(pattern[1:], text[1:])


def covering_rules(rules: RuleSet, method: str, target: CanonicalTarget) -> list[AccessRule]:
    """All rules that cover the call."""
    judged = "GET" if method == "HEAD" else method
    return [rule for rule in rules.rules if rule.method == judged and _covers(rule.path, target)]


def _covers(path: str, target: CanonicalTarget) -> bool:
    if target.version == "v2" and not (path.startswith("/v2") or path in ("*", "/*")):
        return False
    as_written = fits(atoms(path), atoms(target.opaque))
    slashed = fits(atoms(path.upper().replace("%2F", "/")), atoms(target.slashed.upper()))
    return as_written and slashed
