"""The manual says what the code does."""

import re
from pathlib import Path

import pytest

from mandat.core.call import RULE_FREE
from mandat.core.rules import MAX_RULES, compile_rules
from mandat.protocol.access_rule import MAX_RULE_PATH_CHARACTERS, MAX_RULE_STARS, AccessRule
from mandat.protocol.refusals import WORDINGS, Reason
from mandat.protocol.target import MAX_PATH_BYTES, MAX_TARGET_BYTES, CanonicalTarget, parse_target

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
ERRORS = (REFERENCE / "errors.md").read_text("utf-8")
RULES = (REFERENCE / "rules.md").read_text("utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every table row."""
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| ")
    ]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_row_with_what_the_wire_says(reason):
    wording = WORDINGS[reason]
    found = [row for row in rows(ERRORS) if row[0] == f"`{reason}`"]
    assert len(found) == 1
    assert found[0][1:4] == [str(wording.status), f"`{wording.error_code}`", wording.message]
    assert found[0][4]


def test_no_row_is_about_a_reason_that_does_not_exist():
    named = {row[0].strip("`") for row in rows(ERRORS)} - {"reason"}
    assert named == {reason.value for reason in Reason}


EXAMPLES = [row for row in rows(RULES.partition("## Version 2")[0]) if re.fullmatch(r"`[A-Z]+ \S+`", row[0])]


@pytest.mark.parametrize("row", EXAMPLES, ids=[row[0] for row in EXAMPLES])
def test_the_examples_of_rules_are_true(row):
    rules = compile_rules([AccessRule(*row[0].strip("`").split(" "))])
    for cell, covered in ((row[1], True), (row[2], False)):
        for path in re.findall(r"`([^`]+)`", cell):
            target = parse_target(b"/1.0" + path.encode())
            assert isinstance(target, CanonicalTarget)
            assert (rules.match(row[0].strip("`").split(" ")[0], target) is not None) is covered


REFUSED = [
    path
    for row in rows(RULES.partition("## Which paths")[2].partition("## Escapes")[0])[1:]
    for path in re.findall(r"`(/[^`]*)`", row[1])
]


@pytest.mark.parametrize("path", REFUSED)
def test_the_examples_of_refused_paths_are_refused(path):
    assert not isinstance(parse_target(path.encode()), CanonicalTarget)


def test_the_limits_are_the_ones_in_force():
    for limit in (MAX_RULES, MAX_RULE_STARS, MAX_RULE_PATH_CHARACTERS, MAX_PATH_BYTES, MAX_TARGET_BYTES):
        assert re.search(rf"\b{limit:,}\b", RULES)


def test_every_call_that_needs_no_rule_is_named():
    for method, path in RULE_FREE:
        assert f"`{method} {path}`" in RULES
