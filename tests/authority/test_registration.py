"""Registering applications, and what their developers and the operator may do with them."""

import asyncio

import pytest

from doubles.authority import HERE, AuthorityWorld
from mandat.authority.applications.registration import APPLICATIONS_PER_OWNER
from mandat.authority.fault import Fault
from mandat.authority.values import ApplicationStatus
from mandat.protocol.refusals import Reason

ACTOR = {"actor": "user:dana", "address": HERE}


async def register(world: AuthorityWorld, *, name: str = "Shop", description: str = "Sells things") -> Fault | str:
    owner = await world.user("dana")
    made = await world.authority.registration.register(owner, name=name, description=description, address=HERE)
    return made if isinstance(made, Fault) else made.application.name


async def test_an_application_gets_a_key_and_a_secret_of_the_wires_lengths(world: AuthorityWorld) -> None:
    owner = await world.user("dana")
    first, second = await world.application(owner), await world.application(owner)
    assert (len(first.application.key), len(first.secret)) == (16, 32)
    assert first.application.key != second.application.key
    assert first.secret != second.secret
    assert world.stores.applications.secrets[first.application.id] == first.secret
    assert first.application.owner == owner.account
    assert first.application.status is ApplicationStatus.ACTIVE


async def test_the_registration_stands_in_the_history_without_the_secret(world: AuthorityWorld) -> None:
    issued = await world.application(await world.user("dana"))
    [entry] = world.stores.audit
    assert entry.event == "application.registered"
    assert issued.secret not in repr(entry)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u00a0",
        "a\x00b",
        "a\x1bb",
        "a\nb",
        "a\u202eb",
        "a\u2066b",
        "a\u200bb",
        "a\ufeffb",
        "a\ud800b",
        "\ue000",
        "a\u2028b",
        "x" * 65,
        "x" * 10_000_000,
        "\ufdfa" * 10,
    ],
)
async def test_a_name_that_cannot_be_shown_whole_is_refused_by_name(world: AuthorityWorld, text: str) -> None:
    fault = await register(world, name=text)
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.field) == (Reason.BAD_PARAMETER, "name")
    assert world.stores.applications.rows == {}


@pytest.mark.parametrize("text", ["", "\n", "a\u202eb", "x" * 256, "a\x00"])
async def test_a_description_that_cannot_be_shown_is_refused_by_name(world: AuthorityWorld, text: str) -> None:
    fault = await register(world, description=text)
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.field) == (Reason.BAD_PARAMETER, "description")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Shop", "Shop"),
        ("  My   Shop ", "My Shop"),
        ("Ｓhop ①", "Shop 1"),
        ("Épicerie", "Épicerie"),
        ("x" * 64, "x" * 64),
        ("<b>&", "<b>&"),
    ],
)
async def test_a_name_is_kept_in_its_plain_form(world: AuthorityWorld, typed: str, kept: str) -> None:
    assert await register(world, name=typed) == kept


async def test_line_breaks_of_a_description_become_blanks(world: AuthorityWorld) -> None:
    await register(world, description="first\r\nsecond\tthird")
    [made] = world.stores.applications.rows.values()
    assert made.description == "first second third"


async def test_one_account_cannot_fill_the_database_with_applications(world: AuthorityWorld) -> None:
    owner = await world.user("dana")
    for _ in range(APPLICATIONS_PER_OWNER):
        await world.application(owner)
    fault = await world.authority.registration.register(owner, name="One more", description="x", address=HERE)
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.CONFLICT


async def test_a_developer_sees_his_own_applications_with_their_customers(world: AuthorityWorld) -> None:
    dana, alice, bruno = await world.visitor("dana"), await world.visitor("alice"), await world.visitor("bruno")
    shop = await world.application(dana.user)
    await world.application(alice.user)
    for visitor, seconds in ((alice, 3600), (alice, None), (bruno, 60)):
        await world.confirmed((await world.request(shop.application.key)).token, visitor, validity_seconds=seconds)
    [own] = await world.authority.applications.list_own(dana.user.account)
    assert (own.application.id, own.customers) == (shop.application.id, 2)
    world.clock.advance(60)
    [own] = await world.authority.applications.list_own(dana.user.account)
    assert own.customers == 1
    assert len(await world.authority.applications.list_own(None)) == 2


async def test_an_owner_suspends_and_resumes_his_own_application_only(world: AuthorityWorld) -> None:
    dana, alice = await world.user("dana"), await world.user("alice")
    shop = (await world.application(dana)).application
    applications = world.authority.applications
    assert not await applications.suspend(alice.account, shop.id, **ACTOR)
    assert not await applications.resume(dana.account, shop.id, **ACTOR)
    assert await applications.suspend(dana.account, shop.id, **ACTOR)
    assert world.stores.applications.rows[shop.id].status is ApplicationStatus.INACTIVE
    assert not await applications.suspend(dana.account, shop.id, **ACTOR)
    assert await applications.resume(dana.account, shop.id, **ACTOR)
    assert world.stores.applications.rows[shop.id].status is ApplicationStatus.ACTIVE
    assert [entry.event for entry in world.stores.audit[1:]] == ["application.suspended", "application.resumed"]


async def test_what_the_operator_suspended_only_he_resumes(world: AuthorityWorld) -> None:
    dana = await world.user("dana")
    shop = (await world.application(dana)).application
    applications = world.authority.applications
    assert await applications.suspend(dana.account, shop.id, **ACTOR)
    assert await applications.suspend(None, shop.id, actor="operator", address=HERE)
    assert world.stores.applications.rows[shop.id].status is ApplicationStatus.BLOCKED
    assert not await applications.resume(dana.account, shop.id, **ACTOR)
    assert not await applications.suspend(dana.account, shop.id, **ACTOR)
    assert await applications.resume(None, shop.id, actor="operator", address=HERE)


async def test_an_owners_resume_never_undoes_a_block_at_the_same_moment(world: AuthorityWorld) -> None:
    dana = await world.user("dana")
    shop = (await world.application(dana)).application
    applications = world.authority.applications
    await applications.suspend(dana.account, shop.id, **ACTOR)
    await asyncio.gather(
        applications.resume(dana.account, shop.id, **ACTOR),
        applications.suspend(None, shop.id, actor="operator", address=HERE),
    )
    assert world.stores.applications.rows[shop.id].status is ApplicationStatus.BLOCKED


async def test_deleting_an_application_ends_its_delegations(world: AuthorityWorld) -> None:
    dana, alice = await world.visitor("dana"), await world.visitor("alice")
    shop = (await world.application(dana.user)).application
    await world.confirmed((await world.request(shop.key)).token, alice)
    assert not await world.authority.applications.delete(alice.user.account, shop.id, **ACTOR)
    assert await world.authority.applications.delete(dana.user.account, shop.id, **ACTOR)
    assert [row.state.value for row in world.stores.credentials.rows.values()] == ["revoked"]
    assert not await world.authority.applications.delete(dana.user.account, shop.id, **ACTOR)
