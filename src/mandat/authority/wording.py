"""Rights in words, for people who do not read paths: what an access rule lets an application do.

The words come from the API's own description (`catalogue`). A rule with `*` says everything it covers; a rule that the
API does not describe is said plainly, never left out. Which risk a rule bears is decided in `core.rights`.
"""

import re
from collections.abc import Iterator, Sequence
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
        operations = catalogue.covered(rule) if work <= work_left else None
        work_left = max(work_left - work, 0)
        by_effect[effect_of(rule)].append(_right(rule, operations))
    groups = tuple(RightGroup(effect, tuple(rights)) for effect, rights in by_effect.items() if rights)
    return Rights(groups=groups, risks=frozenset(risks_of(rules)))


def operation_in_words(operation: Operation) -> Right:
    """A right to exactly this operation. Its parameters stand for themselves: "the zone {zoneName}"."""
    return _right(AccessRule(operation.method, operation.template), [operation])


def _right(rule: AccessRule, operations: Sequence[Operation] | None) -> Right:
    """`operations` None: too much work to look them up, so nothing is claimed about them."""
    first = rule.path.removeprefix("/").partition("/")[0]
    service = "" if "*" in first else first
    risks = frozenset(risks_of([rule]))
    if not operations:
        return Right(_plain(rule, looked_up=operations is not None), rule, risks, service)
    named = "*" not in rule.path or len(operations) == 1
    if named and not is_whole_account(rule.path):
        return Right(_sentence(operations[0], rule), rule, risks, service)
    counted = ngettext("%(count)d operation", "%(count)d operations", len(operations)) % {"count": len(operations)}
    covers = tuple(_sentence(operation, rule) for operation in operations[:COVERED_SHOWN])
    return Right(f"{_bare(rule)}: {counted}", rule, risks, service, covers=covers, covered=len(operations))


def _sentence(operation: Operation, rule: AccessRule) -> str:
    """The operation's description, and what it is limited to.

    "Create a record in the zone" becomes "Create a record in the zone example.org"; what has no place in the
    description is added: "Delete a record in the zone example.org – any record id".
    """
    description = operation.description.strip().rstrip(".")
    text = gettext(description) if description else f"{_verb(rule.method)} {operation.template}"
    added = []
    for label, value in _limits(operation, rule):
        if value is None:
            added.append(gettext("any %(label)s") % {"label": label})
            continue
        said = gettext("%(label)s %(value)s") % {"label": label, "value": value}
        named = re.search(rf"\b[Tt]he (?:\w+ )?{re.escape(label)}\b(?!['’])", text)
        if named is None:
            added.append(said)
        else:
            text = text[: named.end() - len(label)] + said + text[named.end() :]
    return f"{text} – {', '.join(added)}" if added else text


def _limits(operation: Operation, rule: AccessRule) -> Iterator[tuple[str, str | None]]:
    """What the rule says for each parameter of the template, in order: its label, and its value or None for any."""
    given, star, _ = rule.path.strip("/").partition("*")
    values = given.split("/")
    for place, segment in enumerate(operation.segments):
        if not segment.startswith("{"):
            continue
        label = _label(segment.strip("{}"), after=operation.segments[place - 1] if place else "")
        # The last piece before a star may go on after it, so it is only the beginning of a value.
        if place < len(values) - 1 or (place < len(values) and not star):
            yield label, values[place]
        elif place == len(values) - 1 and values[place]:
            yield label, f"{values[place]}*"
        else:
            yield label, None


def _label(parameter: str, *, after: str) -> str:
    """`zoneName` -> "zone", `credentialId` -> "credential id", `id` after `record` -> "record id", and `serviceName`,
    which OVH calls most products' identifiers, after `project` -> "project"."""
    words = [word.lower() for word in _WORD_BORDER.split(parameter) if word]
    if after and not after.startswith("{"):
        if words == ["id"]:
            return f"{after} id"
        if words == ["service", "name"]:
            return after
    if len(words) > 1 and words[-1] == "name":
        words.pop()
    return " ".join(words)


def _plain(rule: AccessRule, *, looked_up: bool) -> str:
    if not looked_up:
        return _bare(rule)
    return gettext("%(right)s (the API does not describe such a call)") % {"right": _bare(rule)}


def _bare(rule: AccessRule) -> str:
    """The rule in words that need no description."""
    verb, path = _verb(rule.method), rule.path
    if "*" not in path:
        return gettext("%(verb)s %(path)s") % {"verb": verb, "path": path}
    if is_whole_account(path):
        return gettext("%(verb)s anything in the account") % {"verb": verb}
    if path.endswith("/*") and path.count("*") == 1:
        return gettext("%(verb)s anything below %(path)s") % {"verb": verb, "path": path[:-2]}
    if path.endswith("*") and path.count("*") == 1:
        return gettext("%(verb)s anything that begins with %(path)s") % {"verb": verb, "path": path[:-1]}
    return gettext("%(verb)s anything of the form %(path)s") % {"verb": verb, "path": path}


def _verb(method: str) -> str:
    verbs = {
        "GET": gettext("Read"),
        "POST": gettext("Create or start"),
        "PUT": gettext("Change"),
        "DELETE": gettext("Delete"),
    }
    return verbs[method]
