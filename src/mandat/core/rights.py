"""What a rule means to the person who is asked for it: its effect and the risks to point out.

The words themselves come from the API description and are chosen in `authority.wording`. Source: design.md 7,
threats.md 3.1.
"""

from collections.abc import Iterable
from enum import StrEnum

from mandat.core.pattern import reaches
from mandat.protocol.access_rule import AccessRule


class Effect(StrEnum):
    """What calls of a rule do; the groups of the consent page."""

    READ = "read"
    CHANGE = "change"
    DELETE = "delete"


class Risk(StrEnum):
    """What deserves a mark on the consent page."""

    WHOLE_ACCOUNT = "whole_account"
    CHANGES_ACCESS = "changes_access"
    DELETES = "deletes"


_EFFECTS = {"GET": Effect.READ, "POST": Effect.CHANGE, "PUT": Effect.CHANGE, "DELETE": Effect.DELETE}

# Below these, a write decides who may enter the account: delegations and applications, logins and second factors, keys,
# sub-users, policies. Source: the sections of OVH's API description of `/me` and `/v2/iam`.
_ACCESS_PREFIXES = (
    "/auth/",
    "/me/accessRestriction",
    "/me/api",
    "/me/changeEmail",
    "/me/changePassword",
    "/me/identity",
    "/me/passwordRecover",
    "/me/sshKey",
    "/me/subAccount",
    "/v2/iam",
)


def effect_of(rule: AccessRule) -> Effect:
    """READ for GET, CHANGE for POST and PUT, DELETE for DELETE."""
    return _EFFECTS[rule.method]


def is_whole_account(path: str) -> bool:
    """Whether the pattern covers every path: `*`, `/*`, and the same said with more stars."""
    return path.endswith("*") and path.strip("*") in ("", "/")


def risks_of(rules: Iterable[AccessRule]) -> frozenset[Risk]:
    """The risks of a list of rules; empty when there is nothing to point out. For one rule, give a list of one."""
    risks: set[Risk] = set()
    for rule in rules:
        if is_whole_account(rule.path):
            risks.add(Risk.WHOLE_ACCOUNT)
        if rule.method == "DELETE":
            risks.add(Risk.DELETES)
        if rule.method != "GET" and any(reaches(rule.path, prefix) for prefix in _ACCESS_PREFIXES):
            risks.add(Risk.CHANGES_ACCESS)
    return frozenset(risks)
