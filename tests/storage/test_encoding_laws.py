"""Laws of what is signed and stored: nothing is lost, and different things never look the same."""

from ipaddress import IPv4Network, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.protocol.access_rule import AccessRule
from mandat.storage.keys.keyrings import SealingKey
from mandat.storage.keys.sealing import RowMac, Sealer, Unsealer, canonical
from mandat.storage.rows import (
    DamagedRow,
    details_text,
    is_id,
    is_storable,
    networks_text,
    read_details,
    read_networks,
    read_rules,
    rules_text,
)

fields = st.lists(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.binary(max_size=8)), max_size=6
).map(tuple)
networks = st.one_of(
    st.builds(lambda a, p: IPv4Network((a, p), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(lambda a, p: IPv6Network((a, p), strict=False), st.integers(0, 2**128 - 1), st.integers(0, 128)),
)


def kinds(values):
    return [(type(value), value) for value in values]


@given(fields, fields)
def test_different_fields_never_have_equal_bytes(some, other):
    assert (canonical("label", *some) == canonical("label", *other)) is (kinds(some) == kinds(other))


@given(fields)
def test_a_mac_fits_its_own_record_and_kind_only(some):
    mac = RowMac(b"k" * 32)
    made = mac.make("user", *some)
    assert mac.check(made, "user", *some)
    assert not mac.check(made, "session", *some)
    assert not mac.check(made, "user", *some, None)
    assert not RowMac(b"K" * 32).check(made, "user", *some)


@given(st.lists(st.builds(AccessRule, st.sampled_from(["GET", "PUT"]), st.text())))
def test_rules_come_back_as_they_went(rules):
    assert read_rules(rules_text(rules)) == tuple(rules)


@given(st.none() | st.lists(networks))
def test_networks_come_back_as_they_went(some):
    assert read_networks(networks_text(some)) == (None if some is None else tuple(some))


@given(st.dictionaries(st.text(), st.text()))
def test_details_come_back_as_they_went_and_have_one_form(details):
    assert read_details(details_text(details)) == details
    assert details_text(dict(reversed(details.items()))) == details_text(details)


@pytest.mark.parametrize("read", [read_rules, read_networks, read_details])
@pytest.mark.parametrize("damaged", ["", "{", "7", "[7]", '[["GET"]]', '{"a": 1}', '["192.0.2.1/99"]', b"\xff", 7])
def test_damage_is_told(read, damaged):
    with pytest.raises(DamagedRow):
        read(damaged)


@given(st.integers())
def test_ids_are_positive_and_fit_64_bits(number):
    assert is_id(number) is (1 <= number < 2**63)


@given(st.text(st.characters(), max_size=5))
def test_storable_text_has_neither_nul_nor_surrogate(text):
    assert is_storable(text) is not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in text)


@given(st.text("abcXYZ019", min_size=1), st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_a_sealed_secret_opens_for_its_own_application_only(secret, application_id, other_id):
    key = SealingKey("k1", b"k" * 32)
    sealed = Sealer([SealingKey("k0", b"o" * 32), key], lambda size: b"n" * size).seal(
        secret, application_id=application_id
    )
    assert sealed.key_id == "k1"
    assert Unsealer([key]).unseal(sealed, application_id=application_id) == secret.encode()
    opened = Unsealer([key]).unseal(sealed, application_id=other_id)
    assert (opened is not None) is (other_id == application_id)
    assert Unsealer([SealingKey("k0", b"k" * 32)]).unseal(sealed, application_id=application_id) is None
