"""Interface suite: `CredentialStore`."""

from ipaddress import ip_network

import pytest

from mandat.authority.interfaces import AlreadyAnswered, ApplicationGone
from mandat.core.credential import CredentialEvent, CredentialState
from support.storage import NOW, RULES, entry, hash_of


async def test_a_confirmed_request_becomes_a_credential(anywhere):
    application = await anywhere.application()
    request = await anywhere.ask(application.id, name="mine", networks=[ip_network("192.0.2.0/24")])
    made = await anywhere.answer(request, account="customer-9", expires=NOW + 60)
    assert made.state is CredentialState.VALIDATED
    assert (made.account, made.expires, made.rules) == ("customer-9", NOW + 60, RULES)
    assert made.allowed_networks == (ip_network("192.0.2.0/24"),)
    assert await anywhere.stores.credentials.find_credential(made.id) == made
    assert await anywhere.stores.credentials.find_answer(hash_of("mine token")) == made


async def test_a_refused_request_becomes_a_credential_too(anywhere):
    await anywhere.application()
    made = await anywhere.answer(await anywhere.ask(), state=CredentialState.REFUSED)
    assert (await anywhere.stores.credentials.find_credential(made.id)).state is CredentialState.REFUSED


async def test_the_second_answer_learns_who_was_first(anywhere):
    await anywhere.application()
    request = await anywhere.ask()
    first = await anywhere.answer(request, account="customer-1")
    assert await anywhere.answer(request, account="customer-2") == AlreadyAnswered(first)
    assert await anywhere.stores.credentials.list_credentials(account="customer-2") == []


async def test_lists_filter_by_account_and_application(anywhere):
    one, two = await anywhere.application(), await anywhere.application()
    a = await anywhere.delegation(one.id, account="customer-1")
    b = await anywhere.delegation(two.id, account="customer-1")
    c = await anywhere.delegation(one.id, account="customer-2")
    listed = anywhere.stores.credentials.list_credentials
    assert await listed(account="customer-1") == [a, b]
    assert await listed(application_id=one.id) == [a, c]
    assert await listed(account="customer-2", application_id=two.id) == []
    assert await listed() == [a, b, c]


@pytest.mark.parametrize(
    ("event", "state"),
    [
        (CredentialEvent.REVOKE, CredentialState.REVOKED),
        (CredentialEvent.LOG_OUT, CredentialState.EXPIRED),
        (CredentialEvent.EXPIRE, CredentialState.EXPIRED),
    ],
)
async def test_an_event_moves_a_validated_credential(anywhere, event, state):
    await anywhere.application()
    made = await anywhere.delegation()
    assert await anywhere.stores.credentials.change_credentials([made.id], event, at=NOW, audit=[entry()]) == [made.id]
    assert (await anywhere.stores.credentials.find_credential(made.id)).state is state


async def test_only_those_with_the_edge_change(anywhere):
    await anywhere.application()
    first, second = await anywhere.delegation(), await anywhere.delegation()
    refused = await anywhere.answer(await anywhere.ask(), state=CredentialState.REFUSED)
    assert await anywhere.revoke(first) == [first.id]
    assert await anywhere.revoke(first, refused, second) == [second.id]
    assert await anywhere.revoke(first, refused, second) == []


async def test_allowed_networks_can_be_set_and_taken_away(anywhere):
    await anywhere.application()
    made = await anywhere.delegation()
    networks = (ip_network("2001:db8::/64"),)
    setting = anywhere.stores.credentials.set_allowed_networks
    assert await setting(made.id, networks, at=NOW, audit=entry())
    assert (await anywhere.stores.credentials.find_credential(made.id)).allowed_networks == networks
    assert await setting(made.id, None, at=NOW, audit=entry())
    assert (await anywhere.stores.credentials.find_credential(made.id)).allowed_networks is None


async def test_unknown_credentials_are_a_miss(stores):
    for unknown in (1, 0, -5, 2**63, 10**400):
        assert await stores.credentials.find_credential(unknown) is None
        assert not await stores.credentials.set_allowed_networks(unknown, None, at=NOW, audit=entry())
        changed = stores.credentials.change_credentials([unknown], CredentialEvent.REVOKE, at=NOW, audit=[entry()])
        assert await changed == []
    assert await stores.credentials.find_answer(hash_of("never asked")) is None
    assert await stores.credentials.list_credentials(account="\ud800") == []
    assert await stores.credentials.list_credentials(application_id=2**64) == []


async def test_an_answer_for_a_deleted_application_is_refused(scene):
    application = await scene.application()
    request = await scene.ask(application.id, name="late")
    await scene.stores.applications.delete_application(application.id, at=NOW, audit=entry())
    with pytest.raises(ApplicationGone):
        await scene.answer(request)
    assert await scene.stores.credentials.find_answer(hash_of("late token")) is None
