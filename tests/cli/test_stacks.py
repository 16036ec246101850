"""`mandat stack check` and `mandat stack run`."""

import json
from pathlib import Path

import pytest

from doubles.zone_provider import AK, ALICE, AS, ZoneProvider
from mandat.cli.main import run
from mandat.client import Client
from mandat.marketplace.stacks.shelf import LIBRARY
from marketplace.documents import SMALL

MAIL = LIBRARY / "mail-dns.arazzo.yaml"


@pytest.fixture
def document(tmp_path: Path) -> Path:
    return tmp_path / "small.arazzo.yaml"


@pytest.mark.parametrize("file", sorted(LIBRARY.glob("*.arazzo.yaml")), ids=lambda file: file.name)
def test_every_stack_of_the_library_passes(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stack", "check", str(file)]) == 0
    assert "Each rule is needed by a step" in capsys.readouterr().out


def test_the_rules_are_those_for_what_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stack", "check", str(MAIL), "--input", "zone=second.example", "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert {rule["rule"]: rule["steps"] for rule in verdict["rules"]}["POST /domain/zone/second.example/refresh"] == [
        "publish"
    ]
    assert verdict["findings"] == []


def test_a_broken_document_is_told_with_line_and_place(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document.write_text(SMALL.replace("operationId: GET", "operationId: BREW"))
    assert run(["stack", "check", str(document)]) == 1
    assert "BREW is none of GET" in (said := capsys.readouterr().out)
    assert f"{document}:" in said and "workflows[0].steps[1].operationId" in said


def test_a_rule_that_reaches_beyond_what_was_typed_is_found(document: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wide = SMALL.replace("GET /things/{name}/parts/{id}", "GET /things/{id}/parts/{name}")
    document.write_text(wide)
    assert run(["stack", "check", str(document), "--input", "name=mine"]) == 0
    wider = wide.replace("      - stepId: read\n", OTHER + "      - stepId: read\n")
    document.write_text(wider)
    assert run(["stack", "check", str(document), "--input", "name=mine"]) == 1
    assert "reaches beyond name" in capsys.readouterr().out


def test_the_difference_to_an_older_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    new, old = LIBRARY / "certificate-guard.arazzo.yaml", LIBRARY / "certificate-guard@1.0.0.arazzo.yaml"
    assert run(["stack", "check", str(new), "--against", str(old)]) == 0
    said = capsys.readouterr().out
    for words in (
        "Upgrading from 1.0.0 to 1.1.0",
        "changed add-issuer    the CAA record will be changed in place",
        "removed add-contact    the Security contact will be removed",
        "no GET /domain/zone/example.org any more",
    ):
        assert words in said, words
    assert run(["stack", "check", str(new), "--against", str(old), "--json"]) == 0
    upgrade = json.loads(capsys.readouterr().out)["upgrade"]
    assert upgrade["rulesNotNeededAnyMore"] == ["GET /domain/zone/example.org"] and upgrade["rulesAdded"] == []


def test_a_version_that_is_not_higher_or_of_another_stack_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    old = LIBRARY / "certificate-guard@1.0.0.arazzo.yaml"
    assert run(["stack", "check", str(old), "--against", str(LIBRARY / "certificate-guard.arazzo.yaml")]) == 1
    assert "not higher than 1.1.0" in capsys.readouterr().out
    for other in (old, LIBRARY / "web-site.arazzo.yaml"):
        assert run(["stack", "check", str(MAIL), "--against", str(other)]) == 1
        said = capsys.readouterr().out
        assert "two stacks" in said and "Upgrading" not in said


def test_what_only_the_older_version_asks_for_is_taken_from_its_examples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "small@1.0.0.arazzo.yaml", tmp_path / "small.arazzo.yaml"
    named = SMALL.replace("title: Name", "title: Name\n          examples: [thing]")
    new.write_text(named.replace('version: "1.0.0"', 'version: "1.1.0"'))
    old.write_text(
        named.replace("$inputs.name", "$inputs.was").replace("[name]", "[was]").replace(" name:\n", " was:\n")
    )
    assert run(["stack", "check", str(new), "--against", str(old)]) == 0
    assert "Upgrading from 1.0.0 to 1.1.0" in capsys.readouterr().out


OTHER = """\
      - stepId: look-anywhere
        description: Look
        operationId: GET /things/{id}/parts/{part}
        parameters:
          - {name: id, in: path, value: $steps.create.outputs.id}
          - {name: part, in: path, value: $steps.create.outputs.id}
"""


def test_inputs_that_do_not_fit_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stack", "check", str(MAIL), "--input", "zone=../me"]) == 2
    assert "zone" in capsys.readouterr().err


def granted(provider: ZoneProvider, rules: list[tuple[str, str]]) -> list[str]:
    """Options of a key for these rules."""
    with Client(provider.base, AK, AS) as client:
        pending = client.request_permission(rules)
    provider.confirm(pending.validation_url, ALICE)
    return [
        "--endpoint", provider.base, "--application-key", AK, "--application-secret", AS,
        "--consumer-key", pending.consumer_key,
    ]  # fmt: skip


def test_running_prints_each_step_and_undoing_leaves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    provider = ZoneProvider()
    with provider.serve():
        options = granted(provider, [(method, "/*") for method in ("GET", "POST", "DELETE")])
        assert run(["stack", "run", str(MAIL), "--input", "zone=example.org", *options]) == 0
        assert len(provider.records) == 4
        assert "add-mx: Send mail for example.org" in capsys.readouterr().out
        provider.records.clear()
        assert run(["stack", "run", str(MAIL), "--input", "zone=example.org", "--undo", "--json", *options]) == 0
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [step["step"] for step in steps if step["step"].startswith("remove")] == [
        "remove-dmarc", "remove-dkim", "remove-spf", "remove-mx",
    ]  # fmt: skip
    assert all(step["done"] for step in steps) and provider.records == provider.published == []


def test_a_step_that_is_refused_stops_with_the_providers_words(capsys: pytest.CaptureFixture[str]) -> None:
    provider = ZoneProvider()
    with provider.serve():
        options = granted(provider, [("GET", "/domain/zone/example.org")])
        assert run(["stack", "run", str(MAIL), "--input", "zone=example.org", *options]) == 1
    assert "stopped  add-mx" in (said := capsys.readouterr().out)
    assert "This call has not been granted" in said and "add-spf" not in said
