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
from mandat.protocol.access_rule import MAX_RULES, AccessRule
from mandat.protocol.target import CanonicalTarget, read_slashed

__all__ = ["MAX_RULES", "WHOLE_ACCOUNT_PATHS", "RuleSet", "compile_rules", "tightest_rule"]

WHOLE_ACCOUNT_PATHS: Final = ("*", "/*")
"""The two patterns that cover everything, `/v2` included."""


class RuleSet:
    """A compiled list of rules. Made by `compile_rules` only; equal lists are one object."""

    __slots__ = ("__weakref__", "_matchers", "_plain", "rules")

    def __init__(self, rules: tuple[AccessRule, ...]) -> None:
        self.rules: Final = rules
        self._plain = _by_method(rules)
        # The rare readings are compiled when first needed: (about /v2, slashed) to the same shape as `_plain`.
        self._matchers: dict[tuple[bool, bool], dict[str, Matcher]] = {(False, False): self._plain}

    def match(self, method: str, target: CanonicalTarget) -> AccessRule | None:
        """The tightest rule that covers the call; None when none does.

        A target with an encoded slash must be covered in both its readings, each by a rule read the same way. HEAD is
        judged as GET; a method that no rule can name is never covered.

        Args:
            method: upper case.
            target: see `protocol.target.parse_target`.
        """
        if method == "HEAD":
            method = "GET"
        about_version_two = target.version == "v2"
        matcher = (self._reading(True, False) if about_version_two else self._plain).get(method)
        rule = matcher.find(target.opaque) if matcher is not None else None
        if rule is None or not target.encoded_slash:
            return rule
        return rule if self._reading(about_version_two, True)[method].find(target.slashed) is not None else None

    def _reading(self, about_version_two: bool, slashed: bool) -> dict[str, Matcher]:
        kind = (about_version_two, slashed)
        matchers = self._matchers.get(kind)
        if matchers is None:
            rules = [rule for rule in self.rules if not about_version_two or _reaches_version_two(rule)]
            matchers = self._matchers[kind] = _by_method(rules, slashed=slashed)
        return matchers


def _reaches_version_two(rule: AccessRule) -> bool:
    """A right given for the first API says nothing about the second, unless it names it or is the whole account."""
    return rule.path.startswith("/v2") or rule.path in WHOLE_ACCOUNT_PATHS


def _by_method(rules: Sequence[AccessRule], *, slashed: bool = False) -> dict[str, Matcher]:
    paths: dict[str, list[tuple[str, AccessRule]]] = {}
    for rule in rules:
        path = read_slashed(rule.path) if slashed else rule.path
        paths.setdefault(rule.method, []).append((path, rule))
    return {method: Matcher(pairs) for method, pairs in paths.items()}


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
