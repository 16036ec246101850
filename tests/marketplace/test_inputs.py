"""What a customer may type, and what is said when it does not fit."""

import pytest

from mandat.marketplace.stacks.compiler import compile_stack
from mandat.marketplace.stacks.inputs import Checked, Misfit, check_typed
from mandat.marketplace.stacks.shelf import LIBRARY, read_library
from marketplace.documents import SMALL

MAIL = next(stack for stack in read_library(LIBRARY) if stack.id == "mail-dns").inputs
SMALL_INPUTS = compile_stack(SMALL, stack_id="small").inputs


def test_a_first_time_customer_types_her_zone_only() -> None:
    checked = check_typed(MAIL, {"zone": "example.org"})
    assert isinstance(checked, Checked)
    assert checked.values["mailHost"] == "mail.example.org"
    assert checked.values["dmarcReports"] == "postmaster@example.org"
    assert set(checked.values) == {field.name for field in MAIL.fields}


def test_a_blank_field_takes_its_default() -> None:
    checked = check_typed(MAIL, {"zone": "example.org", "mailHost": "  ", "priority": ""})
    assert isinstance(checked, Checked)
    assert (checked.values["mailHost"], checked.values["priority"]) == ("mail.example.org", 10)


def test_host_names_are_written_small_and_without_the_last_dot() -> None:
    checked = check_typed(MAIL, {"zone": " Example.ORG. "})
    assert isinstance(checked, Checked) and checked.values["zone"] == "example.org"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("zone", ""),
        ("zone", "org"),
        ("zone", "exa mple.org"),
        ("zone", "../example.org"),
        ("zone", "example.org/record"),
        ("zone", "*.example.org"),
        ("zone", "example.org?x"),
        ("zone", "example..org"),
        ("zone", "http://example.org"),
        ("zone", "ex\x00ample.org"),
        ("zone", "ex\u202eample.org"),
        ("zone", "exämple.org"),
        ("zone", "a" * 64 + ".org"),
        ("zone", "a." * 130 + "org"),
        ("zone", "-a.org"),
        ("zone", "127.0.0.1"),
        ("mailHost", "mail"),
        ("priority", "ten"),
        ("priority", "-1"),
        ("priority", "65536"),
        ("priority", "1.5"),
        ("priority", "١٠"),
        ("priority", "9" * 40),
        ("spf", "v=spf1 +all"),
        ("dkimSelector", "A_b"),
        ("dkimKey", "p=" + "A" * 44),
        ("dkimKey", "A" * 2000),
        ("dmarcPolicy", "sometimes"),
        ("dmarcReports", "postmaster"),
        ("dmarcReports", "a@b@example.org"),
        ("dmarcReports", "post master@example.org"),
        ("unheard", "x"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field(name: str, value: str) -> None:
    misfit = check_typed(MAIL, {"zone": "example.org", name: value})
    assert isinstance(misfit, Misfit)
    assert list(misfit.problems) == [name]
    assert misfit.problems[name].endswith(".")


def test_a_switch_is_off_unless_it_is_on() -> None:
    for typed, expected in (("yes", True), ("no", False), ("", False)):
        checked = check_typed(SMALL_INPUTS, {"name": "x", "loud": typed})
        assert isinstance(checked, Checked) and checked.values["loud"] is expected


def test_an_input_of_a_path_may_not_be_dots() -> None:
    for value in (".", "..", "a..b", "a\\b", "a%2fb", "a;b"):
        assert isinstance(check_typed(SMALL_INPUTS, {"name": value}), Misfit)
