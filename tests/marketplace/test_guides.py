"""The guides say what the code does."""

import re
from pathlib import Path

import pytest

from mandat.marketplace.installs.course import PAUSES_SECONDS
from mandat.marketplace.stacks import step_reading
from mandat.marketplace.stacks.yaml_text import MAX_DEPTH, MAX_STACK_BYTES
from mandat.marketplace.states import TRANSITIONS

GUIDES = Path(__file__).parents[2] / "docs" / "guide"
MARKETPLACE, STACKS = (GUIDES / "marketplace.md").read_text(), (GUIDES / "stacks.md").read_text()


def test_the_table_of_states_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| ([a-z_]+) \| ([a-z_]+) \| ([a-z_]+) \|$", MARKETPLACE, re.MULTILINE)
    assert set(rows) - {("from", "event", "to")} == {(a.value, e.value, b.value) for (a, e), b in TRANSITIONS.items()}


@pytest.mark.parametrize("member", [*step_reading.STEP_MEMBERS, "x-mandat-problem", "x-mandat-choices"])
def test_each_part_of_the_profile_is_described(member: str) -> None:
    assert member in STACKS


def test_figures_are_the_ones_in_the_code() -> None:
    assert f"more than {MAX_STACK_BYTES // 1024} KiB, more than {MAX_DEPTH} levels" in STACKS
    assert "pauses of 0.5, 1, 2 and 4 seconds" in MARKETPLACE and PAUSES_SECONDS == (0.5, 1.0, 2.0, 4.0)
