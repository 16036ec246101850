"""Small readers over nodes: each takes the value it expects or refuses with place and reason."""

import re
from collections.abc import Sequence

from mandat.marketplace.stacks.yaml_text import Node

MAX_TEXT = 2_000
"""Of a title or description: a page of text at most."""

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""Of a step, an input, an output. Arazzo recommends these characters; the length keeps idempotency keys short."""


def members(node: Node, *, required: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Node]:
    """The members of a mapping that has all of `required` and nothing beyond `optional`."""
    if not isinstance(node.value, dict):
        raise node.refuse("this must be a mapping")
    for name, member in node.value.items():
        if name not in required and name not in optional:
            raise member.refuse(f"{name!r} is not part of the profile here")
    for name in required:
        if name not in node.value:
            raise node.refuse(f"{name!r} is missing")
    return node.value


def items(node: Node, *, at_least: int = 1, at_most: int = 100) -> list[Node]:
    """The items of a list of bounded length."""
    if not isinstance(node.value, list):
        raise node.refuse("this must be a list")
    if not at_least <= len(node.value) <= at_most:
        raise node.refuse(f"this list must have {at_least} to {at_most} items")
    return node.value


def text(node: Node, *, at_most: int = MAX_TEXT) -> str:
    """Text that is not blank."""
    if not isinstance(node.value, str) or not node.value.strip():
        raise node.refuse("this must be text")
    if len(node.value) > at_most:
        raise node.refuse(f"this text is longer than {at_most} characters")
    return node.value


def name(node: Node) -> str:
    """The name of a step, an input or an output."""
    found = text(node)
    if not NAME.fullmatch(found):
        raise node.refuse("a name starts with a letter and has letters, digits, '-' and '_' only, 64 at most")
    return found


def named(node: Node, *, at_most: int) -> dict[str, Node]:
    """A mapping whose names the author chose."""
    if not isinstance(node.value, dict):
        raise node.refuse("this must be a mapping")
    if not 1 <= len(node.value) <= at_most:
        raise node.refuse(f"this mapping must have 1 to {at_most} members")
    for key, member in node.value.items():
        if not NAME.fullmatch(key):
            raise member.refuse(f"{key!r} is not a name: a letter, then letters, digits, '-' and '_', 64 at most")
    return node.value


def whole_number(node: Node, *, low: int, high: int) -> int:
    """An integer within bounds."""
    if isinstance(node.value, bool) or not isinstance(node.value, int) or not low <= node.value <= high:
        raise node.refuse(f"this must be a whole number from {low} to {high}")
    return node.value
