"""createToken: an application and its owner's own delegation to it, shown first, made together or not at all."""

import hashlib
from dataclasses import replace

import pytest

from doubles.authority import HERE, AuthorityWorld
from mandat.authority.applications.personal_keys import IssuedKeys, Proposal, WantedKeys
from mandat.authority.applications.registration import APPLICATIONS_PER_OWNER
from mandat.authority.fault import Fault
from mandat.authority.interfaces import StorageUnavailable
from mandat.authority.login import Visitor
from mandat.authority.values import AuditEvent
from mandat.core.credential import CredentialState
from mandat.core.rights import Risk
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.refusals import Reason

WANTED = WantedKeys(
    name="My script",
    description="Renews my certificates",
    rules=(("GET", "/me"), ("DELETE", "/domain/zone/*")),
    addresses=("192.0.2.0/24", "2001:db8::1"),
    validity_seconds=3600,
)


@pytest.fixture
def world() -> AuthorityWorld:
    return AuthorityWorld()


@pytest.fixture
async def alice(world: AuthorityWorld) -> Visitor:
    return await world.visitor("alice")


def proposed(world: AuthorityWorld, wanted: WantedKeys = WANTED) -> Proposal:
    proposal = world.authority.personal_keys.propose(wanted)
    assert isinstance(proposal, Proposal), proposal
    return proposal


async def create(world: AuthorityWorld, visitor: Visitor, wanted: WantedKeys = WANTED) -> IssuedKeys | Fault:
    digest = proposed(world, wanted).digest
    return await world.authority.personal_keys.create(wanted, visitor, digest=digest, address=HERE)


async def test_a_proposal_says_the_rights_in_words_with_their_risks(world: AuthorityWorld) -> None:
    proposal = proposed(world)
    assert [group.effect.value for group in proposal.rights.groups] == ["read", "delete"]
    assert proposal.rights.risks == {Risk.DELETES}
    assert [str(network) for network in proposal.allowed_networks or ()] == ["192.0.2.0/24", "2001:db8::1/128"]


async def test_proposing_changes_nothing(world: AuthorityWorld) -> None:
    world.stores.health.broken = True
    proposed(world)


async def test_the_keys_work_at_once_for_the_account_that_made_them(world: AuthorityWorld, alice: Visitor) -> None:
    issued = await create(world, alice)
    assert isinstance(issued, IssuedKeys)
    application, credential = issued.application, issued.credential
    assert (application.name, application.owner) == ("My script", alice.user.account)
    assert world.stores.applications.secrets[application.id] == issued.secret
    assert (len(application.key), len(issued.secret), len(issued.consumer_key)) == (16, 32, 32)
    assert credential.consumer_key_hash == hashlib.sha256(issued.consumer_key.encode()).digest()
    assert (credential.application_id, credential.account) == (application.id, alice.user.account)
    assert credential.state is CredentialState.VALIDATED
    assert credential.rules == (AccessRule("GET", "/me"), AccessRule("DELETE", "/domain/zone/*"))
    assert credential.expires == int(world.clock.now) + 3600


async def test_they_stand_with_the_other_delegations_and_can_be_taken_back(
    world: AuthorityWorld, alice: Visitor
) -> None:
    issued = await create(world, alice)
    assert isinstance(issued, IssuedKeys)
    [connection] = await world.authority.delegations.list_connected(alice.user.account)
    assert connection.application == issued.application
    assert await world.authority.delegations.revoke(
        alice.user.account, issued.credential.id, actor=alice.actor, address=HERE
    )


async def test_the_history_has_the_registration_and_the_consent(world: AuthorityWorld, alice: Visitor) -> None:
    issued = await create(world, alice)
    assert isinstance(issued, IssuedKeys)
    entries = world.stores.audit[-2:]
    assert [entry.event for entry in entries] == [AuditEvent.APPLICATION_REGISTERED, AuditEvent.CREDENTIAL_CONFIRMED]
    assert {entry.subject for entry in entries} == {f"application:{issued.application.key}"}
    assert {(entry.actor, entry.account, entry.address) for entry in entries} == {
        ("user:alice", alice.user.account, HERE)
    }
    said = str(entries)
    assert issued.secret not in said
    assert issued.consumer_key not in said


async def test_when_storage_fails_there_is_neither_application_nor_credential(
    world: AuthorityWorld, alice: Visitor
) -> None:
    before = len(world.stores.audit)
    world.stores.health.failing = {"add_personal_keys"}
    with pytest.raises(StorageUnavailable):
        await create(world, alice)
    assert world.stores.applications.rows == {}
    assert world.stores.credentials.rows == {}
    assert world.stores.requests.rows == {}
    assert len(world.stores.audit) == before


@pytest.mark.parametrize(
    "other",
    [
        replace(WANTED, name="Another"),
        replace(WANTED, description="Something else"),
        replace(WANTED, rules=(("GET", "/me"), ("DELETE", "/domain/*"))),
        replace(WANTED, addresses=()),
        replace(WANTED, validity_seconds=None),
    ],
)
async def test_only_what_was_shown_is_made(world: AuthorityWorld, alice: Visitor, other: WantedKeys) -> None:
    fault = await world.authority.personal_keys.create(other, alice, digest=proposed(world).digest, address=HERE)
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.CONFLICT
    assert world.stores.applications.rows == {}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "evil\u202egnp"}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"description": "  "}, "description"),
        ({"description": "y" * 256}, "description"),
        ({"rules": ()}, "rules"),
        ({"rules": (("GET", "/me"),) * 257}, "rules"),
        ({"rules": (("GET", "/me"), ("PATCH", "/me"))}, "rules[1].method"),
        ({"rules": (("get", "/me"),)}, "rules[0].method"),
        ({"rules": (("GET", ""),)}, "rules[0].path"),
        ({"rules": (("GET", "me"),)}, "rules[0].path"),
        ({"rules": (("GET", "/me"), ("GET", "/a/../b"))}, "rules[1].path"),
        ({"rules": (("GET", "/me?x=1"),)}, "rules[0].path"),
        ({"rules": (("GET", "/a b"),)}, "rules[0].path"),
        ({"rules": (("GET", "/\u0661"),)}, "rules[0].path"),
        ({"rules": (("GET", "/\ud800"),)}, "rules[0].path"),
        ({"rules": (("GET", "/" + "*" * 9),)}, "rules[0].path"),
        ({"rules": (("GET", "/" + "a" * 2048),)}, "rules[0].path"),
        ({"addresses": ("192.0.2.1/24",)}, "addresses[0]"),
        ({"addresses": ("192.0.2.1", "here")}, "addresses[1]"),
        ({"addresses": ("192.0.2.1",) * 257}, "addresses"),
        ({"validity_seconds": 59}, "validity"),
        ({"validity_seconds": 2**63}, "validity"),
        ({"validity_seconds": -1}, "validity"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_made(
    world: AuthorityWorld, alice: Visitor, wrong: dict[str, object], field: str
) -> None:
    wanted = replace(WANTED, **wrong)  # type: ignore[arg-type]
    fault = world.authority.personal_keys.propose(wanted)
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.field) == (Reason.BAD_PARAMETER, field)
    assert fault == await world.authority.personal_keys.create(wanted, alice, digest="", address=HERE)
    assert world.stores.applications.rows == {}


async def test_a_right_that_is_named_twice_is_one_right(world: AuthorityWorld) -> None:
    twice = replace(WANTED, rules=(("GET", "/me"), ("GET", "/me")), addresses=("192.0.2.1", "192.0.2.1/32"))
    assert proposed(world, twice).rules == (AccessRule("GET", "/me"),)
    assert len(proposed(world, twice).allowed_networks or ()) == 1


async def test_a_bare_star_is_the_whole_account_and_says_so(world: AuthorityWorld) -> None:
    assert proposed(world, replace(WANTED, rules=(("GET", "*"),))).rights.risks == {Risk.WHOLE_ACCOUNT}


async def test_the_limit_of_applications_holds_here_too(world: AuthorityWorld, alice: Visitor) -> None:
    for _ in range(APPLICATIONS_PER_OWNER):
        await world.application(alice.user)
    fault = await create(world, alice)
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.CONFLICT
    assert len(world.stores.applications.rows) == APPLICATIONS_PER_OWNER


async def test_ended_keys_of_the_same_name_make_room_for_new_ones(world: AuthorityWorld, alice: Visitor) -> None:
    first = await create(world, alice)
    world.clock.now += 3601
    second = await create(world, alice)
    assert isinstance(first, IssuedKeys)
    assert isinstance(second, IssuedKeys)
    assert list(world.stores.applications.rows) == [second.application.id]
    deletion = world.stores.audit[-3]
    assert (deletion.event, deletion.actor) == (AuditEvent.APPLICATION_DELETED, "user:alice")
    assert deletion.subject == f"application:{first.application.key}"


async def test_keys_that_still_work_stay_when_others_are_made(world: AuthorityWorld, alice: Visitor) -> None:
    await create(world, alice)
    world.clock.now += 3599
    await create(world, alice)
    assert len(world.stores.applications.rows) == 2


@pytest.mark.parametrize("other", [{"name": "Another"}, {"description": "Something else"}])
async def test_ended_keys_with_other_texts_stay(world: AuthorityWorld, alice: Visitor, other: dict[str, str]) -> None:
    await create(world, alice)
    world.clock.now += 3601
    await create(world, alice, replace(WANTED, **other))  # type: ignore[arg-type]
    assert len(world.stores.applications.rows) == 2


async def test_ended_keys_of_a_suspended_application_stay(world: AuthorityWorld, alice: Visitor) -> None:
    first = await create(world, alice)
    assert isinstance(first, IssuedKeys)
    await world.authority.applications.suspend(None, first.application.id, actor="operator", address=HERE)
    world.clock.now += 3601
    await create(world, alice)
    assert first.application.id in world.stores.applications.rows


async def test_a_registered_application_stays_when_its_only_delegation_has_ended(
    world: AuthorityWorld, alice: Visitor
) -> None:
    registered = await world.application(alice.user, name="API console")
    world.clock.now += 60
    asked = await world.request(registered.application.key)
    await world.confirmed(asked.token, alice)
    world.clock.now += 3601
    await create(world, alice, replace(WANTED, name="API console", description=registered.application.description))
    assert registered.application.id in world.stores.applications.rows


async def test_other_people_keep_their_ended_keys(world: AuthorityWorld, alice: Visitor) -> None:
    await create(world, alice)
    world.clock.now += 3601
    await create(world, await world.visitor("bob"))
    assert len(world.stores.applications.rows) == 2
