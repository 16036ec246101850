"""Which calls a list of access rules covers. The heart of the product: everything else only asks this module.

A rule is literal text plus `*`. A rule set is compiled once into a table of exact paths and a table of texts before the
first star, so that a match costs the same for 1 rule and for 10,000. Compiled sets are interned: equal lists share one
object. Not decided here: whether a rule may be asked for (`protocol.target.check_pattern`), what it means to a human
(`core.rights`).
Source: design.md 5, wire.md 5.1.
"""

from collections.abc import Sequence
from typing import Final
from weakref import WeakValueDictionary

from mandat.core.matcher import Matcher
from mandat.core.pattern import join_escapes
from mandat.protocol.access_rule import MAX_RULES, AccessRule
from mandat.protocol.target import CanonicalTarget

__all__ = ["MAX_RULES", "WHOLE_ACCOUNT_PATHS", "RuleSet", "compile_rules", "tightest_rule"]

WHOLE_ACCOUNT_PATHS: Final = ("*", "/*")
"""The two patterns that cover everything, `/v2` included."""


class RuleSet:
    """A compiled list of rules. Made by `compile_rules` only; equal lists are one object."""

    __slots__ = ("__weakref__", "_matchers", "_version_two", "rules")

    def __init__(self, rules: tuple[AccessRule, ...]) -> None:
        self.rules: Final = rules
        self._matchers = _by_method(rules)
        # Made when the first call of version 2 comes: most rule sets never meet one.
        self._version_two: dict[str, Matcher] | None = None

    def match(self, method: str, target: CanonicalTarget) -> AccessRule | None:
        """The tightest rule that covers the call; None when none does.

        A target with an encoded slash is thereby covered in both its readings: what matches with escapes as single
        characters also matches with each of them read as a slash, in the rule and in the target.

        Args:
            method: upper case. HEAD is judged as GET; a method that no rule can name is never covered.
            target: see `protocol.target.parse_target`.
        """
        matchers = self._matchers
        if target.version == "v2":
            if self._version_two is None:
                self._version_two = _by_method([rule for rule in self.rules if _reaches_version_two(rule)])
            matchers = self._version_two
        matcher = matchers.get("GET" if method == "HEAD" else method)
        return matcher.find(join_escapes(target.opaque)) if matcher is not None else None


def _reaches_version_two(rule: AccessRule) -> bool:
    """A right given for the first API says nothing about the second, unless it names it or is the whole account."""
    return rule.path.startswith("/v2") or rule.path in WHOLE_ACCOUNT_PATHS


def _by_method(rules: Sequence[AccessRule]) -> dict[str, Matcher]:
    sorted_rules: dict[str, list[AccessRule]] = {}
    for rule in rules:
        sorted_rules.setdefault(rule.method, []).append(rule)
    return {method: Matcher(those) for method, those in sorted_rules.items()}


_interned: WeakValueDictionary[tuple[AccessRule, ...], RuleSet] = WeakValueDictionary()


def compile_rules(rules: Sequence[AccessRule]) -> RuleSet:
    """The rule set of `rules`, in their order. The same object as long as an equal list is in use somewhere.

    Rules are taken as they are: who accepts them from outside checks them (`protocol.messages`). One that could never
    be asked for covers nothing that a canonical target can say.
    """
    key = tuple(rules)
    return _interned.get(key) or _interned.setdefault(key, RuleSet(key))


def tightest_rule(method: str, target: CanonicalTarget) -> AccessRule:
    """The rule that covers this call and as little else as a rule can say: what to ask for when a call was refused."""
    return AccessRule("GET" if method == "HEAD" else method, target.opaque)
