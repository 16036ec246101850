"""The least-privilege proof of a stack: each derived rule is needed, each call is covered, none reaches too far.

Compares with the wire's own meaning of `*`, which is any run of characters, so that what passes here holds at every
provider. Source: wire.md 5.1.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from mandat.marketplace.stacks.calls import exact_rule
from mandat.marketplace.stacks.expressions import Origin, Reference
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.rights import WHO_ANSWERED, derive_rights
from mandat.marketplace.stacks.values import Stack, Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.protocol.access_rule import AccessRule

_OTHER = "somebody-elses.example"
"""Stands for what the customer did not type."""
_ID = "1099511627777"
"""Stands for an id that only a step's answer knows."""


def prove(stack: Stack, values: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """What is wrong with the rights of `stack`, as place and sentence; nothing for a stack as it should be.

    Args:
        values: checked inputs.
    """
    rules = [right.rule for right in derive_rights(stack, values)]
    calls = {step.id: _call(step, values) for step in stack.install}
    yield from _uncovered(rules, calls)
    yield from _unneeded(rules, calls)
    yield from _too_far(stack, rules, values)


def _uncovered(rules: Sequence[AccessRule], calls: Mapping[str, AccessRule]) -> Iterator[tuple[str, str]]:
    for step_id, call in calls.items():
        if not any(matches(rule, call) for rule in rules):
            yield f"install.{step_id}", f"no derived rule covers {call}"


def _unneeded(rules: Sequence[AccessRule], calls: Mapping[str, AccessRule]) -> Iterator[tuple[str, str]]:
    """A rule without which every step would still be covered."""
    for rule in rules:
        others = [each for each in rules if each is not rule]
        broken = [call for call in calls.values() if not any(matches(other, call) for other in others)]
        if rule != WHO_ANSWERED and not broken:
            yield str(rule), "without this rule every step would still be covered"


def _too_far(stack: Stack, rules: Sequence[AccessRule], values: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """A rule that also covers what a step would do with another value of an input in its path."""
    for step in stack.install:
        for name in _inputs_of(step):
            elsewhere = _call(step, {**values, name: _OTHER})
            for rule in rules:
                if matches(rule, elsewhere):
                    yield str(rule), f"this rule reaches beyond {name}: it also covers {elsewhere}"


def _inputs_of(step: Step) -> list[str]:
    """Names of the inputs that stand in the step's path."""
    values = step.path_values.values()
    return sorted({each.name for each in values if isinstance(each, Reference) and each.origin is Origin.INPUT})


def _call(step: Step, values: Mapping[str, JsonValue]) -> AccessRule:
    """The call of `step`, with a number in place of each id that is not known yet."""
    rule = exact_rule(step, as_scope(values))
    return AccessRule(rule.method, rule.path.replace("*", _ID))


def matches(rule: AccessRule, call: AccessRule) -> bool:
    """Whether `rule` permits `call`, as the wire reads it."""
    pattern = ".*".join(re.escape(part) for part in rule.path.split("*"))
    return rule.method == call.method and re.fullmatch(pattern, call.path, re.DOTALL) is not None
