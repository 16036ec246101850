"""The decision: may this call pass? One function for every door (gateway, middleware, forward-auth, preview).

It does no IO: `decide` is a generator that yields what it needs to know next and is sent the answer. Whoever drives it
may await in between. The checks run in the order of design.md 4; the first failure answers, and what is expensive or
tells something about a key comes only after what is cheap. Anything unexpected that a driver sends is a refusal.

    steps = decide(head, policy, now)
    need = next(steps)
    while True:                             # ends with StopIteration; its value is the Decision
        match need:
            case NeedApplication(key):
                need = steps.send(source.find_application(key))
            ...

Left to the caller, for a Permit only: replay admission and quota.
"""

import re
from collections.abc import Generator, Sequence
from hashlib import sha256

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
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.headers import APPLICATION, BATCH, CONSUMER, SIGNATURE, TIMESTAMP
from mandat.protocol.keys import is_key
from mandat.protocol.networks import is_address_allowed
from mandat.protocol.refusals import Reason
from mandat.protocol.signature import is_signature, matching_secret
from mandat.protocol.strict_json import JsonFault, check_json
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
_REQUIRED = {
    APPLICATION: "X-Ovh-Application",
    CONSUMER: "X-Ovh-Consumer",
    TIMESTAMP: "X-Ovh-Timestamp",
    SIGNATURE: "X-Ovh-Signature",
}
# The four values joined by a character that none of them may contain: one pattern instead of four costs a third.
# The timestamp is checked here because `int` also takes `1_700`, `+17`, blanks and the digits of other scripts.
_are_well_formed = re.compile(rb"[A-Za-z0-9]{8,64}\+[A-Za-z0-9]{8,64}\+[0-9]{9,11}\+\$1\$[0-9a-f]{40}").fullmatch
_VALIDATED = CredentialState.VALIDATED
_ADDRESS_BUDGET = NeedAddressBudget()

_Claim = tuple[str, CanonicalTarget, SignedCall, bool]
"""What the head says, well-formed but unverified: method, target, the four values, whether the body is encoded.

A bare tuple, because it lives for one call and a named one costs a quarter of a microsecond.
"""


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
    method, target, call, encoded = claim
    if (yield _ADDRESS_BUDGET) is not True:
        return Deny(Reason.TOO_MANY_FAILURES)
    application = yield NeedApplication(call.application_key.decode("ascii"))
    if not isinstance(application, KnownApplication) or not application.active:
        return Deny(Reason.INVALID_KEY)
    grant = yield NeedGrant(sha256(call.consumer_key).digest())
    if not isinstance(grant, Grant) or grant.application_id != application.id:
        return Deny(Reason.NOT_CREDENTIAL)
    body = yield NeedBody(policy.max_body_bytes)
    if not isinstance(body, bytes) or len(body) > policy.max_body_bytes:
        return _deny_body(body)
    secret_id = _signing_secret(head, call, application, body, now)
    if secret_id is None:
        return Deny(Reason.INVALID_SIGNATURE)
    if body:
        fault = yield from _check_body(body, encoded)
        if fault is not None:
            return fault
    rule = _judge_right(grant, method, target, head.address, policy, now)
    return rule if isinstance(rule, Deny) else Permit(application, grant, rule, target, method, body, call, secret_id)


def _read_head(head: CallHead, policy: Policy, now: float) -> _Claim | Deny:
    """Steps 1 to 3: everything that can be said from the head alone."""
    target = parse_target(head.target)
    if isinstance(target, TargetFault):
        return Deny(Reason.NON_CANONICAL_TARGET, {"reason": target.why})
    if not target.version:
        return Deny(Reason.UNKNOWN_ROUTE)
    if target.encoded_slash and not _takes_encoded_slash(target, policy.opaque_prefixes):
        return Deny(Reason.NON_CANONICAL_TARGET, {"reason": "has an encoded slash, which this route does not take"})
    method = _METHODS.get(head.method)
    if method is None:
        return Deny(Reason.METHOD_NOT_ALLOWED)
    watched = [pair for pair in head.headers if pair[0] in _WATCHED]
    found = dict(watched)
    if BATCH in found:
        return Deny(Reason.BATCH_NOT_SUPPORTED)
    if len(found) != len(watched):
        return _deny_missing(watched)
    try:
        call = SignedCall(found[APPLICATION], found[CONSUMER], found[TIMESTAMP], found[SIGNATURE])
    except KeyError:
        return _deny_missing(watched)
    if _are_well_formed(b"+".join(call)) is None:
        return _deny_malformed(call)
    delta = now - int(call.timestamp)
    if not -policy.window_seconds <= delta <= policy.window_seconds:
        return _deny_out_of_time(delta, now, policy.window_seconds)
    return method, target, call, _CONTENT_ENCODING in found


def _takes_encoded_slash(target: CanonicalTarget, prefixes: Sequence[str]) -> bool:
    return any(target.opaque == prefix or target.opaque.startswith(prefix + "/") for prefix in prefixes)


def _deny_missing(watched: Sequence[tuple[bytes, bytes]]) -> Deny:
    names = [name for name, _ in watched]
    if names.count(_CONTENT_ENCODING) > 1:
        return Deny(Reason.MALFORMED_REQUEST, {"reason": "Content-Encoding is repeated"})
    wrong = {
        "missing": ", ".join(shown for name, shown in _REQUIRED.items() if name not in names),
        "repeated": ", ".join(shown for name, shown in _REQUIRED.items() if names.count(name) > 1),
    }
    return Deny(Reason.MISSING_CREDENTIAL, {word: text for word, text in wrong.items() if text})


def _deny_malformed(call: SignedCall) -> Deny:
    well_formed = (
        is_key(call.application_key),
        is_key(call.consumer_key),
        9 <= len(call.timestamp) <= 11 and call.timestamp.isdigit(),
        is_signature(call.signature),
    )
    wrong = [shown for shown, is_fine in zip(_REQUIRED.values(), well_formed, strict=True) if not is_fine]
    return Deny(Reason.MALFORMED_KEY, {"malformed": ", ".join(wrong)})


def _deny_out_of_time(delta: float, now: float, window_seconds: int) -> Deny:
    """`delta` is server time minus signed time: what the caller has to add to its clock."""
    return Deny(
        Reason.QUERY_TIME_OUT,
        {"delta": str(round(delta)), "serverTime": str(int(now)), "windowSeconds": str(window_seconds)},
    )


def _deny_body(supply: Supply) -> Deny:
    """Step 7, when what was supplied is no body within the limit."""
    if isinstance(supply, bytes):
        return Deny(Reason.BODY_TOO_LARGE)
    return Deny(supply if isinstance(supply, Reason) else Reason.INTERNAL_ERROR)


def _signing_secret(
    head: CallHead, call: SignedCall, application: KnownApplication, body: bytes, now: float
) -> int | None:
    """Step 8. The id of the secret that made the signature; None when none that may sign now did."""
    secrets, ids = application.secrets, application.secret_ids
    if application.secret_ends:
        usable = [index for index, end in enumerate(application.secret_ends) if end is None or now < end]
        secrets = tuple(secrets[index] for index in usable)
        ids = tuple(ids[index] for index in usable)
    index = matching_secret(
        call.signature,
        secrets=secrets,
        consumer_key=call.consumer_key,
        method=head.method,
        base_urls=head.base_urls,
        target=head.target,
        body=body,
        timestamp=call.timestamp,
    )
    if index is None:
        return None
    return ids[index] if ids else 0


def _check_body(body: bytes, encoded: bool) -> Generator[Need, Supply, Deny | None]:
    """Step 9. What the signature covers must be the value itself, not a coding of it, and readable in one way only."""
    if encoded:
        return Deny(Reason.MALFORMED_BODY, {"reason": "a signed body must not have a Content-Encoding"})
    if len(body) > LONG_BODY_BYTES:
        checked = yield NeedJsonCheck(body)
        if checked is True:
            return None
        return Deny(Reason.MALFORMED_BODY, {"reason": checked.why if isinstance(checked, JsonFault) else "not checked"})
    fault = check_json(body)
    return None if fault is None else Deny(Reason.MALFORMED_BODY, {"reason": fault.why})


def _judge_right(
    grant: Grant, method: str, target: CanonicalTarget, address: str, policy: Policy, now: float
) -> AccessRule | Deny | None:
    """Steps 10 to 12: the call is authentic; is its credential valid now and here, and does a rule cover it?

    Returns:
        The rule, or None for a call that needs none.
    """
    if grant.state is not _VALIDATED or grant.suspended or (grant.expires is not None and now >= grant.expires):
        state = "suspended" if grant.suspended else wire_state(grant.state, expires=grant.expires, now=now)
        return Deny(Reason.INVALID_CREDENTIAL, {"state": state})
    if grant.allowed_networks is not None and not is_address_allowed(address, grant.allowed_networks):
        return Deny(Reason.ADDRESS_NOT_ALLOWED)
    rule = grant.rules.match(method, target)
    if rule is None:
        missing = tightest_rule(method, target)
        if (missing.method, missing.path) not in policy.rule_free:
            return Deny(Reason.NOT_GRANTED_CALL, {"missingRule": str(missing), "refusedBy": "credential"})
    return rule
