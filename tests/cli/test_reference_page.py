"""docs/reference/cli.md names every command and every option."""

import re
from pathlib import Path

import pytest

from mandat.cli.main import run

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text()
COMMANDS = [
    "serve", "demo", "sandbox", "marketplace", "init", "deploy",
    "app create", "app list", "app suspend", "app resume", "app delete",
    "audit export", "audit heads", "audit check", "audit erase",
    "backup", "restore", "explain", "verify", "migrate", "keys rotate", "keys create",
    "app rotate", "app secrets", "app end-secret",
    "account create", "account list", "account close",
    "sandbox fault set", "sandbox fault list", "sandbox fault clear", "sandbox ledger",
    "request", "approve", "call", "sign", "rules check",
    "stack check", "stack run",
]  # fmt: skip
KEYS = {"--endpoint", "--application-key", "--application-secret", "--consumer-key", "--config-file"}


def section(command: str) -> str:
    for part in PAGE.split("\n## ")[1:]:
        if re.search(rf"mandat {command}(?![a-z])", part.splitlines()[0]):
            return part
    raise AssertionError(f"docs/reference/cli.md has no heading for `mandat {command}`")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_in_the_section_of_its_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run([*command.split(), "--help"])
    printed = capsys.readouterr().out
    own = {option for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", printed) if option not in KEYS | {"--help"}}
    assert own - set(re.findall(r"--[a-z][a-z-]*", section(command))) == set()


def test_no_command_is_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    topics = ("app", "account", "rules", "stack", "keys", "audit", "sandbox")
    for start in ([], *([topic] for topic in topics), ["sandbox", "fault"]):
        run([*start, "--help"])
        listed = re.findall(r"│ ([a-z]+)  +\S", capsys.readouterr().out)
        for name in set(listed) - {"app", "account", "rules", "stack", "keys", "audit", "fault"}:
            assert " ".join([*start, name]) in COMMANDS
