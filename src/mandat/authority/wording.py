"""Rights in words, for people who do not read paths: what an access rule lets an application do.

The words come from the API's own description (`catalogue`). A rule with `*` says everything it covers; a rule that the
API does not describe is said plainly, never left out. Which risk a rule bears is decided in `core.rights`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mandat.authority.catalogue import Catalogue, Operation
from mandat.core.rights import Effect, Risk, effect_of, is_whole_account, risks_of
from mandat.look.words import gettext, ngettext
from mandat.protocol.access_rule import AccessRule

COVERED_SHOWN = 40
"""How many operations below a `*` are listed; their number is always said."""
WORK_LIMIT = 1_000_000
"""Steps of matching spent on one list of rules, about a quarter of a second; rules beyond it are said plainly. A list
that costs more was made to cost: the longest honest one seen takes a hundredth of it."""

_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+")


@dataclass(frozen=True, slots=True)
class Right:
    """One rule in words.

    `service` is the first segment of the path, "" when the rule spans services. `covers` lists the operations below a
    `*`, at most COVERED_SHOWN of `covered`; both are empty where `text` names the one operation itself.
    """

    text: str
    rule: AccessRule
    risks: frozenset[Risk]
    service: str
    covers: tuple[str, ...] = ()
    covered: int = 0


@dataclass(frozen=True, slots=True)
class RightGroup:
    """The rights of one effect: read, change or delete."""

    effect: Effect
    rights: tuple[Right, ...]


@dataclass(frozen=True, slots=True)
class Rights:
    """A list of rules in words; groups in the order read, change, delete, empty ones left out."""

    groups: tuple[RightGroup, ...]
    risks: frozenset[Risk]


def rights_in_words(rules: Sequence[AccessRule], catalogue: Catalogue) -> Rights:
    """Says each of `rules` once, in their order within each group."""
    work_left = WORK_LIMIT
    by_effect: dict[Effect, list[Right]] = {effect: [] for effect in (Effect.READ, Effect.CHANGE, Effect.DELETE)}
    for rule in dict.fromkeys(rules):
        work = len(rule.path) * len(catalogue.candidates(rule))
        operations = catalogue.covered(rule) if work <= work_left else []
        work_left -= min(work, work_left)
        by_effect[effect_of(rule)].append(_right(rule, operations))
    groups = tuple(RightGroup(effect, tuple(rights)) for effect, rights in by_effect.items() if rights)
    return Rights(groups=groups, risks=frozenset(risks_of(rules)))


def _right(rule: AccessRule, operations: Sequence[Operation]) -> Right:
    first = rule.path.removeprefix("/").partition("/")[0]
    service = "" if "*" in first else first
    risks = frozenset(risks_of([rule]))
    if len(operations) == 1 and not is_whole_account(rule.path):
        return Right(_sentence(operations[0], rule), rule, risks, service)
    if "*" not in rule.path:
        return Right(_plain(rule, operations), rule, risks, service)
    text = _wildcard(rule)
    if operations:
        counted = ngettext("%(count)d operation", "%(count)d operations", len(operations))
        text = f"{text}: {counted % {'count': len(operations)}}"
    covers = tuple(_sentence(operation, rule) for operation in operations[:COVERED_SHOWN])
    return Right(text, rule, risks, service, covers=covers, covered=len(operations))


def _sentence(operation: Operation, rule: AccessRule) -> str:
    """The operation's description, and what it is limited to: "Create a record – zone example.org"."""
    description = operation.description.strip().rstrip(".")
    text = gettext(description) if description else f"{_verb(rule.method)} {operation.template}"
    limits = _limits(operation, rule)
    return f"{text} – {limits}" if limits else text


def _limits(operation: Operation, rule: AccessRule) -> str:
    """What the rule says for each parameter of the template: "zone example.org, any record"."""
    given, star, _ = rule.path.strip("/").partition("*")
    values = given.split("/")
    said = []
    for place, segment in enumerate(operation.segments):
        if not segment.startswith("{"):
            continue
        label = _label(segment.strip("{}"))
        # The last piece before a star may go on after it, so it is not the whole value.
        known = place < len(values) - 1 or (place < len(values) and not star)
        begun = place == len(values) - 1 and values[place] and star
        if known:
            said.append(gettext("%(label)s %(value)s") % {"label": label, "value": values[place]})
        elif begun:
            said.append(gettext("%(label)s %(value)s*") % {"label": label, "value": values[place]})
        else:
            said.append(gettext("any %(label)s") % {"label": label})
    return ", ".join(said)


def _label(parameter: str) -> str:
    """`zoneName` -> "zone", `credentialId` -> "credential id"."""
    words = [word.lower() for word in _WORD_BORDER.split(parameter) if word]
    if len(words) > 1 and words[-1] == "name":
        words.pop()
    return " ".join(words)


def _plain(rule: AccessRule, operations: Sequence[Operation]) -> str:
    if operations:
        return _sentence(operations[0], rule)
    text = gettext("%(verb)s %(path)s (the API does not describe this call)")
    return text % {"verb": _verb(rule.method), "path": rule.path}


def _wildcard(rule: AccessRule) -> str:
    verb = _verb(rule.method)
    if is_whole_account(rule.path):
        return gettext("%(verb)s everything in the account") % {"verb": verb}
    if rule.path.endswith("/*") and rule.path.count("*") == 1:
        return gettext("%(verb)s everything below %(path)s") % {"verb": verb, "path": rule.path[:-2]}
    if rule.path.endswith("*") and rule.path.count("*") == 1:
        return gettext("%(verb)s everything that begins with %(path)s") % {"verb": verb, "path": rule.path[:-1]}
    return gettext("%(verb)s everything of the form %(path)s") % {"verb": verb, "path": rule.path}


def _verb(method: str) -> str:
    verbs = {
        "GET": gettext("Read"),
        "POST": gettext("Create or start"),
        "PUT": gettext("Change"),
        "DELETE": gettext("Delete"),
    }
    return verbs[method]
