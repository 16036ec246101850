"""What the authority signs can be read in one way only."""

from dataclasses import fields, replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.core.credential import CredentialState
from mandat.core.grant import Grant
from mandat.core.grant_bytes import application_bytes, grant_bytes
from mandat.core.rules import compile_rules
from mandat.protocol.access_rule import AccessRule
from support.deciding import grant, rules_of

OTHER_VALUES = {
    "credential_id": 12,
    "application_id": 8,
    "consumer_key_hash": b"\1" * 32,
    "account": "other",
    "state": CredentialState.REVOKED,
    "suspended": True,
    "rules": compile_rules(rules_of("GET /other")),
    "allowed_networks": (),
    "created": 1,
    "expires": 0,
}
APPLICATION = {
    "application_id": 7,
    "key": "7kbG7Bk7S9Nt7ZSV",
    "name": "Shop",
    "description": "d",
    "owner": "dev",
    "status": "active",
    "strict": False,
    "sealed_secrets": [b"one"],
    "version": 1,
}


@pytest.mark.parametrize("field", [field.name for field in fields(Grant)])
def test_every_field_of_a_grant_is_signed(field):
    first = grant("GET /me")
    assert grant_bytes(replace(first, **{field: OTHER_VALUES[field]}), version=1) != grant_bytes(first, version=1)


def test_the_version_of_the_row_is_signed():
    assert grant_bytes(grant(), version=1) != grant_bytes(grant(), version=2)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("application_id", 8),
        ("key", "other"),
        ("name", "Shop2"),
        ("description", ""),
        ("owner", "dev2"),
        ("status", "blocked"),
        ("strict", True),
        ("sealed_secrets", [b"on", b"e"]),
        ("version", 2),
    ],
)
def test_every_field_of_an_application_is_signed(field, other):
    assert application_bytes(**(APPLICATION | {field: other})) != application_bytes(**APPLICATION)


def test_the_end_of_a_secret_is_signed():
    secrets = APPLICATION | {"sealed_secrets": [b"one", b"two"]}
    ends = [(), (100, None), (101, None), (None, 100), (100, 100), (100, 101)]
    assert len({application_bytes(**secrets, secret_ends=each) for each in ends}) == len(ends)


def test_secrets_without_an_end_are_signed_as_before_there_were_ends():
    assert application_bytes(**APPLICATION, secret_ends=(None,)) == application_bytes(**APPLICATION)


def test_neighbouring_texts_do_not_run_into_each_other():
    first = application_bytes(**(APPLICATION | {"name": "ab", "description": "c"}))
    assert first != application_bytes(**(APPLICATION | {"name": "a", "description": "bc"}))


def test_a_grant_is_never_an_application():
    opening = len(b"\0\0\0\x0emandat grant 1")
    assert grant_bytes(grant(), version=1)[:opening] != application_bytes(**APPLICATION)[:opening]


def test_the_encoding_is_the_one_that_was_released():
    """A change here makes every stored signature worthless: it needs a new opening text and a migration."""
    row = grant("GET /me", allowed_networks=(ip_network("192.0.2.0/24"),), consumer_key_hash=b"\2" * 32)
    expected = (
        b"\0\0\0\x0emandat grant 1" + b"\0\0\0\x013" + b"\0\0\0\x0211" + b"\0\0\0\x017" + b"\0\0\0\x20" + b"\2" * 32
        + b"\0\0\0\x0bab1-example" + b"\0\0\0\x09validated" + b"\0\0\0\x02no"
        + b"\0\0\0\x01" + b"\0\0\0\x03GET" + b"\0\0\0\x03/me"
        + b"\0\0\0\x01" + b"\0\0\0\x0c192.0.2.0/24"
        + b"\0\0\0\x0a1699999000" + b"\xff\xff\xff\xff"
    )  # fmt: skip
    assert grant_bytes(row, version=3) == expected
    anywhere = expected.replace(b"\0\0\0\x01\0\0\0\x0c192.0.2.0/24", b"\xff\xff\xff\xff")
    assert grant_bytes(replace(row, allowed_networks=None), version=3) == anywhere


def test_the_encoding_of_an_application_is_the_one_that_was_released():
    expected = (
        b"\0\0\0\x14mandat application 1" + b"\0\0\0\x011" + b"\0\0\0\x017" + b"\0\0\0\x107kbG7Bk7S9Nt7ZSV"
        + b"\0\0\0\x04Shop" + b"\0\0\0\x01d" + b"\0\0\0\x03dev" + b"\0\0\0\x06active" + b"\0\0\0\x02no"
        + b"\0\0\0\x01" + b"\0\0\0\x03one"
    )  # fmt: skip
    assert application_bytes(**APPLICATION) == expected
    strict = expected.replace(b"\0\0\0\x02no", b"\0\0\0\x03yes")
    assert application_bytes(**(APPLICATION | {"strict": True})) == strict
    ending = expected.replace(b"application 1", b"application 2") + b"\0\0\0\x0a1700000000"
    assert application_bytes(**APPLICATION, secret_ends=(1_700_000_000,)) == ending


grants = st.builds(
    grant,
    account=st.text(max_size=4),
    state=st.sampled_from(CredentialState),
    suspended=st.booleans(),
    rules=st.lists(st.builds(AccessRule, st.sampled_from(["GET", "PUT"]), st.text(max_size=3)), max_size=3).map(
        compile_rules
    ),
    allowed_networks=st.none() | st.lists(st.sampled_from([ip_network("10.0.0.0/8"), ip_network("::/0")])).map(tuple),
    expires=st.none() | st.integers(0, 100),
)


@given(grants, grants)
def test_two_grants_give_the_same_bytes_only_when_they_are_equal(first, second):
    assert (grant_bytes(first, version=1) == grant_bytes(second, version=1)) is (first == second)
