"""Every text a reader sees passes through gettext."""

import re
from pathlib import Path

import pytest

from mandat.look.environment import TEMPLATES as LOOK
from mandat.web.pages.frame.site import CONSOLE_TEMPLATES as CONSOLE
from mandat.web.pages.frame.site import TEMPLATES as PAGES

FILES = sorted([*LOOK.glob("*.html"), *PAGES.glob("*.html"), *CONSOLE.glob("*.html")])
_NOT_TEXT = re.compile(
    "|".join(
        [
            r"\{#.*?#\}",
            r"\{% block width %\}.*?\{% endblock %\}",
            r"\{% macro described.*?\{% endmacro %\}",
            r"\{% trans .*?\{% endtrans %\}",
            r"\{\{.*?\}\}",
            r"\{%.*?%\}",
            r"<pre.*?</pre>",
            r"<!doctype html>",
            r"&\w+;",
        ]
    ),
    re.DOTALL,
)
"""Comments, class names, attributes made by a macro, what gettext gets, code examples."""


def test_the_templates_are_found() -> None:
    assert {"base.html", "consent.html", "console.html"} <= {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_template_holds_no_text_outside_gettext(file: Path) -> None:
    left = re.sub(r"<[^>]*>", " ", _NOT_TEXT.sub(" ", file.read_text(encoding="utf-8")))
    assert re.findall(r"[^\W\d_]{2,}", left) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_neither_do_its_attributes(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert re.findall(r'(?:aria-label|title|placeholder|alt|data-label)="(?!\{\{)[^"]+"', source) == []
