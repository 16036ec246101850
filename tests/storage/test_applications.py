"""Interface suite: `ApplicationStore`."""

from mandat.authority.values import ApplicationStatus
from mandat.core.credential import CredentialState
from support.storage import NOW, entry


async def test_a_registered_application_is_found_by_id_and_by_key(anywhere):
    made = await anywhere.application(key="K" * 16)
    assert await anywhere.stores.applications.find_application(made.id) == made
    assert await anywhere.stores.applications.find_application_by_key("K" * 16) == made
    assert made.status is ApplicationStatus.ACTIVE
    assert made.strict is False


async def test_keys_are_compared_to_the_letter(anywhere):
    await anywhere.application(key="KEYKEYKEY")
    assert await anywhere.stores.applications.find_application_by_key("keykeykey") is None


async def test_an_owner_sees_his_own_applications_in_order(anywhere):
    first = await anywhere.application(owner="developer-1")
    other = await anywhere.application(owner="developer-2")
    second = await anywhere.application(owner="developer-1")
    assert await anywhere.stores.applications.list_applications(owner="developer-1") == [first, second]
    assert await anywhere.stores.applications.list_applications(owner=None) == [first, other, second]


async def test_a_suspended_application_says_so(anywhere):
    made = await anywhere.application()
    assert await anywhere.stores.applications.set_application_status(
        made.id, ApplicationStatus.BLOCKED, at=NOW, audit=entry()
    )
    found = await anywhere.stores.applications.find_application(made.id)
    assert found.status is ApplicationStatus.BLOCKED


async def test_what_does_not_exist_cannot_be_suspended_or_deleted(anywhere):
    applications = anywhere.stores.applications
    assert not await applications.set_application_status(7, ApplicationStatus.BLOCKED, at=NOW, audit=entry())
    assert not await applications.delete_application(7, at=NOW, audit=entry())


async def test_a_deleted_application_is_gone_and_its_id_is_not_given_again(anywhere):
    made = await anywhere.application()
    assert await anywhere.stores.applications.delete_application(made.id, at=NOW, audit=entry())
    assert await anywhere.stores.applications.find_application(made.id) is None
    assert await anywhere.stores.applications.find_application_by_key(made.key) is None
    assert (await anywhere.application()).id > made.id


async def test_deleting_an_application_revokes_what_was_granted_to_it_and_nothing_else(anywhere):
    doomed, other = await anywhere.application(), await anywhere.application()
    granted = await anywhere.delegation(doomed.id)
    refused = await anywhere.answer(await anywhere.ask(doomed.id), state=CredentialState.REFUSED)
    spared = await anywhere.delegation(other.id)
    await anywhere.stores.applications.delete_application(doomed.id, at=NOW, audit=entry())
    states = [
        (await anywhere.stores.credentials.find_credential(credential.id)).state
        for credential in (granted, refused, spared)
    ]
    assert states == [CredentialState.REVOKED, CredentialState.REFUSED, CredentialState.VALIDATED]


async def test_ids_no_row_can_have_are_a_miss(stores):
    for impossible in (0, -1, 2**63, 10**400):
        assert await stores.applications.find_application(impossible) is None
        assert not await stores.applications.delete_application(impossible, at=NOW, audit=entry())


async def test_keys_no_row_can_have_are_a_miss(stores):
    for impossible in ("", "\ud800", "a\x00b", "k" * 100_000):
        assert await stores.applications.find_application_by_key(impossible) is None
