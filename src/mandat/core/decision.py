"""The decision: may this call pass? One function for every door (gateway, middleware, forward-auth, preview).

It does no IO: `decide` is a generator that yields what it needs to know next and is sent the answer. Whoever drives it may
await in between. The checks run in the order of design.md 4; the first failure answers, and what is expensive or tells
something about a key comes only after what is cheap. Anything unexpected that a driver sends is a refusal.

    steps = decide(head, policy, now)
    need = next(steps)
    while True:                             # ends with StopIteration; its value is the Decision
        match need:
            case NeedApplication(key):
                need = steps.send(source.find_application(key))
            ...

Left to the caller, for a Permit only: replay admission and quota.
"""

from collections.abc import Generator, Sequence
from hashlib import sha256
from typing import NamedTuple

from mandat.core.call import (
    CallHead,
    Decision,
    Deny,
    Need,
    NeedAddressBudget,
    NeedApplication,
    NeedBody,
    NeedGrant,
    NeedJsonCheck,
    Permit,
    Policy,
    SignedCall,
    Supply,
)
from mandat.core.credential import CredentialState, wire_state
from mandat.core.grant import Grant, KnownApplication
from mandat.core.rules import tightest_rule
from mandat.protocol.headers import APPLICATION, BATCH, CONSUMER, SIGNATURE, TIMESTAMP
from mandat.protocol.keys import is_key
from mandat.protocol.networks import is_address_allowed
from mandat.protocol.refusals import Reason
from mandat.protocol.signature import is_signature, matching_secret
from mandat.protocol.strict_json import check_json
from mandat.protocol.target import CanonicalTarget, TargetFault, parse_target

__all__ = [
    "CallHead",
    "Decision",
    "Deny",
    "Need",
    "NeedAddressBudget",
    "NeedApplication",
    "NeedBody",
    "NeedGrant",
    "NeedJsonCheck",
    "Permit",
    "Policy",
    "SignedCall",
    "Supply",
    "decide",
]

LONG_BODY_BYTES = 65_536
"""Longer bodies take the JSON check off the loop: 64 KiB cost about a millisecond."""

_METHODS = {b"GET": "GET", b"HEAD": "HEAD", b"POST": "POST", b"PUT": "PUT", b"DELETE": "DELETE"}
_CONTENT_ENCODING = b"content-encoding"
_WATCHED = frozenset({APPLICATION, CONSUMER, TIMESTAMP, SIGNATURE, BATCH, _CONTENT_ENCODING})
_REQUIRED = (
    (APPLICATION, "X-Ovh-Application"),
    (CONSUMER, "X-Ovh-Consumer"),
    (TIMESTAMP, "X-Ovh-Timestamp"),
    (SIGNATURE, "X-Ovh-Signature"),
)


class _Claim(NamedTuple):
    """What the head says, well-formed but unverified."""

    method: str
    target: CanonicalTarget
    call: SignedCall
    encoded: bool


def decide(head: CallHead, policy: Policy, now: float) -> Generator[Need, Supply, Decision]:
    """Judges one call. Never raises, whatever the bytes.

    Args:
        head: the call as received.
        policy: the operator's settings.
        now: Unix seconds; one instant serves the whole decision.

    Yields:
        Needs; each class says what to send back.

    Returns:
        Permit or Deny.
    """
    claim = _read_head(head, policy, now)
    if isinstance(claim, Deny):
        return claim
    if (yield NeedAddressBudget()) is not True:
        return Deny(Reason.TOO_MANY_FAILURES)
    application = yield NeedApplication(claim.call.application_key.decode("ascii"))
    if not isinstance(application, KnownApplication) or not application.active:
        return Deny(Reason.INVALID_KEY)
    grant = yield NeedGrant(sha256(claim.call.consumer_key).digest())
    if not isinstance(grant, Grant) or grant.application_id != application.id:
        return Deny(Reason.NOT_CREDENTIAL)
    body = yield NeedBody(policy.max_body_bytes)
    if not isinstance(body, bytes) or len(body) > policy.max_body_bytes:
        return Deny(body if isinstance(body, Reason) else Reason.BODY_TOO_LARGE)
    if not _is_authentic(head, claim, application, body):
        return Deny(Reason.INVALID_SIGNATURE)
    if body:
        fault = yield from _check_body(claim, body)
        if fault is not None:
            return fault
    return _judge_right(head, claim, application, grant, body, policy, now)


def _read_head(head: CallHead, policy: Policy, now: float) -> _Claim | Deny:
    """Steps 1 to 3: everything that can be said from the head alone."""
    target = parse_target(head.target)
    if isinstance(target, TargetFault):
        return Deny(Reason.NON_CANONICAL_TARGET, {"reason": target.why})
    if not target.version:
        return Deny(Reason.UNKNOWN_ROUTE)
    if target.encoded_slash and not _takes_encoded_slash(target, policy.opaque_prefixes):
        return Deny(
            Reason.NON_CANONICAL_TARGET, {"reason": "the path has an encoded slash, which this route does not take"}
        )
    method = _METHODS.get(head.method)
    if method is None:
        return Deny(Reason.METHOD_NOT_ALLOWED)
    watched = [pair for pair in head.headers if pair[0] in _WATCHED]
    found = dict(watched)
    if BATCH in found:
        return Deny(Reason.BATCH_NOT_SUPPORTED)
    application_key, consumer_key = found.get(APPLICATION), found.get(CONSUMER)
    timestamp, signature = found.get(TIMESTAMP), found.get(SIGNATURE)
    if (
        application_key is None
        or consumer_key is None
        or timestamp is None
        or signature is None
        or len(watched) != len(found)
    ):
        return _deny_missing(watched)
    call = SignedCall(application_key, consumer_key, timestamp, signature)
    if not (is_key(application_key) and is_key(consumer_key) and _is_timestamp(timestamp) and is_signature(signature)):
        return _deny_malformed(call)
    delta = now - int(timestamp)
    if not -policy.window_seconds <= delta <= policy.window_seconds:
        return _deny_out_of_time(delta, now, policy.window_seconds)
    return _Claim(method, target, call, _CONTENT_ENCODING in found)


def _is_timestamp(value: bytes) -> bool:
    """`[0-9]{9,11}`, before `int` sees it: `int` also takes `1_700`, `+17`, blanks and other scripts' digits."""
    return 9 <= len(value) <= 11 and value.isdigit()


def _takes_encoded_slash(target: CanonicalTarget, prefixes: Sequence[str]) -> bool:
    return any(target.opaque == prefix or target.opaque.startswith(prefix + "/") for prefix in prefixes)


def _deny_missing(watched: Sequence[tuple[bytes, bytes]]) -> Deny:
    names = [name for name, _ in watched]
    wrong = {
        "missing": ", ".join(shown for name, shown in _REQUIRED if name not in names),
        "repeated": ", ".join(shown for name, shown in _REQUIRED if names.count(name) > 1),
    }
    return Deny(Reason.MISSING_CREDENTIAL, {word: text for word, text in wrong.items() if text})


def _deny_malformed(call: SignedCall) -> Deny:
    checks = (is_key, is_key, _is_timestamp, is_signature)
    wrong = [shown for (_, shown), value, check in zip(_REQUIRED, call, checks, strict=True) if not check(value)]
    return Deny(Reason.MALFORMED_KEY, {"malformed": ", ".join(wrong)})


def _deny_out_of_time(delta: float, now: float, window_seconds: int) -> Deny:
    """`clockDelta` is what the caller has to add to its clock, in whole seconds."""
    return Deny(
        Reason.QUERY_TIME_OUT,
        {"clockDelta": str(round(delta)), "serverTime": str(int(now)), "windowSeconds": str(window_seconds)},
    )


def _is_authentic(head: CallHead, claim: _Claim, application: KnownApplication, body: bytes) -> bool:
    """Step 8."""
    secret = matching_secret(
        claim.call.signature,
        secrets=application.secrets,
        consumer_key=claim.call.consumer_key,
        method=head.method,
        base_urls=head.base_urls,
        target=head.target,
        body=body,
        timestamp=claim.call.timestamp,
    )
    return secret is not None


def _check_body(claim: _Claim, body: bytes) -> Generator[Need, Supply, Deny | None]:
    """Step 9. What the signature covers must be the value itself, not a coding of it, and readable in one way only."""
    if claim.encoded:
        return Deny(Reason.MALFORMED_BODY, {"reason": "a signed body must not have a Content-Encoding"})
    if len(body) > LONG_BODY_BYTES:
        checked = yield NeedJsonCheck(body)
        if checked is True:
            return None
        return Deny(Reason.MALFORMED_BODY, {"reason": getattr(checked, "why", "it was not checked")})
    fault = check_json(body)
    return None if fault is None else Deny(Reason.MALFORMED_BODY, {"reason": fault.why})


def _judge_right(
    head: CallHead, claim: _Claim, application: KnownApplication, grant: Grant, body: bytes, policy: Policy, now: float
) -> Decision:
    """Steps 10 to 12: the call is authentic; is it allowed?"""
    if (
        grant.state is not CredentialState.VALIDATED
        or grant.suspended
        or (grant.expires is not None and now >= grant.expires)
    ):
        state = "suspended" if grant.suspended else wire_state(grant.state, expires=grant.expires, now=now)
        return Deny(Reason.INVALID_CREDENTIAL, {"state": state})
    if grant.allowed_networks is not None and not is_address_allowed(head.address, grant.allowed_networks):
        return Deny(Reason.ADDRESS_NOT_ALLOWED)
    rule = grant.rules.match(claim.method, claim.target)
    if rule is None:
        tightest = tightest_rule(claim.method, claim.target)
        if (tightest.method, tightest.path) not in policy.rule_free:
            return Deny(Reason.NOT_GRANTED_CALL, {"missingRule": str(tightest), "refusedBy": "credential"})
    return Permit(application, grant, rule, claim.target, claim.method, body, claim.call)
