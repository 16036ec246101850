"""Where a browser is sent after the answer, and where never."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.authority.redirection import followed_redirection, redirect_origin
from mandat.look.headers import page_headers


@pytest.mark.parametrize(
    ("redirection", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("https://shop.example/back?state=a@b#done", "https://shop.example"),
        ("http://localhost:8701/oauth/return", "http://localhost:8701"),
        ("HTTPS://Shop.EXAMPLE/Back", "https://shop.example"),
        ("http://[::1]:8701/x", "http://[::1]:8701"),
        ("https://shop.example?to=https://evil.example", "https://shop.example"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example"),
        ("https://shop.example/%00%0d%0a", "https://shop.example"),
    ],
)
def test_an_absolute_address_is_followed_to_the_letter(redirection: str, origin: str) -> None:
    assert redirect_origin(redirection) == origin
    assert followed_redirection(redirection) == redirection


@pytest.mark.parametrize(
    "redirection",
    [
        None,
        "",
        "$REDIRECT_URL",
        "/back",
        "//shop.example/back",
        "shop.example/back",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://shop.example/",
        "https:shop.example",
        "https:/shop.example",
        "https:///shop.example",
        "https://",
        "https://?x",
        "https://good.example@evil.example/",
        "https://user:word@shop.example/",
        "https://good.example\\@evil.example/",
        "https://good.example/\\..\\evil",
        "https://shop.example/a b",
        " https://shop.example/",
        "https://shop.example/\n",
        "https://shop.example/\r\nSet-Cookie: a=b",
        "https://shop.example/\x00",
        "https://shop.example/é",
        "https://shöp.example/",
        "https://shop%2eexample/",
        "https://shop.example:/x",
        "https://shop.example:0/",
        "https://shop.example:65536/",
        "https://shop.example:80a/",
        "https://-shop.example/",
        "https://shop_.example/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://shop.example;evil/",
    ],
)
def test_anything_else_is_never_followed(redirection: str | None) -> None:
    assert redirect_origin(redirection) is None
    assert followed_redirection(redirection) is None


@given(
    st.text(alphabet="htps:/\\@.#?[]%-_;:1aA \n\0é", max_size=24),
    st.sampled_from(["", "https://", "http://a", "https://a.b:"]),
)
def test_whatever_is_followed_is_an_origin_that_a_page_may_name(text: str, start: str) -> None:
    origin = redirect_origin(start + text)
    if origin is not None:
        page_headers(form_action=[origin])
        assert re.match(re.escape(origin) + r"([/?#]|$)", start + text, re.IGNORECASE)
