"""Drives `core.decision.decide` with plain values, the way a door does with storage and sockets."""

from collections.abc import Generator
from dataclasses import dataclass, field

from mandat.core.credential import CredentialState
from mandat.core.decision import (
    AtHand,
    CallHead,
    Decision,
    Need,
    NeedAddressBudget,
    NeedApplication,
    NeedBody,
    NeedGrant,
    NeedJsonCheck,
    Policy,
    Supply,
    decide,
)
from mandat.core.grant import Grant, KnownApplication
from mandat.core.rules import compile_rules
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.keys import key_hash
from mandat.protocol.signature import sign
from mandat.protocol.strict_json import check_json

NOW = 1_700_000_000
BASE_URL = "https://api.example"
APPLICATION_KEY = "7kbG7Bk7S9Nt7ZSV"
APPLICATION_SECRET = "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF"
CONSUMER_KEY = "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1"


def rules_of(*texts: str) -> tuple[AccessRule, ...]:
    """`"GET /me"` and so on."""
    return tuple(AccessRule(*text.split(" ", 1)) for text in texts)


def application(**changes: object) -> KnownApplication:
    fields = {
        "id": 7,
        "key": APPLICATION_KEY,
        "active": True,
        "strict": False,
        "secrets": (APPLICATION_SECRET.encode(),),
    }
    return KnownApplication(**(fields | changes))


def grant(*rules: str, **changes: object) -> Grant:
    """A validated one over `rules`, without an end, for any address."""
    fields = {
        "credential_id": 11,
        "application_id": 7,
        "consumer_key_hash": key_hash(CONSUMER_KEY),
        "account": "ab1-example",
        "state": CredentialState.VALIDATED,
        "suspended": False,
        "rules": compile_rules(rules_of(*rules)),
        "allowed_networks": None,
        "created": NOW - 1000,
        "expires": None,
    }
    return Grant(**(fields | changes))


def signed_headers(
    method: str, target: str, body: bytes = b"", *, timestamp: int = NOW, base_url: str = BASE_URL, **changes: str
) -> list[tuple[bytes, bytes]]:
    """The four headers of an honest call; `changes` replaces the secret or the keys it is made with."""
    keys = {"secret": APPLICATION_SECRET, "application_key": APPLICATION_KEY, "consumer_key": CONSUMER_KEY} | changes
    made = sign(
        keys["secret"],
        keys["consumer_key"],
        method=method,
        url=base_url + target,
        body=body,
        timestamp=timestamp,
    )
    return [
        (b"x-ovh-application", keys["application_key"].encode()),
        (b"x-ovh-consumer", keys["consumer_key"].encode()),
        (b"x-ovh-timestamp", str(timestamp).encode()),
        (b"x-ovh-signature", made.encode()),
    ]


def signed_head(method: str, target: str, body: bytes = b"", *, address: str = "192.0.2.7") -> CallHead:
    """The head of an honest call."""
    headers = signed_headers(method, target, body)
    return CallHead(method.encode(), target.encode(), headers, address, (BASE_URL.encode(),))


@dataclass
class World:
    """What a door would find out: an application, a grant, a body. `asked` collects the needs in their order."""

    application: KnownApplication | None = field(default_factory=application)
    grant: Grant | None = None
    body: Supply = b""
    budget: Supply = True
    json_check: Supply | None = None
    asked: list[Need] = field(default_factory=list)

    def supply(self, need: Need) -> Supply:
        self.asked.append(need)
        match need:
            case NeedAddressBudget():
                return self.budget
            case NeedApplication(key):
                return self.application if self.application and self.application.key == key else None
            case NeedGrant(consumer_key_hash):
                return self.grant if self.grant and self.grant.consumer_key_hash == consumer_key_hash else None
            case NeedBody():
                return self.body
            case NeedJsonCheck(body):
                return (check_json(body) or True) if self.json_check is None else self.json_check

    def judge(self, head: CallHead, *, policy: Policy | None = None, now: float = NOW) -> Decision:
        """Runs one decision to its end: once with every need yielded, once with all at hand. They must be equal."""
        waited_for = self._run(decide(head, policy or Policy(), now))
        at_hand = AtHand(
            lambda _: self.budget,
            lambda key: self.supply(NeedApplication(key)),
            lambda key_hash: self.supply(NeedGrant(key_hash)),
        )
        asked, self.asked = self.asked, []
        body = self.body if isinstance(self.body, bytes) else None
        assert self._run(decide(head, policy or Policy(), now, at_hand, body)) == waited_for
        self.asked = asked
        return waited_for

    def _run(self, steps: Generator[Need, Supply, Decision]) -> Decision:
        try:
            need = next(steps)
            while True:
                need = steps.send(self.supply(need))
        except StopIteration as end:
            return end.value
