"""Rotating the MAC key and the secret of form tokens: nobody notices, cut off it goes on, the old key is worthless."""

import asyncio
from dataclasses import replace

import pytest

from mandat.authority.interfaces import RecordTampered, StorageUnavailable
from mandat.authority.values import Role, Session
from mandat.look.form_token import FormTokens
from mandat.storage.keys.rotation import FORM_TOKEN_SECONDS
from mandat.storage.keys.sealing import RowMac
from mandat.storage.stores.requests import row_guard as row_guard_of_requests
from mandat.storage.stores.sessions import row_guard as row_guard_of_sessions
from mandat.storage.stores.users import row_guard
from support.rotating import CutOff, Rotating, open_live
from support.storage import NOW, Scene


@pytest.fixture
def running(installation):
    """An authority that runs all the time."""
    storage = open_live(installation)
    yield Scene(storage)
    storage.close()


@pytest.fixture
def rotating(installation):
    """Rotations of the MAC key. The counting entropy made the first keys with its first draws; these are others."""
    for _ in range(10):
        installation.entropy(32)
    return Rotating(installation, "mac")


async def settled(running, number=0):
    """One row of every kind that carries a MAC."""
    application = await running.application(key=f"shop{number}")
    await running.delegation(application.id, name=f"kept{number}")
    await running.ask(application.id, name=f"waits{number}")
    user = await running.stores.users.add_user(
        login=f"anna{number}",
        account=f"anna{number}",
        role=Role.CUSTOMER,
        password_hash="x",
        address="192.0.2.7",
        at=NOW,
    )
    token = f"session{number}".encode().ljust(32, b".")
    await running.stores.sessions.add_session(
        Session(token_hash=token, user_id=user.id, created=NOW, last_seen=NOW, address="192.0.2.7")
    )
    return token


async def check_all(stores, numbers):
    """Everything that was settled is believed."""
    for number in numbers:
        assert await stores.users.find_user(f"anna{number}")
        assert await stores.sessions.find_session(f"session{number}".encode().ljust(32, b"."))
    listed = await stores.applications.list_applications(owner=None)
    assert {f"shop{number}" for number in numbers} <= {application.key for application in listed}


async def test_every_row_gets_the_new_mac_and_a_running_authority_goes_on(installation, running, rotating):
    await settled(running, 0)
    before = installation.keys
    done = await rotating()
    assert (done.rows, done.left, done.went_on) == (5, (), False)
    await check_all(running.stores, [0])
    await settled(running, 1)
    now = installation.keys
    assert now.mac_key != before.mac_key
    assert (now.earlier_mac_keys, now.retired_mac_keys, now.next_mac_key) == ((), (before.mac_key,), None)
    assert installation.verify() == []


@pytest.mark.parametrize("step", range(5))
async def test_cut_off_anywhere_it_serves_everybody_and_goes_on(installation, running, rotating, step):
    await settled(running, 0)
    try:
        await rotating(stop_before=step)
    except CutOff:
        pass
    else:
        assert step >= len(rotating.steps)
        return
    await settled(running, 1)
    await check_all(running.stores, [0, 1])
    assert installation.verify() == []
    done = await rotating()
    assert done.went_on is (step > 0)
    await settled(running, 2)
    await check_all(running.stores, [0, 1, 2])
    assert installation.verify() == []
    assert (installation.keys.earlier_mac_keys, installation.keys.next_mac_key) == ((), None)


async def test_writers_at_work_leave_nothing_behind_with_the_old_key(installation, running, rotating):
    stop, made = asyncio.Event(), []

    async def work(worker):
        while not stop.is_set():
            number = f"{worker}-{len(made)}"
            await settled(running, number)
            made.append(number)

    workers = [asyncio.create_task(work(number)) for number in range(3)]
    while len(made) < 6:
        await asyncio.sleep(0.005)
    await rotating()
    count = len(made)
    while len(made) < count + 3:
        await asyncio.sleep(0.005)
    stop.set()
    await asyncio.gather(*workers)
    await check_all(running.stores, made)
    assert installation.verify() == []


async def test_the_first_thing_that_is_written_after_a_rotation_has_the_new_mac(installation, running, rotating):
    await rotating()
    token = b"first".ljust(32, b".")
    await running.stores.sessions.add_session(
        Session(token_hash=token, user_id=1, created=NOW, last_seen=NOW, address="192.0.2.7")
    )
    guard = row_guard_of_sessions(RowMac(installation.keys.mac_key))
    assert guard.is_genuine(installation.read_named("requests", "SELECT * FROM sessions"))


async def test_the_first_request_that_waits_after_a_rotation_has_the_new_mac(installation, running, rotating):
    await rotating()
    await running.ask(1, name="first")
    guard = row_guard_of_requests(RowMac(installation.keys.mac_key))
    assert guard.is_genuine(installation.read_named("requests", "SELECT * FROM permission_requests"))


async def test_afterwards_the_old_key_makes_nobody_believe_anything(installation, running, rotating):
    await settled(running)
    old = row_guard(RowMac(installation.keys.mac_key))
    await rotating()
    row = installation.read_named("requests", "SELECT * FROM users WHERE id = 1") | {"account": "customer-2"}
    change = "UPDATE users SET account = 'customer-2', mac = ? WHERE id = 1"
    installation.alter("requests", change, old.mac_of(row))
    with pytest.raises(RecordTampered):
        await running.stores.users.find_user("anna0")
    assert "users 1" in {finding.where for finding in installation.verify()}


async def test_a_forged_row_gets_no_new_mac_and_is_named(installation, running, rotating):
    await settled(running)
    installation.alter("requests", "UPDATE users SET account = 'customer-2' WHERE id = 1")
    done = await rotating()
    assert done.left == ("users 1 has a MAC that does not fit",)
    with pytest.raises(RecordTampered):
        await running.stores.users.find_user("anna0")


async def test_a_key_file_that_cannot_be_read_is_no_forgery(installation, running, rotating):
    await settled(running)
    await rotating()
    file = installation.keys_folder / "authority.json"
    whole = file.read_text()
    file.write_text("{")
    with pytest.raises(StorageUnavailable, match=r"authority\.json cannot be used"):
        await running.stores.users.find_user("anna0")
    file.write_text(whole)
    await check_all(running.stores, [0])


async def test_old_forms_are_accepted_until_their_session_has_ended_and_new_ones_at_once(installation, running):
    live, clock = running.stores.live, [NOW]
    tokens = FormTokens(lambda: live.form_token_secrets(clock[0]))
    old = tokens.make("login")
    rotating = Rotating(installation, "forms")
    with pytest.raises(CutOff):
        await rotating(stop_before=1)
    early = FormTokens(installation.keys.next_form_token_secret).make("login")
    assert tokens.check(early, "login"), "another process may make tokens with it before this one does"
    await rotating()
    assert tokens.make("login") == early != old
    assert tokens.check(old, "login")
    clock[0] = NOW + FORM_TOKEN_SECONDS
    assert not tokens.check(old, "login")
    assert tokens.check(early, "login")


async def test_a_second_rotation_of_forms_forgets_the_secrets_that_ended(installation, running):
    await Rotating(installation, "forms")()
    first = installation.keys.earlier_form_token_secrets
    await Rotating(installation, "forms")()
    assert len(installation.keys.earlier_form_token_secrets) == 2
    assert installation.keys.earlier_form_token_secrets[:1] == first
    assert all(each.until == NOW + FORM_TOKEN_SECONDS for each in installation.keys.earlier_form_token_secrets)


async def test_a_rotation_of_one_kind_keeps_the_keys_of_the_others(installation, running):
    await settled(running)
    await Rotating(installation, "mac")()
    await Rotating(installation, "forms")()
    kept = installation.keys
    await Rotating(installation, "signing")()
    now = installation.keys
    assert replace(now, signing_key=b"", retired_public_keys=()) == replace(kept, signing_key=b"")
