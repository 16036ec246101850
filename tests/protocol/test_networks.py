"""Blocks of addresses and who is inside."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.protocol.networks import is_address_allowed, parse_address, parse_network


def blocks(*texts):
    found = [parse_network(text) for text in texts]
    assert None not in found
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("0000:0000:0000:0000:0000:ffff:192.168.100.228/128", "192.168.100.228/32"),
    ],
)
def test_an_address_or_block_is_read(text, expected):
    assert str(parse_network(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "x",
        "192.0.2.1/24",
        "192.0.2.0/",
        "192.0.2.0/33",
        "192.0.2.0/024x",
        "192.0.2.0/255.255.255.0",
        "::1%lo",
        "::/129",
    ],
)
def test_anything_else_is_refused(text):
    assert parse_network(text) is None


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("198.51.100.1", False),
        ("2001:db8::7", True),
        ("2001:db9::7", False),
        ("", False),
        ("unix:", False),
        ("192.0.2.7:443", False),
    ],
)
def test_a_caller_is_inside_or_outside(address, inside):
    assert is_address_allowed(address, blocks("192.0.2.0/24", "2001:db8::/32")) is inside


def test_nobody_is_inside_of_nothing():
    assert not is_address_allowed("192.0.2.7", [])


def test_all_ipv6_is_not_all_ipv4():
    assert not is_address_allowed("::ffff:192.0.2.7", blocks("::/0"))


@given(st.ip_addresses())
def test_an_address_is_inside_its_own_block(address):
    assert is_address_allowed(str(address), blocks(str(address)))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_means_the_same_in_ipv6_dress(address):
    assert parse_address(f"::ffff:{address}") == address
    assert parse_network(f"::ffff:{address}") == parse_network(str(address))


@given(st.text(max_size=60))
def test_no_text_makes_it_raise(text):
    parse_network(text)
    assert is_address_allowed(text, blocks("192.0.2.0/24")) in (True, False)
