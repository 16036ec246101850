"""How cookies are written on https and on plain-http loopback."""

import pytest

from mandat.look.cookies import cookie_name, deleted_cookie, session_cookie


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("https://auth.example", "__Host-session"),
        ("https://auth.example:8443", "__Host-session"),
        ("http://127.0.0.1:8700", "session-8700"),
        ("http://localhost", "session-80"),
        ("http://[::1]:9000", "session-9000"),
    ],
)
def test_the_name_tells_the_scheme_and_on_plain_http_the_port(origin: str, name: str) -> None:
    assert cookie_name("session", origin=origin) == name


def test_on_https_the_cookie_fulfils_the_rules_of_its_prefix() -> None:
    written = session_cookie("session", "abc", origin="https://auth.example")
    assert written == "__Host-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure"


def test_on_plain_http_it_is_not_secure_because_cookie_jars_would_drop_it() -> None:
    written = session_cookie("session", "abc", origin="http://127.0.0.1:8700", max_age_seconds=60)
    assert written == "session-8700=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"


def test_deleting_sends_the_same_name_with_no_life() -> None:
    assert deleted_cookie("session", origin="https://a.example").startswith("__Host-session=; Path=/")
    assert "Max-Age=0" in deleted_cookie("session", origin="https://a.example")


@pytest.mark.parametrize("value", ["a;b", "a b", "a\r\nSet-Cookie: x=1", 'a"b', "a,b", "é", "a\0"])
def test_a_value_that_would_split_the_header_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cookie"):
        session_cookie("session", value, origin="https://auth.example")
