"""Erasing personal data: it is gone, what happened stays, and the chain still verifies."""

import pytest

from mandat.authority.interfaces import RecordTampered
from mandat.authority.values import Role
from mandat.enforcement.interfaces import Use
from support.storage import NOW, entry


@pytest.fixture
async def people(storage, scene):
    """alice (customer-1) and bob (customer-2) with one delegation each; alice's was used."""
    for login, account in (("alice", "customer-1"), ("bob", "customer-2")):
        await storage.users.add_user(
            login=login, account=account, role=Role.CUSTOMER, password_hash="hash", at=NOW, address="198.51.100.9"
        )
    await scene.application()
    for account in ("customer-1", "customer-2"):
        credential = await scene.delegation(account=account)
        await storage.usage.record([Use(credential.id, "GET /me", "198.51.100.9", 3, NOW)])
    return storage


async def erase(storage, account="customer-1"):
    return await storage.erasure.erase_account(account, audit=entry(account, "account.personal_data_erased"))


async def test_an_open_account_and_an_unknown_one_are_left_alone(installation, people):
    assert await erase(people) is None
    assert await erase(people, "nobody") is None
    assert installation.read("grants", "SELECT count(*) FROM audit WHERE salt IS NULL") == [(0,)]


async def test_everything_personal_is_gone_and_the_history_verifies(installation, people):
    await people.users.close_account("customer-1", at=NOW)
    done = await erase(people)
    assert (done.lines, done.kept) == (3, 0)
    lines = await people.audit.list_audit("customer-1", limit=10)
    assert [(line.event, line.actor, line.address, line.details) for line in lines[1:]] == [
        ("credential.confirmed", "", "", {})
    ]
    assert installation.read("requests", "SELECT login, password_hash, created_from FROM users") == [
        ("erased-1", "", ""),
        ("bob", "hash", "198.51.100.9"),
    ]
    assert installation.read("usage", "SELECT last_address FROM credential_uses ORDER BY credential_id") == [
        ("",),
        ("198.51.100.9",),
    ]
    assert installation.read("usage", "SELECT credential_id, address FROM call_tallies") == [(2, "198.51.100.9")]
    assert installation.verify() == []


async def test_an_erased_line_cannot_be_filled_again(installation, people):
    await people.users.close_account("customer-1", at=NOW)
    await erase(people)
    installation.alter("grants", "DROP TRIGGER audit_no_update")
    installation.alter("grants", "UPDATE audit SET actor = 'user:bob' WHERE id = 2")
    assert {finding.where for finding in installation.verify()} == {"audit 2"}


@pytest.mark.parametrize(
    "change", ["actor = ''", "salt = NULL", "actor = '', address = '', details = '{}', salt = NULL, at = 1"]
)
async def test_the_database_allows_nothing_but_whole_erasure(installation, people, change):
    import sqlite3

    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        installation.alter("grants", f"UPDATE audit SET {change} WHERE id = 2")


async def test_erasing_again_is_harmless(installation, people):
    await people.users.close_account("customer-1", at=NOW)
    await erase(people)
    assert (await erase(people)).lines == 1
    assert installation.verify() == []


async def test_old_lines_can_be_emptied_by_their_age(installation, people):
    assert await people.erasure.erase_before(NOW) == 0
    assert await people.erasure.erase_before(NOW + 1) == 3
    assert installation.verify() == []


async def test_an_altered_user_is_not_given_a_new_name(installation, people):
    await people.users.close_account("customer-1", at=NOW)
    installation.alter("requests", "UPDATE users SET role = 'operator' WHERE id = 1")
    await erase(people)
    with pytest.raises(RecordTampered):
        await people.users.find_user("erased-1")
