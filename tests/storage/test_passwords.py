"""Password hashes, with the cheapest parameters there are."""

import asyncio

import pytest

from doubles.nature import CountingEntropy
from mandat.authority.interfaces import StorageUnavailable
from mandat.storage.passwords import Argon2Passwords


@pytest.fixture
def passwords():
    made = Argon2Passwords(CountingEntropy(), memory_kib=8, passes=1)
    yield made
    made.close()


async def test_the_right_password_verifies_and_others_do_not(passwords):
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse")
    for wrong in ("correct hors", "Correct horse", "", "\ud800", "correct horse\x00"):
        assert not await passwords.verify(stored, wrong)


async def test_equal_passwords_have_different_hashes(passwords):
    assert await passwords.hash("same") != await passwords.hash("same")


@pytest.mark.parametrize("odd", ["\ud800", "a\x00b", "é" * 500, " "])
async def test_any_text_can_be_a_password(passwords, odd):
    assert await passwords.verify(await passwords.hash(odd), odd)


async def test_nobody_has_no_password(passwords):
    for guess in ("", "anything"):
        assert not await passwords.verify(None, guess)


@pytest.mark.parametrize("stored", ["", "plain", "$argon2id$v=19$m=8,t=1,p=1$x$y", "$2b$12$abcdefghijklmnopqrstuv"])
async def test_what_is_no_hash_verifies_nothing(passwords, stored):
    assert not await passwords.verify(stored, "")


async def test_parameters_stand_in_the_hash():
    strong = Argon2Passwords(CountingEntropy())
    stored = await strong.hash("a password")
    strong.close()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_flood_of_logins_is_refused_and_the_first_are_served():
    narrow = Argon2Passwords(CountingEntropy(), memory_kib=8, passes=1, at_once=1, longest_queue=3)
    outcomes = await asyncio.gather(*(narrow.verify(None, "x") for _ in range(10)), return_exceptions=True)
    assert outcomes[:4] == [False] * 4
    assert all(isinstance(outcome, StorageUnavailable) for outcome in outcomes[4:])
    assert await narrow.verify(None, "x") is False
    narrow.close()
