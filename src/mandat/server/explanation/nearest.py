"""The rule of a credential that comes nearest to covering a call, for a human to see what is different."""

from collections.abc import Sequence
from itertools import takewhile

from mandat.core.pattern import is_matched
from mandat.protocol.access_rule import AccessRule


def nearest_rule(rules: Sequence[AccessRule], missing: AccessRule) -> AccessRule | None:
    """The nearest of `rules` to `missing`, the rule that would cover the call; None when there are none.

    One that covers the path with another method comes first; then the one whose path has the most segments in common
    from its start, with the same method before another.
    """
    return max(rules, key=lambda rule: _nearness(rule, missing), default=None)


def _nearness(rule: AccessRule, missing: AccessRule) -> tuple[bool, int, bool]:
    pairs = zip(rule.path.split("/"), missing.path.split("/"), strict=False)
    agreed = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return is_matched(rule.path, missing.path), agreed, rule.method == missing.method
