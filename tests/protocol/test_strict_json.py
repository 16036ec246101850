"""JSON that every reader understands alike."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.protocol.strict_json import MAX_DEPTH, JsonFault, check_json, parse_json
from vectors import cases


@pytest.mark.parametrize("case", cases("json_bodies"))
def test_a_body_is_read_or_refused_as_in_the_vector(case):
    body = case["body"].encode("latin-1")
    read, checked = parse_json(body), check_json(body)
    if "refused" in case:
        assert isinstance(read, JsonFault)
        assert read.why.startswith(case["refused"])
        assert checked == read
    else:
        assert read == case["value"]
        assert type(read) is type(case["value"])
        assert checked is None


def test_endless_nesting_and_endless_digits_are_refused():
    assert check_json(b"[" * 1_000_000) is not None
    assert parse_json(b'{"a":' * 1_000_000) is not None
    assert check_json(b"1" * 1_000_000) is not None


def test_an_integer_of_4_300_digits_is_read_to_the_last():
    assert parse_json(b"7" * 4_300) == int("7" * 4_300)


def test_the_deepest_body_is_accepted():
    assert check_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is None


@pytest.mark.parametrize("body", [b"1e999", b'{"a":[-1e999]}', b"1" + b"0" * 400 + b".5"])
def test_a_number_that_is_infinite_for_us_is_not_read_but_may_pass_through(body):
    assert parse_json(body) == JsonFault("a number is too large")
    assert check_json(body) is None


@pytest.mark.parametrize(
    "body", [b'{"secret-text":1,"secret-text":2}', b'["secret-text" "secret-text"]', b"secret-text"]
)
def test_a_fault_never_quotes_the_body(body):
    fault = check_json(body)
    assert fault is not None
    assert "secret" not in fault.why


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, st.booleans())
def test_whatever_a_client_can_say_in_json_is_read_back(value, ascii_only):
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary())
def test_bytes_that_are_not_utf_8_are_never_accepted(body):
    try:
        body.decode()
    except UnicodeDecodeError:
        assert check_json(body) is not None
    else:
        assert isinstance(check_json(body), JsonFault | None)


@given(json_values, st.binary(min_size=1).filter(lambda tail: tail.strip(b" \t\r\n") != b""))
def test_nothing_but_blanks_may_follow_a_closed_value(value, tail):
    body = json.dumps([value]).encode()
    assert check_json(body) is None
    assert check_json(body + tail) is not None
