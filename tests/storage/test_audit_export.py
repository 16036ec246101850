"""Exports of history: complete, free of secrets, and false ones are found without the database."""

import json

import pytest

from mandat.storage.operations.audit_export import Scope, check_export, export_lines, read_heads, reading_grants
from support.storage import NOW


@pytest.fixture
async def told(installation, scene):
    """Two customers, two applications, a revocation."""
    for number in (1, 2):
        application = await scene.application(key=f"application{number}")
        first = await scene.delegation(application.id, account=f"customer-{number}")
        await scene.delegation(application.id, account="customer-1")
        await scene.revoke(first)
    return installation


def export(installation, **scope):
    keys = [installation.keys.public_key]
    with reading_grants(installation.data) as connection:
        return [json.dumps(line) for line in export_lines(connection, Scope(**scope), public_keys=keys, at=NOW)]


@pytest.mark.parametrize(
    ("scope", "entries"), [({}, 8), ({"account": "customer-1"}, 4), ({"application_key": "application2"}, 4)]
)
def test_an_export_has_the_lines_of_its_scope_and_checks(told, scope, entries):
    checked = check_export(export(told, **scope))
    assert (checked.entries, checked.findings) == (entries, [])


def test_no_secret_is_in_it(told):
    text = "\n".join(export(told))
    assert "s" * 32 not in text
    assert told.keys.signing_key.hex() not in text


def altered(lines, kind, **changes):
    """The last line of that kind, changed."""
    numbers = [number for number, line in enumerate(lines) if json.loads(line)["type"] == kind]
    number = numbers[-1]
    return [*lines[:number], json.dumps(json.loads(lines[number]) | changes), *lines[number + 1 :]]


@pytest.mark.parametrize("scope", [{}, {"account": "customer-1"}, {"application_key": "application2"}])
@pytest.mark.parametrize(
    "changes", [{"actor": "user:mallory"}, {"at": 1}, {"details": {}}, {"hash": "00" * 32}, {"salt": None}, {"id": "x"}]
)
def test_a_changed_entry_is_found(told, scope, changes):
    findings = check_export(altered(export(told, **scope), "entry", **changes)).findings
    assert findings or changes == {"id": "x"}


@pytest.mark.parametrize("scope", [{}, {"account": "customer-1"}])
@pytest.mark.parametrize("number", [1, 2, 3, -1])
def test_a_missing_line_is_found(told, scope, number):
    lines = export(told, **scope)
    del lines[number]
    assert check_export(lines).findings


@pytest.mark.parametrize("changes", [{"digest": "00" * 32}, {"signature": "00" * 64}, {"through_id": 99}, {"at": 5}])
def test_a_changed_seal_is_found(told, changes):
    assert check_export(altered(export(told), "seal", **changes)).findings


def test_lines_taken_off_the_end_are_found_by_a_witness(told):
    with reading_grants(told.data) as connection:
        heads = read_heads(connection)
    assert check_export(export(told), heads=heads).findings == []
    for statement in ("DROP TRIGGER audit_no_delete", "DROP TRIGGER audit_seals_no_delete"):
        told.alter("grants", statement)
    told.alter("grants", "DELETE FROM audit WHERE id = 8")
    told.alter("grants", "DELETE FROM audit_seals WHERE through_id = 8")
    shortened = export(told)
    assert check_export(shortened).findings == []
    assert len(check_export(shortened, heads=heads).findings) == 2


@pytest.mark.parametrize("lines", [[], ["{}"], ["not json"], ["[]"], ['{"type": "export", "format": 9}']])
def test_what_is_no_export_says_so(lines):
    assert check_export(lines).findings


async def test_an_erased_line_is_counted_and_checks(told, storage):
    await storage.erasure.erase_before(NOW + 1)
    checked = check_export(export(told))
    assert (checked.erased, checked.findings) == (8, [])
