"""Interface suite: `PersonalKeyStore`; and that gateways accept what it writes."""

import pytest

from mandat.authority.interfaces import PersonalKeyAudit, StorageUnavailable
from mandat.authority.values import NewApplication, NewCredential
from mandat.core.credential import CredentialState
from support.storage import NOW, RULES, entry, hash_of

APPLICATION = NewApplication(
    key="application1", secret="s" * 32, name="My script", description="Renews things", owner="customer-1"
)
CREDENTIAL = NewCredential(
    account="customer-1",
    user_id=1,
    consumer_key_hash=hash_of("a key"),
    request_token_hash=hash_of("a token"),
    rules=RULES,
    allowed_networks=None,
    expires=NOW + 3600,
)
AUDIT = PersonalKeyAudit(registered=entry(event="application.registered"), confirmed=entry())


async def add(stores, application=APPLICATION, credential=CREDENTIAL):
    return await stores.personal_keys.add_personal_keys(application, credential, at=NOW, audit=AUDIT)


async def test_both_records_are_found_where_others_of_their_kind_are(stores):
    application, credential = await add(stores)
    assert await stores.applications.find_application_by_key("application1") == application
    assert await stores.credentials.find_credential(credential.id) == credential
    assert (application.name, application.owner) == ("My script", "customer-1")
    assert (credential.application_id, credential.state) == (application.id, CredentialState.VALIDATED)
    assert (credential.rules, credential.expires, credential.created) == (RULES, NOW + 3600, NOW)


async def test_a_gateway_accepts_them_at_once(storage, source):
    application, credential = await add(storage)
    known = await source.find_application("application1")
    grant = await source.find_grant(hash_of("a key"))
    assert known.secrets == (b"s" * 32,)
    assert (grant.credential_id, grant.application_id) == (credential.id, application.id)


async def test_the_history_has_both_lines_and_verifies(installation, storage):
    await add(storage)
    events = [line.event for line in await storage.audit.list_audit("customer-1", limit=10)]
    assert sorted(events) == ["application.registered", "credential.confirmed"]
    storage.close()
    assert installation.verify() == []


async def test_a_key_that_exists_leaves_neither_record(storage):
    await add(storage)
    other = NewApplication(key="application2", secret="t" * 32, name="x", description="y", owner="customer-1")
    with pytest.raises(StorageUnavailable):
        await add(storage, other)
    assert await storage.applications.find_application_by_key("application2") is None
    assert len(await storage.credentials.list_credentials(account="customer-1")) == 1
    assert len(await storage.audit.list_audit("customer-1", limit=10)) == 2
