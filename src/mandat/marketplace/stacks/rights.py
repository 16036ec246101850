"""Which rights a stack needs, derived from its steps and narrowed to the customer's inputs.

Derives and compares rules; whether a right exists is the provider's to say. A rule made here has `*` only for a whole
segment that an earlier step's answer fills in. Source: design.md 10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mandat.look.words import gettext as _
from mandat.marketplace.stacks.calls import needed_rule
from mandat.marketplace.stacks.expressions import resolve_text
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.protocol.access_rule import AccessRule

WHO_ANSWERED = AccessRule("GET", "/me")
"""What the marketplace itself needs: to show which account a permission came from."""


class Effect(StrEnum):
    """What a right lets somebody do, in the three words the validation page uses too."""

    READ = "read"
    CHANGE = "change"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class NeededRight:
    """One derived rule.

    Attributes:
        words: what it allows, as the document says it.
        steps: ids of the steps that need it; empty for WHO_ANSWERED.
        open_id: it holds `*`, because an id is not known yet.
    """

    rule: AccessRule
    words: tuple[str, ...]
    steps: tuple[str, ...]
    open_id: bool

    @property
    def effect(self) -> Effect:
        """By method."""
        return {"GET": Effect.READ, "DELETE": Effect.DELETE}.get(self.rule.method, Effect.CHANGE)


def derive_rights(stack: Stack, values: Mapping[str, JsonValue]) -> tuple[NeededRight, ...]:
    """The rights that installing `stack` with these inputs needs, each rule once, in the order of first need.

    Raises:
        CallRefused: an input would leave its path segment. Checked inputs never do.
    """
    scope = as_scope(values)
    steps: dict[AccessRule, list[str]] = {}
    words: dict[AccessRule, list[str]] = {}
    for step in stack.install:
        rule = needed_rule(step, scope)
        steps.setdefault(rule, []).append(step.id)
        said = resolve_text(step.right, scope)
        if said not in words.setdefault(rule, []):
            words[rule].append(said)
    derived = [NeededRight(rule, tuple(words[rule]), tuple(ids), "*" in rule.path) for rule, ids in steps.items()]
    if WHO_ANSWERED in steps:
        return tuple(derived)
    return (
        NeededRight(
            WHO_ANSWERED,
            (_("See which account you answered with: your identifier, name and contact details"),),
            (),
            open_id=False,
        ),
        *derived,
    )


def is_covered(rules: Sequence[AccessRule], *, method: str, path: str) -> bool:
    """Whether one of `rules`, as derived here, covers a call. `*` is exactly one segment: narrower than the wire's."""
    return any(rule.method == method and _fits(rule.path, path) for rule in rules)


def _fits(pattern: str, path: str) -> bool:
    wanted, found = pattern.split("/"), path.split("/")
    return len(wanted) == len(found) and all(
        given not in ("", "*") if piece == "*" else piece == given for piece, given in zip(wanted, found, strict=True)
    )
