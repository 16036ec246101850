"""One access rule as it travels: a method and a path pattern.

What a rule *means* (which calls it covers) is decided in `mandat.core.rules`; here it is only text.
Source: wire.md 1.1 and 5.1.
"""

from dataclasses import dataclass

RULE_METHODS = ("GET", "POST", "PUT", "DELETE")
"""The four methods a rule may name (OVH's `auth.HTTPMethodEnum`; there is no PATCH in version 1)."""

MAX_RULES = 256
"""Rules in one permission request (design.md 5): more than any known client asks for, few enough to read on a page."""
MAX_RULE_PATH_CHARACTERS = 2_048
"""A longer pattern could match no target, whose path ends there."""
MAX_RULE_STARS = 8
"""Bounds the work of one match; no known client uses more than three."""


@dataclass(frozen=True, slots=True, order=True)
class AccessRule:
    """`method` is one of RULE_METHODS; `path` is literal text in which `*` stands for any run of characters."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
