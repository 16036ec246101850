"""What a customer has given, and how it is taken back."""

import asyncio
from ipaddress import ip_network

import pytest

from doubles.authority import HERE, AuthorityWorld
from mandat.authority.delegations import ENDED_SHOWN
from mandat.authority.login import Visitor
from mandat.authority.values import LastUse
from mandat.core.credential import CredentialState

BY_ALICE = {"actor": "user:alice", "address": HERE}


class Scene:
    """Alice gave to two applications, Bruno to one of them."""

    def __init__(self, world: AuthorityWorld, *, alice: Visitor, bruno: Visitor) -> None:
        self.world = world
        self.delegations = world.authority.delegations
        self.alice = alice.user.account
        self.bruno = bruno.user.account

    def states(self) -> dict[int, str]:
        return {row.id: row.state.value for row in self.world.stores.credentials.rows.values()}


@pytest.fixture
async def scene(world: AuthorityWorld) -> Scene:
    dana, alice, bruno = await world.user("dana"), await world.visitor("alice"), await world.visitor("bruno")
    shop, mail = await world.application(dana, name="Shop"), await world.application(dana, name="Mail")
    for application, visitor in ((shop, alice), (shop, alice), (mail, alice), (shop, bruno)):
        await world.confirmed((await world.request(application.application.key)).token, visitor)
    return Scene(world, alice=alice, bruno=bruno)


async def test_a_customer_sees_what_each_application_may_do(scene: Scene) -> None:
    scene.world.stores.usage.rows[1] = LastUse(at=5, address="192.0.2.9", calls=3)
    shop, mail = await scene.delegations.list_connected(scene.alice)
    assert shop.application is not None
    assert (shop.application.name, shop.owner_name) == ("Shop", shop.application.owner)
    assert [delegation.credential.id for delegation in shop.delegations] == [2, 1]
    assert [delegation.credential.id for delegation in mail.delegations] == [3]
    assert shop.delegations[1].last_use == LastUse(at=5, address="192.0.2.9", calls=3)
    assert shop.delegations[0].last_use is None
    assert shop.delegations[0].rights.groups
    assert (shop.delegations[0].state_text, shop.delegations[0].active) == ("Active", True)


async def test_a_delegation_that_ended_says_how(scene: Scene) -> None:
    await scene.delegations.revoke(scene.alice, 1, **BY_ALICE)
    await scene.delegations.log_out_credential(scene.alice, 2, actor="application:x", address=HERE)
    mail, shop = await scene.delegations.list_connected(scene.alice)
    assert mail.active
    assert not shop.active
    assert [(each.credential.id, each.state_text) for each in shop.delegations] == [(2, "Expired"), (1, "Taken back")]
    scene.world.clock.advance(3600)
    assert not any(connection.active for connection in await scene.delegations.list_connected(scene.alice))


async def test_a_deleted_application_is_still_listed_without_its_name(scene: Scene) -> None:
    await scene.world.authority.applications.delete(None, 2, actor="operator", address=HERE)
    connections = await scene.delegations.list_connected(scene.alice)
    [gone] = [connection for connection in connections if connection.application_id == 2]
    assert (gone.application, gone.owner_name, gone.active) == (None, "", False)


async def test_only_the_newest_ended_delegations_are_shown(world: AuthorityWorld) -> None:
    alice = await world.visitor("alice")
    shop = await world.application(alice.user)
    for _ in range(ENDED_SHOWN + 3):
        await world.confirmed((await world.request(shop.application.key)).token, alice, validity_seconds=60)
    world.clock.advance(60)
    await world.confirmed((await world.request(shop.application.key)).token, alice)
    [connection] = await world.authority.delegations.list_connected(alice.user.account)
    assert len(connection.delegations) == ENDED_SHOWN + 1
    assert connection.delegations[0].active


async def test_one_delegation_is_taken_back_once(scene: Scene) -> None:
    assert await scene.delegations.revoke(scene.alice, 1, **BY_ALICE)
    assert not await scene.delegations.revoke(scene.alice, 1, **BY_ALICE)
    assert scene.states() == {1: "revoked", 2: "validated", 3: "validated", 4: "validated"}
    entry = scene.world.stores.audit[-1]
    assert (entry.event, entry.subject, entry.account) == ("credential.revoked", "credential:1", scene.alice)


async def test_everything_of_one_application_is_taken_back(scene: Scene) -> None:
    assert await scene.delegations.revoke_application(scene.alice, 1, **BY_ALICE) == 2
    assert scene.states() == {1: "revoked", 2: "revoked", 3: "validated", 4: "validated"}


async def test_everything_is_taken_back(scene: Scene) -> None:
    assert await scene.delegations.revoke_all(scene.alice, **BY_ALICE) == 3
    assert scene.states() == {1: "revoked", 2: "revoked", 3: "revoked", 4: "validated"}
    assert await scene.delegations.revoke_all(scene.alice, **BY_ALICE) == 0


async def test_another_accounts_delegations_are_out_of_reach(scene: Scene) -> None:
    assert await scene.delegations.find(scene.bruno, 1) is None
    assert await scene.delegations.find_application(scene.bruno, 1) is None
    assert not await scene.delegations.revoke(scene.bruno, 1, **BY_ALICE)
    assert not await scene.delegations.log_out_credential(scene.bruno, 1, **BY_ALICE)
    assert not await scene.delegations.set_allowed_networks(scene.bruno, 1, None, **BY_ALICE)
    assert [credential.id for credential in await scene.delegations.list_credentials(scene.bruno)] == [4]
    assert set(scene.states().values()) == {"validated"}


async def test_of_two_who_take_back_at_the_same_moment_one_did_it(scene: Scene) -> None:
    done = await asyncio.gather(
        scene.delegations.revoke(scene.alice, 1, **BY_ALICE), scene.delegations.revoke(scene.alice, 1, **BY_ALICE)
    )
    assert sorted(done) == [False, True]
    assert [entry.event for entry in scene.world.stores.audit].count("credential.revoked") == 1


async def test_credentials_are_found_by_application_and_by_the_state_the_wire_shows(scene: Scene) -> None:
    await scene.delegations.revoke(scene.alice, 1, **BY_ALICE)
    listed = scene.delegations.list_credentials
    assert [each.id for each in await listed(scene.alice, application_id=1)] == [1, 2]
    assert [each.id for each in await listed(scene.alice, status="expired")] == [1]
    assert [each.id for each in await listed(scene.alice, status="validated", application_id=2)] == [3]
    scene.world.clock.advance(3600)
    assert [each.id for each in await listed(scene.alice, status="expired")] == [1, 2, 3]


async def test_allowed_addresses_are_set_and_lifted(scene: Scene) -> None:
    network = ip_network("192.0.2.0/24")
    assert await scene.delegations.set_allowed_networks(scene.alice, 1, [network], **BY_ALICE)
    assert scene.world.stores.credentials.rows[1].allowed_networks == (network,)
    assert scene.world.stores.audit[-1].details["allowed_networks"] == "192.0.2.0/24"
    assert await scene.delegations.set_allowed_networks(scene.alice, 1, None, **BY_ALICE)
    assert scene.world.stores.credentials.rows[1].allowed_networks is None
    assert scene.world.stores.audit[-1].details["allowed_networks"] == "any"


async def test_an_application_gives_its_own_delegation_up(scene: Scene) -> None:
    assert await scene.delegations.log_out_credential(scene.alice, 1, actor="application:x", address=HERE)
    assert scene.world.stores.credentials.rows[1].state is CredentialState.EXPIRED
    assert scene.world.stores.audit[-1].event == "credential.logged_out"
