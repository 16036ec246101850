"""The decision: one test per vector, and what a vector cannot say."""

import json
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.core.call import NOBODY, About
from mandat.core.credential import CredentialState
from mandat.core.decision import AtHand, CallHead, Deny, NeedBody, NeedGrant, NeedJsonCheck, Permit, Policy, decide
from mandat.protocol.keys import key_hash
from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import JsonFault
from support.deciding import APPLICATION_SECRET, BASE_URL, NOW, World, application, grant, signed_head, signed_headers
from vectors import cases

DOCUMENT = json.loads((Path(__file__).parent.parent / "vectors" / "decisions.json").read_text("utf-8"))
BASE_URLS = (BASE_URL.encode(), b"http://127.0.0.1:8700")
NEED_WORDS = {
    "NeedAddressBudget": "address",
    "NeedApplication": "application",
    "NeedGrant": "grant",
    "NeedBody": "body",
    "NeedJsonCheck": "json",
}


def head_of(case) -> CallHead:
    signed = {"method": case["method"], "target": case["target"], "body": case.get("body", "")} | case.get("sign", {})
    body = signed.pop("body").encode()
    headers = signed_headers(
        signed.pop("method"), signed.pop("target"), body, timestamp=case.get("signed_at", NOW), **signed
    )
    for name, value in case.get("replace", {}).items():
        headers = [(known, value.encode() if known == name.encode() else old) for known, old in headers]
    headers = [pair for pair in headers if pair[0].decode() not in case.get("without", [])]
    headers += [(name.encode(), value.encode()) for name, value in case.get("headers", [])]
    address = case.get("address", "192.0.2.7")
    return CallHead(case["method"].encode(), case["target"].encode(), headers, address, BASE_URLS)


def world_of(case) -> World:
    world = World(budget=case.get("budget", True), body=case.get("body", "").encode())
    if "body_refused" in case:
        world.body = Reason(case["body_refused"])
    changes = case.get("application", {})
    if changes is not None and "secrets" in changes:
        changes = changes | {"secrets": tuple(secret.encode() for secret in changes["secrets"])}
    world.application = None if changes is None else application(**changes)
    changes = case.get("grant", {})
    if changes is None:
        return world
    if "state" in changes:
        changes = changes | {"state": CredentialState(changes["state"])}
    if "allowed_networks" in changes:
        changes = changes | {"allowed_networks": tuple(ip_network(text) for text in changes["allowed_networks"])}
    world.grant = grant(*case.get("rules", DOCUMENT["rules"]), **changes)
    return world


def policy_of(case) -> Policy:
    names = ("window_seconds", "max_body_bytes", "opaque_prefixes")
    return Policy(**{name: case[name] for name in names if name in case})


@pytest.mark.parametrize("case", cases("decisions"))
def test_a_call_is_decided_as_in_the_vector(case):
    world = world_of(case)
    decision = world.judge(head_of(case), policy=policy_of(case))
    expect = case["expect"]
    if "permit" in expect:
        assert isinstance(decision, Permit), decision
        assert (None if decision.rule is None else str(decision.rule)) == expect["permit"]
    else:
        assert decision == Deny(Reason(expect["reason"]), expect["details"])
    assert [NEED_WORDS[type(need).__name__] for need in world.asked] == case["asked"]


def test_a_permit_carries_what_was_judged_and_nothing_else():
    world = World(grant=grant("POST /domain/zone/*"), body=b'{"a":1}')
    head = signed_head("POST", "/1.0/domain/zone/x/record?a=b", b'{"a":1}')
    decision = world.judge(head)
    assert isinstance(decision, Permit)
    assert (decision.method, decision.target.raw, decision.body) == ("POST", head.target, b'{"a":1}')
    assert (decision.application, decision.grant) == (world.application, world.grant)
    assert list(msgspec.structs.astuple(decision.call)) == [value for _, value in head.headers]


def test_the_grant_is_asked_for_by_the_hash_of_the_consumer_key():
    world = World(grant=grant("GET /me"))
    world.judge(signed_head("GET", "/1.0/me"))
    assert NeedGrant(key_hash("MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1")) in world.asked


def test_a_body_up_to_64_kib_is_checked_at_once_and_a_longer_one_by_the_driver():
    for size, asked in ((65_536, False), (65_537, True)):
        body = b'"' + b"a" * (size - 2) + b'"'
        world = World(grant=grant("POST /x"), body=body)
        assert isinstance(world.judge(signed_head("POST", "/1.0/x", body)), Permit)
        assert (NeedJsonCheck(body) in world.asked) is asked


@pytest.mark.parametrize(
    ("supply", "reason"),
    [(JsonFault("why"), "why"), (False, "not checked"), (b"x", "not checked")],
)
def test_a_long_body_passes_only_when_the_driver_says_that_it_was_checked(supply, reason):
    body = b"[" + b"1," * 40_000 + b"1]"
    world = World(grant=grant("POST /x"), body=body, json_check=supply)
    decision = world.judge(signed_head("POST", "/1.0/x", body))
    assert decision == Deny(Reason.MALFORMED_BODY, {"reason": reason})


@pytest.mark.parametrize("supply", [None, False, "yes", 1])
def test_only_true_is_a_budget(supply):
    decision = World(grant=grant("GET /me"), budget=supply).judge(signed_head("GET", "/1.0/me"))
    assert decision == Deny(Reason.TOO_MANY_FAILURES)


@pytest.mark.parametrize("supply", [None, True, "text"])
def test_a_driver_that_supplies_no_body_at_all_is_refused(supply):
    decision = World(grant=grant("GET /me"), body=supply).judge(signed_head("GET", "/1.0/me"))
    assert decision == Deny(Reason.INTERNAL_ERROR)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"window_seconds": 29}, "window_seconds must be 30 to 300"),
        ({"window_seconds": 301}, "window_seconds must be 30 to 300"),
        ({"max_body_bytes": -1}, "max_body_bytes must not be negative"),
    ],
)
def test_a_dangerous_policy_cannot_be_made(wrong, why):
    with pytest.raises(ValueError, match=f"^{why}$"):
        Policy(**wrong)


def test_a_policy_at_its_limits_is_kept():
    for policy in (Policy(window_seconds=30), Policy(window_seconds=300)):
        late = World(grant=grant("GET /me")).judge(
            signed_head("GET", "/1.0/me"), policy=policy, now=NOW + policy.window_seconds
        )
        assert isinstance(late, Permit)
    nothing = World(grant=grant("POST /x"), body=b"{}")
    decision = nothing.judge(signed_head("POST", "/1.0/x", b"{}"), policy=Policy(max_body_bytes=0))
    assert decision == Deny(Reason.BODY_TOO_LARGE)


def test_a_policy_may_name_other_calls_that_need_no_rule():
    policy = Policy(rule_free=frozenset({("GET", "/ping")}))
    assert isinstance(World(grant=grant()).judge(signed_head("GET", "/1.0/ping"), policy=policy), Permit)
    assert isinstance(World(grant=grant()).judge(signed_head("GET", "/1.0/auth/details"), policy=policy), Deny)


def head_with(**values: bytes) -> CallHead:
    """The head of an honest call with other values in some of its four headers."""
    head = signed_head("GET", "/1.0/me")
    headers = [(name, values.get(name.removeprefix(b"x-ovh-").decode(), value)) for name, value in head.headers]
    return CallHead(head.method, head.target, headers, head.address, head.base_urls)


@pytest.mark.parametrize(("length", "is_fine"), [(7, False), (8, True), (64, True), (65, False)])
def test_a_key_has_8_to_64_characters(length, is_fine):
    world = World(grant=grant("GET /me"))
    decision = world.judge(head_with(application=b"k" * length))
    malformed = Deny(Reason.MALFORMED_KEY, {"malformed": "X-Ovh-Application"})
    assert decision == (Deny(Reason.INVALID_KEY) if is_fine else malformed)
    decision = world.judge(head_with(consumer=b"k" * length))
    malformed = Deny(Reason.MALFORMED_KEY, {"malformed": "X-Ovh-Consumer"})
    assert decision == (Deny(Reason.NOT_CREDENTIAL) if is_fine else malformed)


@pytest.mark.parametrize(("digits", "is_fine"), [(8, False), (9, True), (11, True), (12, False)])
def test_a_timestamp_has_9_to_11_digits(digits, is_fine):
    now = int("1" * digits)
    headers = signed_headers("GET", "/1.0/me", timestamp=now)
    decision = World(grant=grant("GET /me")).judge(
        CallHead(b"GET", b"/1.0/me", headers, "192.0.2.7", BASE_URLS), now=now
    )
    assert isinstance(decision, Permit) is is_fine
    assert is_fine or decision == Deny(Reason.MALFORMED_KEY, {"malformed": "X-Ovh-Timestamp"})


@pytest.mark.parametrize("timestamp", [b"1" * 9, b"1" * 11])
def test_only_what_is_malformed_is_named(timestamp):
    decision = World().judge(head_with(timestamp=timestamp, signature=b"$1$"))
    assert decision == Deny(Reason.MALFORMED_KEY, {"malformed": "X-Ovh-Signature"})


def test_everything_that_is_repeated_is_named():
    head = signed_head("GET", "/1.0/me")
    twice = CallHead(head.method, head.target, [*head.headers, *head.headers[:2]], head.address, head.base_urls)
    assert World().judge(twice) == Deny(Reason.MISSING_CREDENTIAL, {"repeated": "X-Ovh-Application, X-Ovh-Consumer"})


def test_one_content_encoding_is_not_what_is_wrong_with_a_call_without_a_signature():
    head = signed_head("GET", "/1.0/me")
    headers = [*head.headers[:3], (b"content-encoding", b"gzip")]
    decision = World().judge(CallHead(head.method, head.target, headers, head.address, head.base_urls))
    assert decision == Deny(Reason.MISSING_CREDENTIAL, {"missing": "X-Ovh-Signature"})


@pytest.mark.parametrize(
    ("changes", "rules", "reason"),
    [
        ({"state": CredentialState.REVOKED}, ["GET /me"], Reason.INVALID_CREDENTIAL),
        ({"allowed_networks": ()}, ["GET /me"], Reason.ADDRESS_NOT_ALLOWED),
        ({}, ["GET /other"], Reason.NOT_GRANTED_CALL),
    ],
)
def test_the_refusal_of_an_authentic_call_says_whose_it_was(changes, rules, reason):
    decision = World(grant=grant(*rules, **changes)).judge(signed_head("GET", "/1.0/me"))
    assert isinstance(decision, Deny) and decision.reason is reason
    assert decision.about == About(7, 11)


@pytest.mark.parametrize(
    ("world", "about"),
    [
        (World(application=application(active=False)), About(7)),
        (World(), About(7)),
        (World(grant=grant("GET /me", application_id=8)), About(7, 11)),
        (World(application=application(secrets=(b"another secret",)), grant=grant("GET /me")), About(7, 11)),
        (World(application=None), NOBODY),
    ],
    ids=["inactive application", "no such credential", "of another application", "wrong signature", "nobody"],
)
def test_the_refusal_of_a_call_that_may_be_forged_says_whose_keys_it_named(world, about):
    decision = world.judge(signed_head("GET", "/1.0/me"))
    assert isinstance(decision, Deny) and decision.about == about


def test_a_driver_is_told_how_long_a_body_may_be():
    world = World(grant=grant("GET /me"))
    world.judge(signed_head("GET", "/1.0/me"), policy=Policy(max_body_bytes=4321))
    assert NeedBody(4321) in world.asked


def test_the_budget_that_counts_is_the_callers_address():
    asked = []
    at_hand = AtHand(lambda address: asked.append(address) or False, lambda _: None, lambda _: None)
    steps = decide(signed_head("GET", "/1.0/me", address="198.51.100.1"), Policy(), NOW, at_hand)
    with pytest.raises(StopIteration):
        next(steps)
    assert asked == ["198.51.100.1"]


def test_a_secret_without_an_id_signs_as_number_0():
    decision = World(application=application(), grant=grant("GET /me")).judge(signed_head("GET", "/1.0/me"))
    assert isinstance(decision, Permit) and decision.secret_id == 0


header_names = st.sampled_from(
    [b"x-ovh-application", b"x-ovh-consumer", b"x-ovh-timestamp", b"x-ovh-signature", b"x-ovh-batch", b"host"]
)
plausible = st.sampled_from([b"7kbG7Bk7S9Nt7ZSV", b"1700000000", b"$1$" + b"a" * 40, b"\xff" * 20, b""])


@given(
    st.binary(max_size=10) | st.sampled_from([b"GET", b"POST"]),
    st.binary(max_size=40) | st.binary(max_size=20).map(lambda rest: b"/1.0/" + rest),
    st.lists(st.tuples(header_names | st.binary(max_size=10), plausible | st.binary(max_size=70)), max_size=9),
    st.text(max_size=20),
    st.binary(max_size=40),
)
def test_no_bytes_make_it_raise(method, target, headers, address, body):
    world = World(grant=grant("GET /*", "POST /*", allowed_networks=()), body=body)
    decision = world.judge(CallHead(method, target, headers, address, BASE_URLS))
    assert isinstance(decision, Deny)


@given(st.binary(max_size=40), st.text(max_size=20))
def test_no_signed_body_makes_it_raise(body, address):
    world = World(grant=grant("POST /*"), body=body)
    decision = world.judge(signed_head("POST", "/1.0/x", body, address=address))
    assert isinstance(decision, Permit) or decision.reason is Reason.MALFORMED_BODY


class TestTwoSecrets:
    """The old and the new secret of an application that replaces one by the other."""

    @staticmethod
    def judged_with(secret: str, *, now: float = NOW, **changes: object) -> object:
        world = World(
            application=application(
                secrets=(b"old secret of the application 01", APPLICATION_SECRET.encode()), secret_ids=(3, 4), **changes
            ),
            grant=grant("GET /me"),
        )
        headers = signed_headers("GET", "/1.0/me", secret=secret)
        return world.judge(CallHead(b"GET", b"/1.0/me", headers, "192.0.2.7", (BASE_URL.encode(),)), now=now)

    @pytest.mark.parametrize(("secret", "id_"), [("old secret of the application 01", 3), (APPLICATION_SECRET, 4)])
    def test_either_signs_and_the_permit_names_it(self, secret: str, id_: int) -> None:
        assert self.judged_with(secret).secret_id == id_

    def test_an_ended_one_signs_no_longer_and_the_other_one_does(self) -> None:
        ends = {"secret_ends": (NOW, None)}
        assert self.judged_with("old secret of the application 01", **ends).reason is Reason.INVALID_SIGNATURE
        assert self.judged_with(APPLICATION_SECRET, **ends).secret_id == 4

    def test_one_that_will_end_signs_until_then(self) -> None:
        ends = {"secret_ends": (NOW + 1, None)}
        assert self.judged_with("old secret of the application 01", **ends).secret_id == 3
