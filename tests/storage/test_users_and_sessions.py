"""Interface suite: `UserStore`, `SessionStore`, `LoginAttempts`."""

from dataclasses import replace

from mandat.authority.interfaces import AccountTaken, LoginTaken
from mandat.authority.values import Role, Session
from support.storage import NOW, hash_of


async def add(stores, login, *, account="customer-1", role=Role.CUSTOMER, joins=True):
    return await stores.users.add_user(
        login=login, account=account, role=role, password_hash="hash", at=NOW, address="192.0.2.1", joins=joins
    )


def session(name, *, user_id=1, created=NOW, last_seen=NOW):
    return Session(hash_of(name), user_id, created, last_seen, "192.0.2.1")


async def test_a_user_is_found_by_login_without_case_and_by_id(stores):
    made = await add(stores, "Alice", role=Role.DEVELOPER)
    assert await stores.users.find_user("aLICE") == made
    assert await stores.users.find_user_by_id(made.id) == made
    assert (made.login, made.role, made.closed) == ("Alice", Role.DEVELOPER, False)


async def test_a_login_exists_once_whatever_its_case(stores):
    first = await add(stores, "Alice")
    assert await add(stores, "alice", account="customer-2") == LoginTaken()
    assert await stores.users.list_users() == [first]


async def test_an_account_may_have_several_users(stores):
    users = [await add(stores, login) for login in ("alice", "bob")]
    assert [user.account for user in users] == ["customer-1", "customer-1"]


async def test_nobody_gets_into_an_account_that_exists_without_joining_it(stores):
    first = await add(stores, "alice", joins=False)
    assert await add(stores, "bob", joins=False) == AccountTaken()
    await stores.users.close_account("customer-1", at=NOW)
    assert await add(stores, "bob", joins=False) == AccountTaken()
    assert await stores.users.find_user("bob") is None
    assert [user.id for user in await stores.users.list_users()] == [first.id]
    assert (await add(stores, "bob", joins=True)).account == "customer-1"


async def test_unknown_users_are_a_miss(stores):
    for login in ("", "nobody", "\ud800", "a\x00b"):
        assert await stores.users.find_user(login) is None
    for user_id in (0, -1, 99, 2**63, 10**400):
        assert await stores.users.find_user_by_id(user_id) is None


async def test_a_new_password_replaces_the_old(stores):
    made = await add(stores, "alice")
    await stores.users.set_password(made.id, "new hash", at=NOW)
    assert (await stores.users.find_user("alice")).password_hash == "new hash"


async def test_closing_an_account_closes_its_users_and_ends_their_sessions(stores):
    first, second = await add(stores, "alice"), await add(stores, "bob")
    other = await add(stores, "carol", account="customer-2")
    for user in (first, second, other):
        await stores.sessions.add_session(session(user.login, user_id=user.id))
    assert await stores.users.close_account("customer-1", at=NOW)
    assert [user.closed for user in await stores.users.list_users()] == [True, True, False]
    found = [await stores.sessions.find_session(hash_of(name)) for name in ("alice", "bob", "carol")]
    assert [one is not None for one in found] == [False, False, True]
    assert not await stores.users.close_account("customer-1", at=NOW)
    assert not await stores.users.close_account("no such account", at=NOW)


async def test_a_session_is_found_until_it_ends(stores):
    await stores.sessions.add_session(session("mine"))
    assert await stores.sessions.find_session(hash_of("mine")) == session("mine")
    for _ in range(2):
        await stores.sessions.end_session(hash_of("mine"))
    assert await stores.sessions.find_session(hash_of("mine")) is None


async def test_a_used_session_says_when(stores):
    await stores.sessions.add_session(session("mine"))
    await stores.sessions.touch_session(hash_of("mine"), at=NOW + 60)
    assert await stores.sessions.find_session(hash_of("mine")) == replace(session("mine"), last_seen=NOW + 60)


async def test_a_session_that_ended_is_not_brought_back_by_its_use(stores):
    await stores.sessions.touch_session(hash_of("ended"), at=NOW)
    assert await stores.sessions.find_session(hash_of("ended")) is None


async def test_all_sessions_of_a_user_end_except_the_one_at_hand(stores):
    for name, user_id in (("here", 1), ("there", 1), ("elsewhere", 1), ("somebody else", 2)):
        await stores.sessions.add_session(session(name, user_id=user_id))
    assert await stores.sessions.end_sessions_of(1, except_token_hash=hash_of("here")) == 2
    assert await stores.sessions.find_session(hash_of("here")) is not None
    assert await stores.sessions.end_sessions_of(1) == 1
    assert await stores.sessions.find_session(hash_of("somebody else")) is not None


async def test_old_and_idle_sessions_are_pruned(stores):
    await stores.sessions.add_session(session("fresh", created=NOW, last_seen=NOW))
    await stores.sessions.add_session(session("idle", created=NOW, last_seen=NOW - 100))
    await stores.sessions.add_session(session("old", created=NOW - 1000, last_seen=NOW))
    assert await stores.sessions.prune_sessions(idle_before=NOW - 99, created_before=NOW - 999) == 2
    assert await stores.sessions.find_session(hash_of("fresh")) is not None


async def test_failures_count_for_the_login_and_for_the_address(stores):
    attempts = stores.login_attempts
    await attempts.note_failure(login="alice", address="192.0.2.1", at=NOW)
    await attempts.note_failure(login="ALICE", address="192.0.2.2", at=NOW + 1)
    await attempts.note_failure(login="bob", address="192.0.2.1", at=NOW + 2)
    assert await attempts.failures_since(login="Alice", address="192.0.2.1", since=NOW) == (2, 2)
    assert await attempts.failures_since(login="Alice", address="192.0.2.1", since=NOW + 1) == (1, 1)
    assert await attempts.failures_since(login="carol", address="192.0.2.9", since=NOW) == (0, 0)


async def test_a_successful_login_forgets_its_failures_only(stores):
    attempts = stores.login_attempts
    for login in ("alice", "bob"):
        await attempts.note_failure(login=login, address="192.0.2.1", at=NOW)
    await attempts.forget_failures(login="alice")
    assert await attempts.failures_since(login="alice", address="192.0.2.1", since=NOW) == (0, 1)


async def test_old_failures_are_pruned(stores):
    attempts = stores.login_attempts
    for at in (NOW, NOW + 1):
        await attempts.note_failure(login="alice", address="192.0.2.1", at=at)
    assert await attempts.prune_failures(before=NOW + 1) == 1
    assert await attempts.failures_since(login="alice", address="192.0.2.1", since=0) == (1, 1)


async def test_what_was_typed_as_a_login_is_not_in_the_database(installation, storage):
    await storage.login_attempts.note_failure(login="MyP4ssword-in-the-wrong-field", address="192.0.2.1", at=NOW)
    storage.close()
    content = b"".join(file.read_bytes() for file in installation.data.iterdir())
    assert b"wrong-field" not in content.lower()
