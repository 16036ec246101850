"""The base template and the macros."""

import pytest
from jinja2 import UndefinedError

from mandat.look.brand import Accent, Brand, Mark
from mandat.look.environment import human_span, human_time, iso_time, page_environment

MACROS = '{% import "look/macros.html" as look %}'


def render(body: str, **context: object) -> str:
    """The macros used in `body`."""
    return page_environment().from_string(MACROS + body).render(**context)


def page(**context: object) -> str:
    """A whole page without content."""
    source = '{% extends "look/base.html" %}{% block title %}Here{% endblock %}'
    return page_environment().from_string(source).render(**context)


def test_name_accent_and_mark_are_the_brands() -> None:
    html = page(brand=Brand("Stack & Co", Accent.TEAL, Mark.STACK, "Ready in a minute"))
    assert "<title>Here · Stack &amp; Co</title>" in html
    assert 'data-accent="teal"' in html
    assert "/static/mark-stack.svg?v=" in html
    assert "Ready in a minute" in html


def test_the_current_page_is_marked_in_the_navigation() -> None:
    html = page(brand=Brand("M"), nav_items=[("/a", "A"), ("/b", "B")], nav_current="/b")
    assert '<a href="/b" aria-current="page">B</a>' in html
    assert '<a href="/a">A</a>' in html


def test_a_page_has_no_inline_style_and_no_script() -> None:
    html = page(brand=Brand("M"))
    assert "style=" not in html
    assert "<script" not in html


def test_everything_is_escaped() -> None:
    html = render("{{ look.field('a', label, value=value, hint=label) }}", label="<b>", value='"><script>')
    assert "<b>" not in html
    assert "<script>" not in html


def test_a_field_is_tied_to_its_label_hint_and_error() -> None:
    html = render("{{ look.field('login', 'Login', hint='short', errors=[('login', 'too short')]) }}")
    assert '<label for="field-login">' in html
    assert 'aria-describedby="hint-login error-login" aria-invalid="true"' in html
    assert 'id="error-login">too short<' in html


def test_a_field_without_fault_says_nothing_of_one() -> None:
    html = render("{{ look.field('login', 'Login', errors=[('password', 'wrong')]) }}")
    assert "aria-invalid" not in html
    assert "wrong" not in html


def test_a_password_never_comes_back_into_the_page() -> None:
    assert "hunter2" not in render("{{ look.field('p', 'P', type='password', value='hunter2') }}")


def test_the_error_summary_leads_to_the_fields() -> None:
    html = render("{{ look.error_summary([('login', 'bad'), (none, 'worse')]) }}")
    assert '<a href="#field-login">bad</a>' in html
    assert 'role="alert"' in html
    assert "There are 2 problems" in html


def test_a_name_that_a_page_forgot_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("{{ forgotten }}")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (90, "90 seconds"),
        (3600, "1 hour"),
        (4500, "75 minutes"),
        (86400, "1 day"),
        (7776000, "90 days"),
    ],
)
def test_spans_are_said_in_their_largest_whole_unit(seconds: int, text: str) -> None:
    assert human_span(seconds) == text


def test_moments_are_said_in_utc() -> None:
    assert human_time(1_800_000_000.9) == "15 January 2027, 08:00 UTC"
    assert iso_time(1_800_000_000.9) == "2027-01-15T08:00:00Z"
