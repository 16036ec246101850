"""The history: what it tells, and that it cannot be rewritten unnoticed."""

import sqlite3

import pytest

from mandat.authority.values import ApplicationStatus
from mandat.storage.stores.audit import commitment_of, entry_hash
from support.storage import NOW, entry

PENCIL = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_seals_no_delete"


def take_the_guards_off(installation):
    for statement in PENCIL.split("; "):
        installation.alter("grants", statement)


@pytest.fixture
async def told(scene):
    """Three credentials of one customer, one of them revoked: five lines with the application's own."""
    application = await scene.application()
    credentials = [await scene.delegation(application.id) for _ in range(3)]
    await scene.revoke(credentials[0])
    return credentials


async def test_an_account_reads_its_own_history_newest_first(storage, told):
    lines = await storage.audit.list_audit("customer-1", limit=10)
    assert [line.event for line in lines] == ["credential.revoked"] + ["credential.confirmed"] * 3
    assert lines[0] == entry(event="credential.revoked")
    assert len(await storage.audit.list_audit("customer-1", limit=2)) == 2
    assert await storage.audit.list_audit("nobody", limit=10) == []


async def test_a_deleted_application_is_told_to_its_customers(storage, scene, told):
    await storage.applications.delete_application(1, at=NOW, audit=entry("developer-1", "application.deleted"))
    lines = await storage.audit.list_audit("customer-1", limit=2)
    assert [line.event for line in lines] == ["credential.revoked"] * 2
    assert {line.subject for line in lines} == {f"credential:{credential.id}" for credential in told[1:]}
    assert (await storage.audit.list_audit("developer-1", limit=1))[0].event == "application.deleted"


async def test_an_untouched_history_verifies(installation, scene, told):
    await scene.stores.applications.set_application_status(1, ApplicationStatus.BLOCKED, at=NOW, audit=entry())
    await scene.stores.applications.delete_application(1, at=NOW, audit=entry())
    assert installation.verify() == []


@pytest.mark.parametrize("statement", ["UPDATE audit SET at = 1", "DELETE FROM audit", "DELETE FROM audit_seals"])
async def test_the_database_itself_refuses_to_change_history(installation, told, statement):
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        installation.alter("grants", statement)


@pytest.mark.parametrize(
    "column", ["account", "at", "event", "actor", "address", "subject", "details", "record_version"]
)
async def test_an_edited_line_is_found_and_not_shown(installation, storage, told, column):
    take_the_guards_off(installation)
    installation.alter("grants", f"UPDATE audit SET {column} = 'edited' WHERE id = 3")
    assert "audit 3" in {finding.where for finding in installation.verify()}
    assert len(await storage.audit.list_audit("customer-1", limit=10)) == 3


async def test_a_line_edited_together_with_its_hashes_is_found(installation, told):
    take_the_guards_off(installation)
    line = installation.read_named("grants", "SELECT * FROM audit WHERE id = 5")
    forged = line | {"actor": "user:somebody else", "salt": b"s" * 16}
    forged["commitment"] = commitment_of(forged)
    change = "UPDATE audit SET actor = ?, salt = ?, commitment = ?, hash = ? WHERE id = 5"
    values = (forged["actor"], forged["salt"], forged["commitment"], entry_hash(forged))
    installation.alter("grants", change, *values)
    assert any("audit_seals" in finding.where for finding in installation.verify())


@pytest.mark.parametrize("line", [2, 3, 5])
async def test_a_line_taken_out_is_found(installation, told, line):
    take_the_guards_off(installation)
    installation.alter("grants", "DELETE FROM audit WHERE id = ?", line)
    assert installation.verify() != []


async def test_an_altered_seal_is_found_and_does_not_stop_the_authority(installation, scene, told):
    installation.alter("grants", "DROP TRIGGER audit_seals_no_update")
    installation.alter("grants", "UPDATE audit_seals SET through_id = 'the end' WHERE through_id = 5")
    await scene.delegation()
    assert any("audit_seals" in finding.where for finding in installation.verify())


async def test_lines_taken_off_the_end_with_their_seals_are_found(installation, told):
    take_the_guards_off(installation)
    installation.alter("grants", "DELETE FROM audit WHERE id = 5")
    installation.alter("grants", "DELETE FROM audit_seals WHERE through_id = 5")
    assert [finding.where for finding in installation.verify()] == ["credential 1"]
