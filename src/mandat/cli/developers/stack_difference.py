"""`mandat stack check --against`: what lies between two versions of a stack, for their author."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mandat.cli.output import say

if TYPE_CHECKING:
    from mandat.marketplace.stacks.values import Stack

_FATES = {
    "created": "will be created",
    "changed": "will be changed in place",
    "replaced": "will be made anew, and the old one removed",
    "removed": "will be removed",
    "kept": "stays as it is",
}


def difference_of(
    stack: "Stack", values: Mapping[str, Any], old: "Stack", examples: Mapping[str, Any]
) -> dict[str, Any]:
    """What an upgrade from `old` would do, for a whole installation with the same inputs, as JSON.

    `examples` stand in for what only `old` asks for.
    """
    from mandat.marketplace.stacks.difference import compare, whole

    before = old.inputs.defaults(
        {
            field.name: values.get(field.name, examples[field.name])
            for field in old.inputs.fields
            if field.required or field.name in values
        }
    )
    difference = compare(stack, values, whole(old, before))
    return {
        "from": old.version,
        "to": stack.version,
        "steps": [
            {"step": line.step_id, "is": line.mark.value, "words": line.words}
            | ({"what": line.what, "becomes": line.fate, "from": line.old_value, "to": line.value} if line.fate else {})
            for line in difference.steps
        ],
        "rulesAdded": [str(right.rule) for right in difference.more],
        "rulesNotNeededAnyMore": [str(right.rule) for right in difference.less],
    }


def say_difference(difference: Mapping[str, Any]) -> None:
    """The same for people."""
    say(f"Upgrading from {difference['from']} to {difference['to']}:")
    for step in difference["steps"]:
        becomes = f"    the {step['what']} {_FATES[step['becomes']]}" if "becomes" in step else ""
        say(f"  {step['is']:<8}{step['step']}{becomes}")
        if step.get("becomes") in ("changed", "replaced") and step["from"] != step["to"]:
            say(f"          from {step['from']}")
            say(f"          to   {step['to']}")
    for rule in difference["rulesAdded"]:
        say(f"  Installing it also takes {rule}.")
    for rule in difference["rulesNotNeededAnyMore"]:
        say(f"  Installing it takes no {rule} any more.")
    if not difference["rulesAdded"] and not difference["rulesNotNeededAnyMore"]:
        say("  Installing it takes the same rights.")


def wrong_versions(stack: "Stack", old: "Stack") -> Iterator[str]:
    """Why this would never be offered as an upgrade."""
    if stack.id != old.id:
        yield f"{stack.id} and {old.id} are two stacks: an upgrade is to a document of the same name"
    if stack.number <= old.number:
        yield f"{stack.version} is not higher than {old.version}, so nobody is offered the upgrade"
