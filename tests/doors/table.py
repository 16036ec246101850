"""The door table: calls as data, and what becomes of each. Made from tests/vectors and the cases below.

Every call is made under https://api.example at NOW, from 127.0.0.2, with keys of its own, so that each case has a world
of its own and all doors share all worlds. What a door cannot express, or expresses otherwise, is listed with its
reason in tests/vectors/doors.json; everything else must be equal.
"""

import json
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from doubles.grants import MemoryGrants
from mandat.core.credential import CredentialState
from mandat.core.grant import KnownApplication
from mandat.protocol.keys import key_hash
from mandat.protocol.refusals import WORDINGS, Reason
from support.deciding import NOW, grant, signed_headers

VECTORS = Path(__file__).parents[1] / "vectors"
HOST = "api.example"
PUBLIC_URLS = ("https://api.example", "http://127.0.0.1:8700")
SECRET = "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF"
CALLER = "127.0.0.2"
RULES = ("GET *", "POST *", "PUT *", "DELETE *")
MARK = "spoofed"
"""In every field that a caller must not be able to hand through."""


@dataclass(frozen=True)
class Outcome:
    """Permitted (status 200 of the upstream), or refused with a status and an error code.

    `code` None: whatever stands before the door answers, in its own words. `status` 0: any refusal, or a closed
    connection.
    """

    is_permit: bool = False
    status: int = 0
    code: str | None = None

    @staticmethod
    def of(said: dict[str, Any] | str) -> "Outcome":
        if said == "permit":
            return Outcome(is_permit=True, status=200)
        if said == "refused":
            return Outcome()
        if isinstance(said, str):
            wording = WORDINGS[Reason(said)]
            return Outcome(False, wording.status, wording.error_code)
        return Outcome(False, said["status"], said.get("code"))


@dataclass
class Case:
    """One call. `line` replaces the request line; `fields` follow the signed ones; `raw_body` is sent as it is."""

    name: str
    expect: Outcome
    method: str = "GET"
    target: str = "/1.0/me"
    body: bytes = b""
    fields: list[tuple[str, str]] = field(default_factory=list)
    signed: dict[str, Any] = field(default_factory=dict)
    replace: dict[str, str] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    application: dict[str, Any] | None = field(default_factory=dict)
    grant: dict[str, Any] | None = field(default_factory=dict)
    rules: tuple[str, ...] = RULES
    host: str | None = HOST
    line: str | None = None
    raw_body: bytes | None = None
    length: str | None = None
    differs: dict[str, Outcome] = field(default_factory=dict)
    number: int = 0

    @property
    def application_key(self) -> str:
        return f"application{self.number:05}"

    @property
    def consumer_key(self) -> str:
        return f"consumer{self.number:05}"

    @property
    def account(self) -> str:
        return f"ab{self.number}-example"

    def populate(self, grants: MemoryGrants) -> None:
        """Puts what this case needs into what the doors know."""
        if self.application is not None:
            made = {"id": 1000 + self.number, "active": True, "strict": False, "secrets": [SECRET], **self.application}
            made["secrets"] = tuple(secret.encode() for secret in made["secrets"])
            grants.applications[self.application_key] = KnownApplication(key=self.application_key, **made)
        if self.grant is not None:
            changes = {"credential_id": 5000 + self.number, "application_id": 1000 + self.number, **self.grant}
            if "state" in changes:
                changes["state"] = CredentialState(changes["state"])
            if "allowed_networks" in changes:
                changes["allowed_networks"] = tuple(ip_network(text) for text in changes["allowed_networks"])
            hashed = key_hash(self.consumer_key)
            grants.grants[hashed] = grant(
                *self.rules, **{"account": self.account, "consumer_key_hash": hashed, **changes}
            )

    def request(self) -> bytes:
        """The bytes of the call."""
        head = self.line or f"{self.method} {self.target} HTTP/1.1"
        fields = [] if self.host is None else [("Host", self.host)]
        signing = {"method": self.method, "target": self.target, "body": self.body, **self.signed}
        made = signed_headers(
            signing.pop("method"),
            signing.pop("target"),
            signing.pop("body"),
            **{
                "application_key": self.application_key,
                "consumer_key": self.consumer_key,
                "secret": SECRET,
                **signing,
            },
        )
        for name, value in made:
            plain = name.decode()
            if plain not in self.without:
                fields.append((plain, self.replace.get(plain, value.decode())))
        sent = self.body if self.raw_body is None else self.raw_body
        if self.length is not None:
            fields.append(("Content-Length", self.length))
        elif sent and self.raw_body is None:
            fields.append(("Content-Length", str(len(sent))))
        fields += self.fields
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        return f"{head}\r\n{lines}\r\n".encode() + sent

    def outcome(self, door: str) -> Outcome:
        """What is to become of this call at that door."""
        return self.differs.get(door, self.expect)


def load_table() -> list[Case]:
    """All cases, numbered, with the differences of doors.json."""
    from doors.own_cases import own_cases

    document = json.loads((VECTORS / "doors.json").read_text("utf-8"))
    cases = [*_targets(), *_decisions(), *_bodies(), *own_cases()]
    by_name: dict[str, Case] = {}
    for number, case in enumerate(cases):
        assert case.name not in by_name, case.name
        case.number = number
        by_name[case.name] = case
    for difference in document["differences"]:
        assert difference["why"]
        for name in difference["cases"]:
            for door in difference["doors"]:
                by_name[name].differs[door] = Outcome.of(difference["expect"])
    return cases


def _targets() -> list[Case]:
    """Every target of targets.json, called and signed as it is."""
    made = []
    for case in json.loads((VECTORS / "targets.json").read_text("utf-8"))["cases"]:
        target = case["target"]
        if "version" not in case:
            is_line_broken = any(not "!" <= character <= "~" for character in target) or target[:1] not in (
                "/",
                "*",
                "h",
            )
            expect = Outcome.of("malformed_request" if is_line_broken else "non_canonical_target")
        elif not case["version"]:
            expect = Outcome.of("unknown_route")
        elif case["encoded_slash"] and not case["opaque"].startswith("/ip/"):
            expect = Outcome.of("non_canonical_target")
        else:
            expect = Outcome.of("permit")
        made.append(Case(f"target: {case['name']}", expect, target=target))
    return made


_NEEDS_ANOTHER_DOOR = ("opaque_prefixes", "window_seconds", "max_body_bytes", "budget", "body_refused", "address")


_OF_NO_DOOR = (
    # all doors take encoded slashes there
    "an encoded slash where no route takes one",
    # blanks around a value are no part of it
    "a timestamp with a blank",
    # doors answer these before anything is decided; see own_cases
    "OPTIONS", "a method in lower case", "CONNECT",
)  # fmt: skip


def _decisions() -> list[Case]:
    """The calls of decisions.json, as far as they need no door with another policy."""
    document = json.loads((VECTORS / "decisions.json").read_text("utf-8"))
    made = []
    for case in document["cases"]:
        if any(name in case for name in _NEEDS_ANOTHER_DOOR) or case["name"] in _OF_NO_DOOR:
            continue
        if any("\n" in value or not value.isascii() for value in case.get("replace", {}).values()):
            continue
        networks = (case.get("grant") or {}).get("allowed_networks")
        if networks == ["192.0.2.0/24"]:
            continue
        signed = dict(case.get("sign", {}))
        if "body" in signed:
            signed["body"] = signed["body"].encode()
        if "signed_at" in case:
            signed["timestamp"] = case["signed_at"]
        expect = case["expect"]
        made.append(
            Case(
                f"decision: {case['name']}",
                Outcome.of("permit" if "permit" in expect else expect["reason"]),
                method=case["method"],
                target=case["target"],
                body=case.get("body", "").encode(),
                fields=[tuple(pair) for pair in case.get("headers", [])],
                signed=signed,
                replace=case.get("replace", {}),
                without=case.get("without", []),
                application=case.get("application", {}),
                grant=case.get("grant", {}),
                rules=tuple(case.get("rules", document["rules"])),
            )
        )
    return made


def _bodies() -> list[Case]:
    """Every body of json_bodies.json, posted."""
    made = []
    for case in json.loads((VECTORS / "json_bodies.json").read_text("utf-8"))["cases"]:
        body = case["body"].encode("latin-1")
        expect = "permit" if "value" in case or not body else "malformed_body"
        made.append(Case(f"body: {case['name']}", Outcome.of(expect), method="POST", body=body))
    return made


__all__ = ["CALLER", "HOST", "MARK", "NOW", "PUBLIC_URLS", "Case", "Outcome", "load_table"]
