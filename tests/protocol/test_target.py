"""Which request targets exist, and how they are read."""

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from mandat.protocol.target import (
    MAX_PATH_BYTES,
    MAX_TARGET_BYTES,
    CanonicalTarget,
    TargetFault,
    check_pattern,
    parse_target,
)
from vectors import cases


@pytest.mark.parametrize("case", cases("targets"))
def test_a_target_is_read_or_refused_as_in_the_vector(case):
    raw = case["target"].encode()
    target = parse_target(raw)
    if "refused" in case:
        assert target == TargetFault(case["refused"])
        return
    assert isinstance(target, CanonicalTarget), target
    assert target.raw == raw
    assert target.path == case["target"].partition("?")[0]
    expected = (case["version"], case["opaque"], case["slashed"], case["query"], case["encoded_slash"])
    assert (target.version, target.opaque, target.slashed, target.query, target.encoded_slash) == expected


@pytest.mark.parametrize("case", cases("patterns"))
def test_a_pattern_is_accepted_or_refused_as_in_the_vector(case):
    assert check_pattern(case["path"]) == case["refused"]


@pytest.mark.parametrize("raw", [b"", b"*", b"1.0/me", b"https://api.example/1.0/me", b"?/1.0/me", b" /1.0/me"])
def test_a_target_that_is_no_path_is_refused_for_that(raw):
    assert parse_target(raw) == TargetFault("does not start with a slash")


def test_the_longest_path_is_accepted_and_one_more_byte_is_not():
    path = b"/" + b"a" * (MAX_PATH_BYTES - 1)
    assert isinstance(parse_target(path), CanonicalTarget)
    assert parse_target(path + b"a") == TargetFault("has a path longer than 2048 bytes")


def test_the_longest_target_is_accepted_and_one_more_byte_is_not():
    target = b"/1.0/me?" + b"a" * (MAX_TARGET_BYTES - 8)
    assert isinstance(parse_target(target), CanonicalTarget)
    assert parse_target(target + b"a") == TargetFault("is longer than 8192 bytes")


def test_the_longest_pattern_and_the_most_stars_are_accepted():
    assert check_pattern("/" + "a" * 2047) is None
    assert check_pattern("/" + "a*" * 8) is None


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_is_either_plain_or_refused(byte):
    """Against the list of RFC 3986, written out once more."""
    plain = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" + b"!$&'()*+,=:@"
    target = parse_target(b"/1.0/a" + bytes([byte]) + b"b")
    assert isinstance(target, CanonicalTarget) is (byte in plain + b"/?")


@pytest.mark.parametrize("byte", range(256))
def test_every_escape_is_either_needed_or_refused(byte):
    needed = b" !\"$&'()*+,/:<=>@[]^`{|}"
    for escape in (f"%{byte:02X}", f"%{byte:02x}"):
        target = parse_target(f"/1.0/a{escape}b".encode())
        assert isinstance(target, CanonicalTarget) is (byte in needed)


# Mostly what is accepted, so that the law is tried on much; and what could slip through beside it.
pieces = st.sampled_from(
    ["a", "b", "/", "c", "%2F", "%2f", "%20", "%C3%A9", "*", "~", ":", ".", "..", "%2e", "//", ";"]
)


@given(st.lists(pieces, max_size=8).map("".join), st.sampled_from(["/1.0/", "/v1/", "/v2/", "/"]))
@example("%2e%2e", "/1.0/")
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_what_is_accepted_has_one_reading(rest, prefix):
    """No reader that decodes, joins or resolves segments can arrive anywhere else."""
    target = parse_target((prefix + rest).encode())
    assume(isinstance(target, CanonicalTarget))
    for reading in (target.opaque, target.slashed):
        inner = reading.removeprefix("/").removesuffix("/").split("/")
        assert not {".", ".."} & set(inner)
        assert "" not in inner or inner == [""]
        assert not set(reading) & set(";\\# \x00é")
    assert "%2F" not in target.slashed.upper()


def test_a_target_is_read_alike_however_many_others_were_read_in_between():
    targets = [b"/1.0/me?%d" % number for number in range(5_000)] + [b"/1.0//%d" % number for number in range(5_000)]
    first = [parse_target(target) for target in targets]
    assert [parse_target(target) for target in targets] == first
    assert [reading.raw for reading in first[:5_000]] == targets[:5_000]
    assert set(first[5_000:]) == {TargetFault("has an empty segment")}


@given(st.binary(max_size=100))
@example(b"/\xff")
def test_no_bytes_make_it_raise(raw):
    assert isinstance(parse_target(raw), CanonicalTarget | TargetFault)


@given(st.text(max_size=60))
def test_no_text_makes_the_pattern_check_raise(path):
    assert isinstance(check_pattern(path), str | None)


@given(st.text(st.sampled_from("ab/.%2Fe5*;é"), max_size=12))
def test_a_pattern_without_stars_is_held_to_what_a_target_is_held_to(path):
    assume("*" not in path)
    target = parse_target(b"/1.0" + path.encode())
    accepted = isinstance(target, CanonicalTarget) and target.version == "1.0"
    assert (check_pattern(path) is None) is accepted
