"""The decision: may this call pass? One function for every door (gateway, middleware, forward-auth, preview).

It does no IO: `decide` is a generator that yields what it needs to know next and is sent the answer. Whoever drives it
may await in between. The checks run in the order of design.md 4; the first failure answers, and what is expensive or
tells something about a key comes only after what is cheap. Anything unexpected that a driver sends is a refusal.

    steps = decide(head, policy, now)
    need = next(steps)                      # `at_hand` and `body` spare needs that can be met without waiting
    while True:                             # ends with StopIteration; its value is the Decision
        match need:
            case NeedApplication(key):
                need = steps.send(source.find_application(key))
            ...

Left to the caller, for a Permit only: replay admission and quota.
"""

from collections.abc import Generator, Sequence
from hashlib import sha256

from mandat.core.call import (
    MISSING,
    NOTHING_AT_HAND,
    About,
    AtHand,
    CallHead,
    Decision,
    Deny,
    Missing,
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
    "MISSING",
    "AtHand",
    "CallHead",
    "Decision",
    "Deny",
    "Missing",
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
_VALIDATED = CredentialState.VALIDATED
_ADDRESS_BUDGET = NeedAddressBudget()

_Claim = tuple[str, CanonicalTarget, SignedCall, bool]
"""What the head says, well-formed but unverified: method, target, the four values, whether the body is encoded.

A bare tuple, because it lives for one call and a named one costs a quarter of a microsecond.
"""


def decide(  # noqa: C901, PLR0912 one check after the other; in pieces their order would be harder to see
    head: CallHead, policy: Policy, now: float, at_hand: AtHand = NOTHING_AT_HAND, body: bytes | None = None
) -> Generator[Need, Supply, Decision]:
    """Judges one call. Never raises, whatever the bytes, but what `at_hand` raises.

    Args:
        head: the call as received.
        policy: the operator's settings.
        now: Unix seconds; one instant serves the whole decision.
        at_hand: what need not be waited for.
        body: the whole body when it is there already, else None.

    Yields:
        Needs that could not be met; each class says what to send back.

    Returns:
        Permit or Deny.
    """
    claim = _read_head(head, policy, now)
    if isinstance(claim, Deny):
        return claim
    method, target, call, encoded = claim
    budget: Supply | Missing = at_hand.allows(head.address)
    if budget is MISSING:
        budget = yield _ADDRESS_BUDGET
    if budget is not True:
        return Deny(Reason.TOO_MANY_FAILURES)
    key = call.application_key.decode("ascii")
    application: Supply | Missing = at_hand.peek_application(key)
    if application is MISSING:
        application = yield NeedApplication(key)
    if not isinstance(application, KnownApplication):
        return Deny(Reason.INVALID_KEY)
    if not application.active:
        return Deny(Reason.INVALID_KEY, about=About(application.id))
    key_hash = sha256(call.consumer_key).digest()
    grant: Supply | Missing = at_hand.peek_grant(key_hash)
    if grant is MISSING:
        grant = yield NeedGrant(key_hash)
    if not isinstance(grant, Grant):
        return Deny(Reason.NOT_CREDENTIAL, about=About(application.id))
    if grant.application_id != application.id:
        return Deny(Reason.NOT_CREDENTIAL, about=About(application.id, grant.credential_id))
    if body is None:
        supplied = yield NeedBody(policy.max_body_bytes)
        if not isinstance(supplied, bytes):
            return Deny(supplied if isinstance(supplied, Reason) else Reason.INTERNAL_ERROR)
        body = supplied
    if len(body) > policy.max_body_bytes:
        return Deny(Reason.BODY_TOO_LARGE)
    secret_id = _signing_secret(head, call, application, body, now)
    if secret_id is None:
        return Deny(Reason.INVALID_SIGNATURE, about=_about(grant))
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
    found = dict(head.headers)
    if BATCH in found:
        return Deny(Reason.BATCH_NOT_SUPPORTED)
    # Nearly always no field at all is repeated; then there is no need to look which.
    if len(found) != len(head.headers) and _is_repeated(head.headers):
        return _deny_missing(head.headers)
    try:
        call = SignedCall(found[APPLICATION], found[CONSUMER], found[TIMESTAMP], found[SIGNATURE])
    except KeyError:
        return _deny_missing(head.headers)
    if not _are_well_formed(call):
        return _deny_malformed(call)
    delta = now - int(call.timestamp)
    if not -policy.window_seconds <= delta <= policy.window_seconds:
        return _deny_out_of_time(delta, now, policy.window_seconds)
    return method, target, call, _CONTENT_ENCODING in found


def _takes_encoded_slash(target: CanonicalTarget, prefixes: Sequence[str]) -> bool:
    return any(target.opaque == prefix or target.opaque.startswith(prefix + "/") for prefix in prefixes)


def _is_repeated(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a field that the decision reads comes twice."""
    names = [name for name, _ in headers if name in _WATCHED]
    return len(set(names)) != len(names)


def _are_well_formed(call: SignedCall) -> bool:
    """The formats of the four values, which contain no `+`, so that they cannot be shifted into each other.

    `isalnum` and `isdigit` of bytes know ASCII only. The timestamp is checked here because `int` also takes `1_700`,
    `+17`, blanks and the digits of other scripts.
    """
    key, consumer_key, timestamp = call.application_key, call.consumer_key, call.timestamp
    return (
        8 <= len(key) <= 64
        and key.isalnum()
        and 8 <= len(consumer_key) <= 64
        and consumer_key.isalnum()
        and 9 <= len(timestamp) <= 11
        and timestamp.isdigit()
        and is_signature(call.signature)
    )


def _deny_missing(headers: Sequence[tuple[bytes, bytes]]) -> Deny:
    names = [name for name, _ in headers if name in _WATCHED]
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
        call.signature, secrets, call.consumer_key, head.method, head.base_urls, head.target, body, call.timestamp
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
        return Deny(Reason.INVALID_CREDENTIAL, {"state": state}, about=_about(grant))
    if grant.allowed_networks is not None and not is_address_allowed(address, grant.allowed_networks):
        return Deny(Reason.ADDRESS_NOT_ALLOWED, about=_about(grant))
    rule = grant.rules.match(method, target)
    if rule is None:
        missing = tightest_rule(method, target)
        if (missing.method, missing.path) not in policy.rule_free:
            details = {"missingRule": str(missing), "refusedBy": "credential"}
            return Deny(Reason.NOT_GRANTED_CALL, details, about=_about(grant))
    return rule


def _about(grant: Grant) -> About:
    return About(grant.application_id, grant.credential_id)
