"""Asking a customer for rights: how rules are written, and what the application gets back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mandat.client.errors import InvalidResponse
from mandat.protocol.access_rule import AccessRule

API_READ_ONLY = ("GET",)
API_READ_WRITE = ("GET", "POST", "PUT", "DELETE")
API_READ_WRITE_SAFE = ("GET", "POST", "PUT")
"""Sets of methods under the names that python-ovh gives them."""

Rule = AccessRule | str | tuple[str, str] | Mapping[str, str]
"""A rule as applications write it: AccessRule, `"GET /me"`, `("GET", "/me")`, `{"method": "GET", "path": "/me"}`."""


@dataclass(frozen=True, slots=True)
class PendingPermission:
    """A permission request that waits for the customer's answer.

    Keep `consumer_key` secret: once the customer confirms, it acts on her account. Send her to `validation_url`.
    `state` is "pendingValidation".
    """

    consumer_key: str = field(repr=False)
    validation_url: str
    state: str


def read_pending(answer: Any) -> PendingPermission:
    """The answer of `POST /auth/credential`, read.

    Raises:
        InvalidResponse: the answer lacks one of its three members.
    """
    match answer:
        case {"consumerKey": str(consumer_key), "validationUrl": str(validation_url), "state": str(state)}:
            return PendingPermission(consumer_key, validation_url, state)
        case _:
            raise InvalidResponse("The answer to a permission request lacks consumerKey, validationUrl or state.")


def wire_rules(rules: Iterable[Rule]) -> list[dict[str, str]]:
    """The rules as `accessRules` wants them, in the given order, methods in upper case.

    Raises:
        ValueError: a rule that is not a method and a path.
    """
    return [_wire_rule(rule) for rule in ([rules] if isinstance(rules, str) else rules)]


def _wire_rule(rule: Rule) -> dict[str, str]:
    match rule:
        case AccessRule():
            method, path = rule.method, rule.path
        case str():
            method, _, path = " ".join(rule.strip().split(maxsplit=1)).partition(" ")
        case (method, path):
            pass
        case {"method": method, "path": path}:
            pass
        case _:
            raise ValueError(f'a rule is a method and a path such as "GET /me", not {rule!r}')
    if not isinstance(method, str) or not isinstance(path, str) or not method or not path:
        raise ValueError(f'a rule is a method and a path such as "GET /me", not {rule!r}')
    return {"method": method.upper(), "path": path}


class RuleCollector:
    """Collects rules under python-ovh's method names; `request()` is added by the clients' own subclasses."""

    def __init__(self) -> None:
        self.access_rules: list[dict[str, str]] = []

    def add_rule(self, method: str, path: str) -> None:
        """One method on one path pattern, for example `("GET", "/me")`."""
        self.access_rules.append({"method": method.upper(), "path": path})

    def add_rules(self, methods: Iterable[str], path: str) -> None:
        """Several methods on one path pattern."""
        for method in methods:
            self.add_rule(method, path)

    def add_recursive_rules(self, methods: Iterable[str], path: str) -> None:
        """Several methods on a path *and* on everything below it: `/sms/*` alone does not cover `/sms`."""
        methods, path = tuple(methods), path.rstrip("*/ ")
        if path:
            self.add_rules(methods, path)
        self.add_rules(methods, f"{path}/*")
