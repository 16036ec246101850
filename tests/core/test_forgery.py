"""What a secret-prefix hash invites to, and why none of it passes the decision (threats.md 1b, 1c)."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.sha1_extension import extend, padding
from mandat.core.decision import CallHead, Deny, Permit
from mandat.protocol.refusals import Reason
from mandat.protocol.signature import matching_secret
from support.deciding import APPLICATION_SECRET, BASE_URL, CONSUMER_KEY, NOW, World, grant, signed_head

EVERYTHING = ("GET /*", "POST /*", "PUT /*", "DELETE /*")


def with_headers(head: CallHead, *, timestamp: int, signature: str) -> CallHead:
    new = {b"x-ovh-timestamp": str(timestamp).encode(), b"x-ovh-signature": signature.encode()}
    return replace(head, headers=[(name, new.get(name, value)) for name, value in head.headers])


def signature_of(head: CallHead) -> str:
    return dict(head.headers)[b"x-ovh-signature"].decode()


def judge(head: CallHead, body: bytes, *, now: int = NOW):
    return World(grant=grant(*EVERYTHING), body=body).judge(head, now=now)


def splits(text: bytes) -> list[tuple[bytes, bytes]]:
    """Every way to read `TARGET+BODY` as a target and a body."""
    places = [place for place, byte in enumerate(text) if byte == ord("+")]
    return [(text[:place], text[place + 1 :]) for place in places]


def is_signature_right(head: CallHead, target: bytes, body: bytes) -> bool:
    """The check of a naive server."""
    values = dict(head.headers)
    found = matching_secret(
        values[b"x-ovh-signature"],
        secrets=[APPLICATION_SECRET.encode()],
        consumer_key=CONSUMER_KEY.encode(),
        method=head.method,
        base_urls=head.base_urls,
        target=target,
        body=body,
        timestamp=values[b"x-ovh-timestamp"],
    )
    return found == 0


@given(st.binary(max_size=150), st.binary(max_size=80))
def test_the_extension_in_this_test_is_right(text, suffix):
    expected = hashlib.sha1(text + padding(len(text)) + suffix).hexdigest()
    assert extend(hashlib.sha1(text).hexdigest(), len(text), suffix) == expected


def forge(head: CallHead, body: bytes, suffix: bytes, timestamp: int) -> tuple[CallHead, bytes]:
    """A signature over more than the captured call, without the secret; only its length is known.

    Returns:
        The forged head, and everything behind the base URL that the signature covers, up to the new timestamp.
    """
    tail = head.target + b"+" + body + b"+" + dict(head.headers)[b"x-ovh-timestamp"]
    length = len("+".join([APPLICATION_SECRET, CONSUMER_KEY, head.method.decode(), BASE_URL])) + len(tail)
    forged = extend(signature_of(head)[3:], length, suffix + b"+" + str(timestamp).encode())
    covered = tail + padding(length) + suffix
    return with_headers(head, timestamp=timestamp, signature="$1$" + forged), covered


suffixes = st.binary(max_size=20) | st.sampled_from(
    [b"", b'+{"evil":1}', b"+[]", b"+/1.0/me", b"+1", b'"]', b'{"a":"', b"+"]
)


@given(
    st.sampled_from(["GET", "DELETE", "POST"]),
    st.sampled_from(["/1.0/me", "/1.0/domain/zone/x?a=b+c", "/1.0/" + "a" * 70]),
    st.sampled_from([b"", b"{}", b'{"a":"b+c"}', b'"x']),
    suffixes,
)
def test_a_length_extended_call_never_passes(method, target, body, suffix):
    later = NOW + 3_600
    captured = signed_head(method, target, body)
    forged, covered = forge(captured, body, suffix, later)
    for forged_target, forged_body in splits(covered):
        assert is_signature_right(forged, forged_target, forged_body)
        decision = judge(replace(forged, target=forged_target), forged_body, now=later)
        assert isinstance(decision, Deny)
        assert decision.reason in (Reason.MALFORMED_BODY, Reason.NON_CANONICAL_TARGET)


def test_a_length_extended_call_is_refused_for_its_body_and_not_by_luck():
    captured = signed_head("DELETE", "/1.0/vps/x")
    forged, covered = forge(captured, b"", b"", NOW + 3_600)
    target, body = splits(covered)[0]
    assert target == b"/1.0/vps/x"
    decision = judge(replace(forged, target=target), body, now=NOW + 3_600)
    assert decision == Deny(Reason.MALFORMED_BODY, {"reason": decision.details["reason"]})


plus_texts = st.lists(st.sampled_from(["a", "+", "1", "{}", '"', "[", "]", "="]), max_size=6).map("".join)
api_bodies = st.dictionaries(plus_texts, plus_texts | st.integers() | st.lists(plus_texts)).map(
    lambda value: json.dumps(value).encode()
)


@given(plus_texts, st.just(b"") | api_bodies)
def test_no_byte_can_be_moved_between_the_target_and_the_body_of_an_api_call(query, body):
    """API bodies are objects or absent."""
    target = b"/1.0/vps/x?" + query.encode()
    head = signed_head("POST", target.decode(), body)
    assert isinstance(judge(head, body), Permit)
    for moved_target, moved_body in splits(target + b"+" + body):
        if (moved_target, moved_body) != (target, body):
            assert is_signature_right(head, moved_target, moved_body)
            assert isinstance(judge(replace(head, target=moved_target), moved_body), Deny)


def test_the_one_shift_that_stays_readable_keeps_its_signature_so_that_replay_admission_sees_it():
    """A bare number may hold a plus sign. Both readings carry one signature, and a write's is admitted once."""
    head = signed_head("POST", "/1.0/x?a=b", b"1e+5")
    shifted = replace(head, target=b"/1.0/x?a=b+1e")
    first, second = judge(head, b"1e+5"), judge(shifted, b"5")
    assert isinstance(first, Permit)
    assert isinstance(second, Permit)
    assert first.call == second.call
    assert (first.target.raw, first.body) != (second.target.raw, second.body)


@pytest.mark.parametrize("field", [b"x-ovh-application", b"x-ovh-consumer", b"x-ovh-timestamp"])
def test_no_plus_sign_can_enter_by_a_header(field):
    head = signed_head("GET", "/1.0/me")
    headers = [(name, value + b"+1" if name == field else value) for name, value in head.headers]
    decision = judge(replace(head, headers=headers), b"")
    assert isinstance(decision, Deny)
    assert decision.reason is Reason.MALFORMED_KEY
