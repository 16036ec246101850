"""Form tokens: bound to their parts, to nothing less and nothing more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.look.form_token import FormTokens

SECRET = b"0123456789abcdef0123456789abcdef"
parts = st.lists(st.text(), max_size=4)


@given(parts)
def test_a_token_is_good_for_the_parts_it_was_made_for(made_for: list[str]) -> None:
    tokens = FormTokens(SECRET)
    assert tokens.check(tokens.make(*made_for), *made_for)


@given(parts, parts)
def test_a_token_is_good_for_no_other_parts(made_for: list[str], asked_for: list[str]) -> None:
    tokens = FormTokens(SECRET)
    assert tokens.check(tokens.make(*made_for), *asked_for) == (made_for == asked_for)


def test_parts_cannot_be_shifted_into_each_other() -> None:
    tokens = FormTokens(SECRET)
    assert not tokens.check(tokens.make("ab", "c"), "a", "bc")


@given(st.text())
def test_any_text_may_be_asked_about(text: str) -> None:
    tokens = FormTokens(SECRET)
    assert tokens.check(text, "login") == (text == tokens.make("login"))


def test_a_token_of_another_secret_is_refused() -> None:
    assert not FormTokens(SECRET).check(FormTokens(b"x" * 32).make("login"), "login")


def test_after_a_rotation_old_tokens_still_count_and_new_ones_are_made_with_the_newest() -> None:
    old, new = FormTokens(SECRET), FormTokens(b"n" * 32)
    both = FormTokens([SECRET, b"n" * 32])
    assert both.check(old.make("login"), "login")
    assert new.check(both.make("login"), "login")


@pytest.mark.parametrize("secret", [b"", b"x" * 31, [], [SECRET, b"short"]])
def test_a_secret_that_is_too_short_is_refused_at_construction(secret: bytes | list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        FormTokens(secret)
