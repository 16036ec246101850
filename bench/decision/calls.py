"""Signed calls and what the decision is told about them, all in memory."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256

from bench.seeding import consumer_key, rules_of
from mandat.core.call import AtHand, Missing
from mandat.core.credential import CredentialState
from mandat.core.decision import CallHead, Decision, Permit, Policy, decide
from mandat.core.grant import Grant, KnownApplication
from mandat.core.rules import compile_rules
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.signature import sign

NOW = 1_800_000_000
ORIGIN = "https://api.example"
SECRET = "s" * 32
APPLICATION = KnownApplication(7, "a" * 16, True, False, (SECRET.encode(),))
NEW_TARGETS = 6_000
"""More than `protocol.target` remembers: walked through in turn, every one of them is read anew."""

_POLICY = Policy()


def grant_of(rules: Sequence[AccessRule], number: int = 0) -> Grant:
    """A validated one without an end."""
    return Grant(
        credential_id=number,
        application_id=APPLICATION.id,
        consumer_key_hash=sha256(consumer_key(number).encode()).digest(),
        account=f"customer-{number}",
        state=CredentialState.VALIDATED,
        suspended=False,
        rules=compile_rules(rules),
        allowed_networks=None,
        created=NOW - 1000,
        expires=None,
    )


def signed_head(target: str, number: int = 0) -> CallHead:
    """A GET with what clients send, signed with the consumer key of that number."""
    key = consumer_key(number)
    signature = sign(SECRET, key, method="GET", url=ORIGIN + target, body=b"", timestamp=NOW)
    headers = [
        (b"host", b"api.example"),
        (b"user-agent", b"bench"),
        (b"accept", b"*/*"),
        (b"x-ovh-application", APPLICATION.key.encode()),
        (b"x-ovh-consumer", key.encode()),
        (b"x-ovh-timestamp", b"%d" % NOW),
        (b"x-ovh-signature", signature.encode()),
    ]
    return CallHead(b"GET", target.encode(), headers, "192.0.2.7", (ORIGIN.encode(),))


def in_memory(peek_grant: Callable[[bytes], Grant | Missing | None]) -> AtHand:
    """What a busy gateway has at hand: our application, a budget for every address, and these grants."""
    applications: dict[str, KnownApplication] = {APPLICATION.key: APPLICATION}
    return AtHand(lambda _: True, applications.get, peek_grant)


def judge(head: CallHead, at_hand: AtHand) -> Decision:
    """One decision with everything in memory."""
    try:
        next(decide(head, _POLICY, NOW, at_hand, b""))
    except StopIteration as end:
        decision: Decision = end.value
        return decision
    raise SystemExit("the decision asks for more than a signed GET needs; teach bench.decision.calls")


def permitting(heads: Sequence[CallHead], grant: Grant) -> Callable[[], Decision]:
    """Judges the heads in turn. SystemExit when one is refused: it would be the wrong thing that is timed."""
    at_hand = in_memory({grant.consumer_key_hash: grant}.get)
    refused = [decision for decision in (judge(head, at_hand) for head in heads) if not isinstance(decision, Permit)]
    if refused:
        raise SystemExit(f"the measured call is refused: {refused[0]}")
    turn: Iterator[CallHead] = itertools.cycle(heads)
    return lambda: judge(next(turn), at_hand)


def usual_grant() -> Grant:
    """Ten rules, the last of which covers the usual call."""
    return grant_of(rules_of(0))


def usual_heads(count: int) -> list[CallHead]:
    """Calls whose targets all differ."""
    return [signed_head(f"/1.0/domain/zone/example.org/record?fieldType=TXT&page={page}") for page in range(count)]
