"""Which calls a list of access rules covers. The heart of the product: everything else only asks this module.

A rule is literal text plus `*`. A rule set is compiled once into a table of exact paths and a table of texts before the
first star, so that a match costs the same for 1 rule and for 10,000. Compiled sets are interned: equal lists share one
object. Not decided here: whether a rule may be asked for (`protocol.target.check_pattern`), what it means to a human
(`core.rights`).
Source: design.md 5, wire.md 5.1.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final
from weakref import WeakValueDictionary

from mandat.core.pattern import Starred, cut
from mandat.protocol.access_rule import MAX_RULES, AccessRule
from mandat.protocol.target import CanonicalTarget, read_slashed

__all__ = ["MAX_RULES", "WHOLE_ACCOUNT_PATHS", "RuleSet", "compile_rules", "tightest_rule"]

WHOLE_ACCOUNT_PATHS: Final = ("*", "/*")
"""The two patterns that cover everything, `/v2` included."""


class _Node:
    """The rules whose text before the first star is the same.

    `open_end` is the rule that has nothing after its only star. `parent` is the node with the next shorter text that
    this one starts with.
    """

    __slots__ = ("head", "open_end", "parent", "starred")

    def __init__(self, head: str) -> None:
        self.head = head
        self.open_end: AccessRule | None = None
        self.starred: list[tuple[Starred, AccessRule]] = []
        self.parent: _Node | None = None


class _Matcher:
    """The rules of one method, in one reading."""

    __slots__ = ("_exact", "_heads", "_nodes")

    def __init__(self, rules: Sequence[tuple[str, AccessRule]]) -> None:
        self._exact: dict[str, AccessRule] = {}
        nodes: dict[str, _Node] = {}
        for path, rule in rules:
            if "*" not in path:
                self._exact.setdefault(path, rule)
                continue
            starred = cut(path)
            node = nodes.setdefault(starred.head, _Node(starred.head))
            if starred.middles or starred.tail:
                node.starred.append((starred, rule))
            elif node.open_end is None:
                node.open_end = rule
        self._heads = sorted(nodes)
        self._nodes = [nodes[head] for head in self._heads]
        _link_parents(self._nodes)

    def find(self, path: str) -> AccessRule | None:
        """The exact rule, else the matching rule with the longest text before its first star.

        Of all heads that `path` starts with, the longest is the greatest head not above `path`, or an ancestor of it.
        """
        rule = self._exact.get(path)
        if rule is not None:
            return rule
        place = bisect_right(self._heads, path)
        node = self._nodes[place - 1] if place else None
        while node is not None:
            if path.startswith(node.head):
                for starred, rule in node.starred:
                    if starred.matches(path):
                        return rule
                if node.open_end is not None:
                    return node.open_end
            node = node.parent
        return None


def _link_parents(nodes: Sequence[_Node]) -> None:
    """`nodes` are in order of their heads, so the open ancestors form a stack."""
    stack: list[_Node] = []
    for node in nodes:
        while stack and not node.head.startswith(stack[-1].head):
            stack.pop()
        node.parent = stack[-1] if stack else None
        stack.append(node)


class RuleSet:
    """A compiled list of rules. Made by `compile_rules` only; equal lists are one object."""

    __slots__ = ("__weakref__", "_matchers", "_plain", "rules")

    def __init__(self, rules: tuple[AccessRule, ...]) -> None:
        self.rules: Final = rules
        self._plain = _by_method(rules)
        # The rare readings are compiled when first needed: (about /v2, slashed) to the same shape as `_plain`.
        self._matchers: dict[tuple[bool, bool], dict[str, _Matcher]] = {(False, False): self._plain}

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

    def _reading(self, about_version_two: bool, slashed: bool) -> dict[str, _Matcher]:
        kind = (about_version_two, slashed)
        matchers = self._matchers.get(kind)
        if matchers is None:
            rules = [rule for rule in self.rules if not about_version_two or _reaches_version_two(rule)]
            matchers = self._matchers[kind] = _by_method(rules, slashed=slashed)
        return matchers


def _reaches_version_two(rule: AccessRule) -> bool:
    """A right given for the first API says nothing about the second, unless it names it or is the whole account."""
    return rule.path.startswith("/v2") or rule.path in WHOLE_ACCOUNT_PATHS


def _by_method(rules: Sequence[AccessRule], *, slashed: bool = False) -> dict[str, _Matcher]:
    paths: dict[str, list[tuple[str, AccessRule]]] = {}
    for rule in rules:
        path = read_slashed(rule.path) if slashed else rule.path
        paths.setdefault(rule.method, []).append((path, rule))
    return {method: _Matcher(pairs) for method, pairs in paths.items()}


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
