"""What an upstream may believe of a call, and what it must not."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from doubles.grants import MemoryGrants
from doubles.nature import SetClock
from mandat.enforcement.assertion import CACHED_SECONDS, LIFE_SECONDS, AssertionSigner, jwks_document
from mandat.enforcement.assertion_verifier import (
    LEEWAY_SECONDS,
    Asserted,
    AssertionFault,
    AssertionVerifier,
    verify,
)

PRIVATE = bytes(range(32))
NOW = 1_700_000_000.0


def _public(private: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


JWKS = json.loads(jwks_document({"old": _public(b"o" * 32), "k1": _public(PRIVATE)}))


def _signer(private: bytes = PRIVATE, key_id: str = "k1") -> AssertionSigner:
    return AssertionSigner(private, key_id, "https://api.example", max_cached=10)


def _token(signer: AssertionSigner, *, audience: str = "sandbox", now: float = NOW, credential_id: int = 11) -> bytes:
    grants = MemoryGrants()
    application = grants.add_application()
    grant = grants.add_grant("GET /me", credential_id=credential_id, account="aa1-mandat")
    return signer.assertion(application, grant, audience=audience, now=now)


def _verify(token: str | bytes, *, now: float = NOW, audience: str = "sandbox") -> Asserted | AssertionFault:
    return verify(token, JWKS, issuer="https://api.example", audience=audience, now=now)


def test_an_assertion_says_account_application_and_credential() -> None:
    assert _verify(_token(_signer())) == Asserted("aa1-mandat", 1, 11)


def test_its_algorithm_is_the_fully_specified_one() -> None:
    assert jwt.decode(_token(_signer()), OKPKey.import_key(JWKS["keys"][1]), algorithms=["Ed25519"]).header == {
        "alg": "Ed25519",
        "kid": "k1",
        "typ": "JWT",
    }


def test_it_is_for_one_upstream_and_a_short_time() -> None:
    token = _token(_signer())
    assert isinstance(_verify(token, audience="other"), AssertionFault)
    assert isinstance(_verify(token, now=NOW + LIFE_SECONDS + LEEWAY_SECONDS - 1), Asserted)
    assert isinstance(_verify(token, now=NOW + LIFE_SECONDS + LEEWAY_SECONDS + 1), AssertionFault)
    assert isinstance(verify(token, JWKS, issuer="other", audience="sandbox", now=NOW), AssertionFault)


def test_it_is_signed_once_in_a_while_for_each_credential_and_upstream() -> None:
    signer = _signer()
    first = _token(signer)
    assert _token(signer, now=NOW + CACHED_SECONDS - 1) is first
    assert _token(signer, now=NOW + CACHED_SECONDS) != first
    assert _token(signer, now=NOW - 1) != first
    assert _verify(_token(signer, audience="other"), audience="other") == Asserted("aa1-mandat", 1, 11)
    assert _verify(_token(signer, credential_id=12)) == Asserted("aa1-mandat", 1, 12)


def test_the_memory_of_the_signer_is_bounded() -> None:
    signer = _signer()
    for credential_id in range(50):
        assert _verify(_token(signer, credential_id=credential_id)) == Asserted("aa1-mandat", 1, credential_id)
    assert len(signer._cached) <= 10


def test_a_key_that_is_no_key_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="32"):
        AssertionSigner(b"short", "k1", "x")


def _forged(header: dict[str, str], key: OKPKey | OctKey, **changes: object) -> str:
    claims = {
        "iss": "https://api.example",
        "aud": "sandbox",
        "sub": "aa1-mandat",
        "application": 1,
        "credential": 11,
        "iat": int(NOW),
        "exp": int(NOW) + 60,
    }
    claims.update(changes)  # type: ignore[arg-type]
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(header, given, key, algorithms=["Ed25519", "HS256", "none"])


def _own_key() -> OKPKey:
    signer = _signer()
    return signer._key


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": 5},
        {"sub": ""},
        {"iss": None},
        {"aud": None},
        {"aud": "other"},
        {"exp": None},
        {"exp": "soon"},
        {"exp": int(NOW) - 60},
        {"iat": None},
        {"iat": int(NOW) + 600},
        {"nbf": int(NOW) + 600},
        {"application": None},
        {"application": "1"},
        {"application": True},
        {"credential": None},
        {"credential": 1.5},
    ],
)
def test_a_claim_that_is_missing_or_strange_makes_it_invalid(changes: dict[str, object]) -> None:
    token = _forged({"alg": "Ed25519", "kid": "k1"}, _own_key(), **changes)
    assert isinstance(_verify(token), AssertionFault)


@pytest.mark.filterwarnings("ignore:JWS algorithm")
def test_it_is_not_believed_under_another_key_or_algorithm() -> None:
    other = OKPKey.generate_key("Ed25519")
    by_public_key = OctKey.import_key(_public(PRIVATE))
    assert isinstance(_verify(_forged({"alg": "Ed25519", "kid": "k1"}, other)), AssertionFault)
    assert isinstance(_verify(_forged({"alg": "Ed25519", "kid": "old"}, _own_key())), AssertionFault)
    assert isinstance(_verify(_forged({"alg": "HS256", "kid": "k1"}, by_public_key)), AssertionFault)
    assert isinstance(_verify(_forged({"alg": "none", "kid": "k1"}, by_public_key)), AssertionFault)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "e30.e30.", "é.é.é", "\0", "x" * 100_000, b"\xff\xfe.a.b", "e30.e30.e30.e30.e30"]
)
def test_rubbish_is_a_fault_and_not_an_error(token: str | bytes) -> None:
    assert isinstance(_verify(token), AssertionFault)


@pytest.mark.parametrize("jwks", [{}, {"keys": []}, {"keys": "x"}, {"keys": [{}]}, {"keys": [{"kty": "OKP"}]}])
def test_a_key_set_that_is_no_key_set_verifies_nothing(jwks: dict[str, Any]) -> None:
    found = verify(_token(_signer()), jwks, issuer="https://api.example", audience="sandbox", now=NOW)
    assert isinstance(found, AssertionFault)


class _KeySets:
    """Hands out key sets, and counts how often it was asked."""

    def __init__(self) -> None:
        self.jwks: dict[str, Any] = JWKS
        self.asked = 0

    async def fetch(self) -> Mapping[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        return self.jwks


def _verifier(sets: _KeySets, clock: SetClock) -> AssertionVerifier:
    return AssertionVerifier(sets.fetch, issuer="https://api.example", audience="sandbox", clock=clock)


async def test_the_key_set_is_fetched_when_first_needed_and_kept() -> None:
    sets = _KeySets()
    verifier = _verifier(sets, SetClock(NOW))
    assert isinstance(await verifier.check(None), AssertionFault)
    assert sets.asked == 0
    for _ in range(3):
        assert await verifier.check(_token(_signer())) == Asserted("aa1-mandat", 1, 11)
    assert sets.asked == 1


async def test_a_new_key_is_found_and_unknown_ones_do_not_make_it_fetch_all_the_time() -> None:
    sets, clock = _KeySets(), SetClock(NOW)
    verifier = _verifier(sets, clock)
    await verifier.check(_token(_signer()))
    new = _token(_signer(b"n" * 32, "k2"))
    for _ in range(10):
        assert isinstance(await verifier.check(new), AssertionFault)
    assert sets.asked == 1
    sets.jwks = json.loads(jwks_document({"k2": _public(b"n" * 32)}))
    clock.now += 6
    assert await verifier.check(new) == Asserted("aa1-mandat", 1, 11)
    assert sets.asked == 2


async def test_a_forged_signature_does_not_make_it_fetch() -> None:
    sets, clock = _KeySets(), SetClock(NOW)
    verifier = _verifier(sets, clock)
    await verifier.check(_token(_signer()))
    clock.now += 60
    forged = _forged({"alg": "Ed25519", "kid": "k1"}, OKPKey.generate_key("Ed25519"))
    assert isinstance(await verifier.check(forged), AssertionFault)
    assert sets.asked == 1
