"""The documentation holds together: no dead link, no machine's path, a page for everything the README names."""

import re
import subprocess
from pathlib import Path

import pytest

from doubles.zone_provider import AK, ALICE, AS, ZoneProvider

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    targets = [link.split("#")[0] for link in LINK.findall(text) if not re.match(r"[a-z]+:|#", link)]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_program_of_the_front_page_runs_as_it_stands() -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    provider = ZoneProvider()
    said: list[object] = []

    def show(what: object) -> None:
        """Prints, and is the customer who confirms what is printed first."""
        if not said:
            provider.confirm(str(what))
        said.append(what)

    with provider.serve():
        program = program.replace("http://127.0.0.1:8700/1.0", provider.base)
        program = program.replace("application_key=...", f"application_key={AK!r}")
        exec(program.replace("application_secret=...", f"application_secret={AS!r}"), {"print": show})
    assert len(said) == 2
    assert ALICE in str(said[1])


def test_no_committed_file_names_a_registry_or_a_path_of_a_machine() -> None:
    patterns = ["--index-url", "--extra-index-url", r'"resolved": *"http', "/ro" + "ot/", "/wo" + "rk/"]
    command = ["git", "grep", "-nIE", "|".join(patterns), "--", ".", ":!tests/docs"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.stdout == ""


def test_each_release_note_is_short_and_ends_in_a_full_stop() -> None:
    for fragment in (ROOT / "changes").glob("*.md"):
        text = fragment.read_text(encoding="utf-8").strip()
        assert text.endswith("."), fragment
        assert len(text) < 1_500, fragment
