"""Keys: form, making, hash."""

import hashlib
from itertools import cycle

import pytest

from mandat.protocol.keys import is_key, key_hash, make_key


@pytest.mark.parametrize("value", [b"abcdEFGH", b"0" * 64, b"7kbG7Bk7S9Nt7ZSV"])
def test_letters_and_digits_are_a_key(value):
    assert is_key(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"abcdEFG",
        b"0" * 65,
        b"abcd-EFGH",
        b"abcdefgh\n",
        b" abcdefgh",
        b"abcdefg+",
        b"abcdefg\xe9",
        "٠١٢٣٤٥٦٧".encode(),
    ],
)
def test_anything_else_is_none(value):
    assert not is_key(value)


def test_a_made_key_has_its_length_and_form():
    bytes_in_turn = cycle(range(256))
    key = make_key(lambda size: bytes(next(bytes_in_turn) for _ in range(size)), 64)
    assert len(key) == 64
    assert is_key(key.encode())


def test_every_character_is_equally_likely():
    every_byte_once = iter([bytes(range(256))])
    key = make_key(lambda _: next(every_byte_once), 248)
    assert {key.count(character) for character in key} == {4}
    assert len(set(key)) == 62


def test_bytes_that_would_favour_some_characters_are_thrown_away():
    handed_out = iter([b"\xff" * 8, b"\xf8\x00\x01\x02\xf7\x04\x05\x06", b"\x07" * 8])
    assert make_key(lambda _: next(handed_out), 8) == "abc9efgh"


def test_a_key_is_stored_as_its_sha_256():
    assert key_hash("abcdEFGH") == hashlib.sha256(b"abcdEFGH").digest()
