"""The headers of a page."""

import pytest

from mandat.look.headers import page_headers


def policy(**given: object) -> dict[str, str]:
    """The Content-Security-Policy by directive."""
    text = page_headers(**given)["Content-Security-Policy"]  # type: ignore[arg-type]
    return {part.split(" ", 1)[0]: part.split(" ", 1)[1] for part in text.split("; ")}


def test_a_page_loads_only_our_styles_and_images_and_runs_nothing() -> None:
    assert policy() == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


def test_a_page_is_not_stored_and_tells_other_sites_no_address() -> None:
    headers = page_headers()
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_scripts_and_connections_are_allowed_only_where_asked_for() -> None:
    assert policy(script=True)["script-src"] == "'self'"
    assert "connect-src" not in policy(script=True)
    assert policy(script=True, connect=True)["connect-src"] == "'self'"


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("https://shop.example", "https://shop.example"),
        ("http://localhost:8701", "http://localhost:8701"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("http://[::1]:8701", "http:"),
        ("https://my_shop.example", "https:"),
    ],
)
def test_a_form_may_end_at_the_origins_named_as_far_as_a_policy_can_say_them(origin: str, source: str) -> None:
    assert policy(form_action=[origin])["form-action"] == f"'self' {source}"


@pytest.mark.parametrize(
    "origin",
    [
        "javascript:alert(1)",
        "https://a.example; script-src *",
        "https://a.example 'unsafe-inline'",
        "https://a.example/path",
        "https://a.example,b",
        "//a.example",
        "https://a.example\r\nX: y",
        "",
        "*",
    ],
)
def test_what_is_not_an_origin_never_reaches_the_header(origin: str) -> None:
    with pytest.raises(ValueError, match="not an origin"):
        page_headers(form_action=[origin])
