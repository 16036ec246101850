"""The customer's answer: what is shown, who may answer, that one answer wins and is never lost."""

import asyncio
from dataclasses import replace
from functools import partial
from hashlib import sha256
from ipaddress import ip_network

import pytest

from doubles.authority import HERE, PASSWORD, AuthorityWorld
from mandat.authority.consent import (
    VALIDITY_MAX_SECONDS,
    Answered,
    Consent,
    Ended,
    EndedKind,
    Question,
    hash_of_rights,
    rules_hash,
)
from mandat.authority.fault import Fault
from mandat.authority.interfaces import StorageUnavailable
from mandat.authority.login import Visitor
from mandat.authority.permission import IssuedRequest
from mandat.authority.values import ApplicationStatus, AuditEntry, AuditEvent, User
from mandat.core.credential import CredentialState
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.refusals import Reason


class Scene:
    """A question by Dana's shop, and Alice and Bruno who could answer it."""

    def __init__(
        self, world: AuthorityWorld, *, dana: User, alice: Visitor, bruno: Visitor, asked: IssuedRequest
    ) -> None:
        self.world = world
        self.dana = dana
        self.alice = alice
        self.bruno = bruno
        self.asked = asked

    async def look(self, visitor: Visitor | None) -> Question | Ended:
        return await self.world.authority.consent.look(self.asked.token, visitor)

    async def confirm(
        self, visitor: Visitor, *, validity_seconds: int | None = 3600, shown: str | None = None
    ) -> Answered | Ended | Fault:
        return await self.world.authority.consent.confirm(
            self.asked.token,
            visitor,
            validity_seconds=validity_seconds,
            rules_hash=rules_hash(self.asked.request) if shown is None else shown,
            address=HERE,
        )

    async def refuse(self, visitor: Visitor) -> Answered | Ended | Fault:
        return await self.world.authority.consent.refuse(self.asked.token, visitor, address=HERE)

    async def application_key(self) -> str:
        application = await self.world.stores.applications.find_application(1)
        assert application is not None
        return application.key

    def set_status(self, status: ApplicationStatus) -> None:
        rows = self.world.stores.applications.rows
        rows[1] = replace(rows[1], status=status)


@pytest.fixture
async def scene(world: AuthorityWorld) -> Scene:
    dana = await world.user("dana")
    shop = await world.application(dana)
    asked = await world.request(shop.application.key)
    return Scene(world, dana=dana, alice=await world.visitor("alice"), bruno=await world.visitor("bruno"), asked=asked)


async def test_the_question_says_who_asks_for_what(scene: Scene) -> None:
    question = await scene.look(scene.alice)
    assert isinstance(question, Question)
    assert question.application.name == "Shop"
    assert question.owner_name == scene.dana.account
    assert question.request == scene.asked.request
    assert [right.rule for group in question.rights.groups for right in group.rights] == list(scene.asked.request.rules)
    assert question.redirect_host == "https://shop.example"
    assert question.unlimited_allowed


async def test_looking_changes_nothing(scene: Scene) -> None:
    first, second = await scene.look(None), await scene.look(scene.bruno)
    assert first == second
    assert scene.world.stores.credentials.rows == {}


async def test_confirming_grants_exactly_what_was_asked(scene: Scene) -> None:
    answered = await scene.confirm(scene.alice, validity_seconds=7776000)
    assert isinstance(answered, Answered)
    made, request = answered.credential, scene.asked.request
    assert made == scene.world.stores.credentials.rows[made.id]
    assert made.state is CredentialState.VALIDATED
    assert (made.account, made.user_id) == (scene.alice.user.account, scene.alice.user.id)
    assert (made.rules, made.allowed_networks) == (request.rules, request.allowed_networks)
    assert made.consumer_key_hash == request.consumer_key_hash
    assert made.expires == int(scene.world.clock.now) + 7776000
    assert answered.follow == "https://shop.example/back?x=1"
    assert scene.world.stores.requests.rows == {}


@pytest.mark.parametrize(("seconds", "told"), [(3600, None), (None, "unlimited")])
async def test_the_answer_and_its_line_of_history_come_together(
    scene: Scene, seconds: int | None, told: str | None
) -> None:
    await scene.confirm(scene.alice, validity_seconds=seconds)
    now = int(scene.world.clock.now)
    entry = scene.world.stores.audit[-1]
    assert entry == AuditEntry(
        account=scene.alice.user.account,
        at=now,
        event=AuditEvent.CREDENTIAL_CONFIRMED,
        actor="user:alice",
        address=HERE,
        subject=f"application:{await scene.application_key()}",
        details={
            "rules_hash": rules_hash(scene.asked.request),
            "asked_from": "198.51.100.7",
            "expires": told or str(now + 3600),
        },
    )
    assert scene.world.stores.credentials.rows[1].created == now
    assert scene.asked.token not in repr(entry)
    assert scene.asked.consumer_key not in repr(entry)


async def test_a_refusal_and_its_line_of_history_come_together(scene: Scene) -> None:
    await scene.refuse(scene.alice)
    assert scene.world.stores.audit[-1] == AuditEntry(
        account=scene.alice.user.account,
        at=int(scene.world.clock.now),
        event=AuditEvent.CREDENTIAL_REFUSED,
        actor="user:alice",
        address=HERE,
        subject=f"application:{await scene.application_key()}",
        details={"rules_hash": rules_hash(scene.asked.request), "asked_from": "198.51.100.7"},
    )


async def test_refusing_uses_the_question_up_and_sends_nobody_anywhere(scene: Scene) -> None:
    answered = await scene.refuse(scene.alice)
    assert isinstance(answered, Answered)
    assert answered.credential.state is CredentialState.REFUSED
    assert answered.credential.expires is None
    assert answered.follow is None
    assert answered.application.name == "Shop"
    ended = Ended(EndedKind.ANSWERED, credential=answered.credential, application=answered.application)
    assert await scene.confirm(scene.alice) == ended
    assert await scene.refuse(scene.alice) == ended


@pytest.mark.parametrize("seconds", [60, 61, 3600, VALIDITY_MAX_SECONDS, None])
async def test_any_validity_from_a_minute_up_is_taken(scene: Scene, seconds: int | None) -> None:
    answered = await scene.confirm(scene.alice, validity_seconds=seconds)
    assert isinstance(answered, Answered)
    expected = None if seconds is None else int(scene.world.clock.now) + seconds
    assert answered.credential.expires == expected


@pytest.mark.parametrize("seconds", [59, 0, -1, VALIDITY_MAX_SECONDS + 1, 2**63, 10**400])
async def test_any_other_validity_is_refused_and_the_question_stays(scene: Scene, seconds: int) -> None:
    fault = await scene.confirm(scene.alice, validity_seconds=seconds)
    message = f"The validity must lie between 60 and {VALIDITY_MAX_SECONDS} seconds"
    assert fault == Fault(Reason.BAD_PARAMETER, message, "validity")
    assert isinstance(await scene.look(scene.alice), Question)


@pytest.mark.parametrize("shown", ["", "0" * 64, "é"])
async def test_what_was_not_shown_cannot_be_confirmed(scene: Scene, shown: str) -> None:
    fault = await scene.confirm(scene.alice, shown=shown)
    message = "What was confirmed is not what is asked for; open the page again and read it"
    assert fault == Fault(Reason.CONFLICT, message, "rules_hash")
    assert scene.world.stores.credentials.rows == {}


async def test_the_hash_covers_everything_that_was_asked(scene: Scene) -> None:
    request = scene.asked.request
    others = [
        replace(request, rules=request.rules[:1]),
        replace(request, rules=request.rules[::-1]),
        replace(request, rules=(AccessRule("GET", "/domain/zone/example.org/"), AccessRule("*POST", "/"))),
        replace(request, redirection=None),
        replace(request, redirection=""),
        replace(request, allowed_networks=(ip_network("192.0.2.0/24"),)),
        replace(request, allowed_networks=()),
    ]
    assert len({rules_hash(each) for each in [request, *others]}) == len(others) + 1


def test_the_hash_is_the_one_that_was_released() -> None:
    """Lines of history hold it, so it must be possible to work it out again."""

    def hashed(*parts: bytes) -> str:
        return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hexdigest()

    rules = (AccessRule("GET", "/me"), AccessRule("POST", "/é"))
    spoken = (b"2", b"GET", b"/me", b"POST", "/é".encode())
    networks = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    assert hash_of_rights(rules, None) == hashed(*spoken, b"any", b"none", b"")
    assert hash_of_rights(rules, None, redirection="https://x") == hashed(*spoken, b"any", b"to", b"https://x")
    limited = hashed(*spoken, b"2", b"192.0.2.0/24", b"2001:db8::/32", b"none", b"")
    assert hash_of_rights(rules, networks) == limited


@pytest.mark.parametrize("token", ["", "x", "x" * 64, "\x00" * 64, "\ud800" * 64, "x" * 100_000])
async def test_an_unknown_token_has_no_question(scene: Scene, token: str) -> None:
    assert await scene.world.authority.consent.look(token, scene.alice) == Ended(EndedKind.UNKNOWN)


async def test_a_question_expires_by_time_alone(scene: Scene) -> None:
    scene.world.clock.advance(86399)
    assert isinstance(await scene.look(scene.alice), Question)
    scene.world.clock.advance(1)
    assert await scene.look(scene.alice) == Ended(EndedKind.EXPIRED)
    assert await scene.confirm(scene.alice) == Ended(EndedKind.EXPIRED)
    assert await scene.refuse(scene.alice) == Ended(EndedKind.EXPIRED)
    assert scene.world.stores.credentials.rows == {}


async def test_an_answered_question_tells_only_the_account_that_answered(scene: Scene) -> None:
    answered = await scene.confirm(scene.alice)
    assert isinstance(answered, Answered)
    own = await scene.look(scene.alice)
    assert own == Ended(EndedKind.ANSWERED, credential=answered.credential, application=answered.application)
    assert await scene.look(scene.bruno) == Ended(EndedKind.ANSWERED_BY_OTHER)
    assert await scene.look(None) == Ended(EndedKind.ANSWERED)
    assert await scene.confirm(scene.bruno) == Ended(EndedKind.ANSWERED_BY_OTHER)


@pytest.mark.parametrize("status", [ApplicationStatus.INACTIVE, ApplicationStatus.BLOCKED])
async def test_nothing_is_granted_to_a_suspended_application(scene: Scene, status: ApplicationStatus) -> None:
    scene.set_status(status)
    assert await scene.look(scene.alice) == Ended(EndedKind.APPLICATION_UNAVAILABLE)
    assert await scene.confirm(scene.alice) == Ended(EndedKind.APPLICATION_UNAVAILABLE)
    scene.set_status(ApplicationStatus.ACTIVE)
    assert isinstance(await scene.confirm(scene.alice), Answered)


async def test_nothing_is_granted_to_a_deleted_application(scene: Scene) -> None:
    await scene.world.authority.applications.delete(None, 1, actor="operator", address=HERE)
    assert await scene.confirm(scene.alice) == Ended(EndedKind.APPLICATION_UNAVAILABLE)


async def test_an_application_deleted_while_the_answer_is_written_gets_nothing(scene: Scene) -> None:
    scene.world.stores.credentials.gone_applications.add(1)
    assert await scene.confirm(scene.alice) == Ended(EndedKind.APPLICATION_UNAVAILABLE)


async def test_an_application_deleted_while_it_is_refused_is_told_as_gone(scene: Scene) -> None:
    scene.world.stores.credentials.gone_applications.add(1)
    assert await scene.refuse(scene.alice) == Ended(EndedKind.APPLICATION_UNAVAILABLE)


async def test_where_unlimited_is_not_offered_only_a_length_is_taken(scene: Scene) -> None:
    stores = scene.world.stores
    consent = Consent(
        stores.applications,
        stores.requests,
        credentials=stores.credentials,
        catalogue=scene.world.catalogue,
        clock=scene.world.clock,
        unlimited_allowed=False,
    )
    question = await consent.look(scene.asked.token, scene.alice)
    assert isinstance(question, Question) and not question.unlimited_allowed
    answer = partial(consent.confirm, scene.asked.token, scene.alice, rules_hash=question.rules_hash, address=HERE)
    fault = await answer(validity_seconds=None)
    assert fault == Fault(Reason.BAD_PARAMETER, "Unlimited validity is not offered here; choose a length", "validity")
    assert isinstance(await answer(validity_seconds=60), Answered)


async def test_of_two_customers_at_the_same_moment_one_wins(scene: Scene) -> None:
    answers = await asyncio.gather(scene.confirm(scene.alice), scene.confirm(scene.bruno))
    assert [type(answer) for answer in answers].count(Answered) == 1
    assert Ended(EndedKind.ANSWERED_BY_OTHER) in answers
    assert len(scene.world.stores.credentials.rows) == 1


async def test_of_confirm_and_refuse_at_the_same_moment_one_wins(scene: Scene) -> None:
    answers = await asyncio.gather(scene.refuse(scene.alice), scene.confirm(scene.alice))
    assert [type(answer) for answer in answers].count(Answered) == 1
    assert [answer.kind for answer in answers if isinstance(answer, Ended)] == [EndedKind.ANSWERED]
    assert [entry.event for entry in scene.world.stores.audit].count("credential.confirmed") + [
        entry.event for entry in scene.world.stores.audit
    ].count("credential.refused") == 1


async def test_an_answer_that_is_durable_is_not_told_as_a_failure(scene: Scene) -> None:
    scene.world.stores.health.failing = {"forget_request"}
    assert isinstance(await scene.confirm(scene.alice), Answered)


async def test_a_question_that_outlived_its_answer_cannot_be_answered_again(scene: Scene) -> None:
    scene.world.stores.health.failing = {"forget_request"}
    await scene.confirm(scene.alice)
    scene.world.stores.health.failing = set()
    assert scene.world.stores.requests.rows
    assert await scene.confirm(scene.bruno) == Ended(EndedKind.ANSWERED_BY_OTHER)
    ended = await scene.refuse(scene.alice)
    assert isinstance(ended, Ended)
    assert ended.kind is EndedKind.ANSWERED


async def test_an_answer_that_could_not_be_written_leaves_the_question(scene: Scene) -> None:
    scene.world.stores.health.failing = {"answer_request"}
    with pytest.raises(StorageUnavailable):
        await scene.confirm(scene.alice)
    scene.world.stores.health.failing = set()
    assert isinstance(await scene.confirm(scene.alice), Answered)


async def test_another_user_of_the_same_account_learns_how_it_was_answered(scene: Scene) -> None:
    await scene.confirm(scene.alice)
    login = scene.world.authority.login
    await login.sign_up("anna", PASSWORD, address=HERE, account=scene.alice.user.account)
    opened = await login.log_in("anna", PASSWORD, address=HERE)
    assert not isinstance(opened, Fault)
    ended = await scene.look(await login.find_visitor(opened.token))
    assert isinstance(ended, Ended)
    assert ended.credential is not None
