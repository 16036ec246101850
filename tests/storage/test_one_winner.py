"""Races: of two that change the same thing at once, one wins and the other learns of it."""

import asyncio

import pytest

from mandat.authority.interfaces import AlreadyAnswered, ApplicationGone
from mandat.authority.values import Credential
from mandat.core.credential import CredentialState
from support.storage import NOW, Scene, entry

ROUNDS = 10


async def test_of_two_confirmations_one_wins(installation, scene):
    await scene.application()
    for _ in range(ROUNDS):
        request = await scene.ask()
        answers = await asyncio.gather(*(scene.answer(request, account=f"customer-{n}") for n in range(4)))
        (winner,) = [answer for answer in answers if isinstance(answer, Credential)]
        assert [answer for answer in answers if isinstance(answer, AlreadyAnswered)] == [AlreadyAnswered(winner)] * 3
    assert installation.read("grants", "SELECT count(*) FROM credentials") == [(ROUNDS,)]
    assert installation.verify() == []


async def test_of_confirm_and_refuse_one_wins(scene):
    await scene.application()
    for _ in range(ROUNDS):
        request = await scene.ask()
        answers = await asyncio.gather(
            scene.answer(request, state=CredentialState.REFUSED), scene.answer(request, state=CredentialState.VALIDATED)
        )
        stored = await scene.stores.credentials.find_answer(request.token_hash)
        assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyAnswered", "Credential"]
        assert all(stored in (answer, getattr(answer, "credential", None)) for answer in answers)


async def test_two_authorities_on_one_database_have_one_winner_too(installation, scene):
    await scene.application()
    beside = installation.open()
    try:
        other = Scene(beside)
        for _ in range(ROUNDS):
            request = await scene.ask()
            answers = await asyncio.gather(scene.answer(request), other.answer(request, account="customer-2"))
            assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyAnswered", "Credential"]
    finally:
        beside.close()
    assert installation.verify() == []


async def test_of_two_revocations_one_changes_and_one_line_is_written(installation, scene):
    await scene.application()
    credential = await scene.delegation()
    changed = await asyncio.gather(*(scene.revoke(credential) for _ in range(5)))
    assert sorted(changed) == [[], [], [], [], [credential.id]]
    told = "SELECT count(*) FROM audit WHERE record = 'credential' AND record_id = ?"
    assert installation.read("grants", told, credential.id) == [(2,)]


async def test_no_grant_outlives_the_deletion_of_its_application(installation, scene):
    for first in ("delete", "confirm") * (ROUNDS // 2):
        application = await scene.application()
        request = await scene.ask(application.id)
        deletion = scene.stores.applications.delete_application(application.id, at=NOW, audit=entry())
        pair = [deletion, scene.answer(request)]
        outcomes = await asyncio.gather(*(pair if first == "delete" else reversed(pair)), return_exceptions=True)
        assert any(outcome is True for outcome in outcomes)
        credential = await scene.stores.credentials.find_answer(request.token_hash)
        if credential is None:
            assert any(isinstance(outcome, ApplicationGone) for outcome in outcomes)
        else:
            assert credential.state is CredentialState.REVOKED
    assert installation.verify() == []


async def test_answer_history_and_change_log_come_together_or_not_at_all(installation, scene):
    await scene.application()
    request = await scene.ask()
    counts = (
        "SELECT (SELECT count(*) FROM credentials), (SELECT count(*) FROM audit), (SELECT count(*) FROM grant_changes)"
    )
    before = installation.read("grants", counts)
    with pytest.raises(UnicodeEncodeError):
        await scene.answer(request, account="\ud800")
    assert installation.read("grants", counts) == before
    await scene.answer(request)
    assert installation.read("grants", counts) == [tuple(count + 1 for count in before[0])]
