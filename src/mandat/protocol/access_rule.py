"""One access rule as it travels: a method and a path pattern.

What a rule *means* (which calls it covers) is decided in `mandat.core.rules`; here it is only text.
Source: wire.md 1.1 and 5.1.
"""

from dataclasses import dataclass

RULE_METHODS = ("GET", "POST", "PUT", "DELETE")
"""The four methods a rule may name (OVH's `auth.HTTPMethodEnum`; there is no PATCH in version 1)."""


@dataclass(frozen=True, slots=True, order=True)
class AccessRule:
    """`method` is one of RULE_METHODS; `path` is literal text in which `*` stands for any run of characters."""

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"
