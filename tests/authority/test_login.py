"""Who is at the browser: sign-up, log-in, sessions, passwords, throttling."""

import asyncio
import unicodedata

import pytest

from doubles.authority import HERE, PASSWORD, AuthorityWorld
from doubles.nature import PlainPasswords
from mandat.authority.fault import Fault
from mandat.authority.login import Login, OpenedSession
from mandat.authority.login_throttle import LoginPolicy
from mandat.authority.values import Role, User
from mandat.protocol.refusals import Reason


async def log_in(
    world: AuthorityWorld, login: str, password: str = PASSWORD, address: str = HERE
) -> OpenedSession | Fault:
    return await world.authority.login.log_in(login, password, address=address)


async def token_of(world: AuthorityWorld, login: str, password: str = PASSWORD) -> str:
    opened = await log_in(world, login, password)
    assert isinstance(opened, OpenedSession), opened
    return opened.token


async def test_a_new_user_gets_an_account_of_his_own(world: AuthorityWorld) -> None:
    first, second = await world.user("alice"), await world.user("bruno")
    assert first.account != second.account
    assert first.account.endswith("-mandat")
    assert first.account[:2].isalpha()
    assert first.account.removesuffix("-mandat")[2:].isdigit()
    assert first.role is Role.CUSTOMER


async def test_a_user_can_join_an_account_of_the_provider(world: AuthorityWorld) -> None:
    user = await world.authority.login.sign_up("alice", PASSWORD, address=HERE, account="ab12345-prov")
    assert isinstance(user, User)
    assert user.account == "ab12345-prov"


async def test_a_new_account_is_never_one_that_exists(world: AuthorityWorld) -> None:
    drawn = [b"\0" * 8, b"\0" * 8, b"\1" * 8]
    login = Login(
        world.stores.users,
        world.stores.sessions,
        attempts=world.stores.login_attempts,
        passwords=world.passwords,
        clock=world.clock,
        entropy=lambda size: drawn.pop(0)[:size],
    )
    first, second = [await login.sign_up(name, PASSWORD, address=HERE) for name in ("alice", "bruno")]
    assert isinstance(first, User)
    assert isinstance(second, User)
    assert first.account != second.account
    assert drawn == []


async def test_without_a_free_account_number_nobody_signs_up(world: AuthorityWorld) -> None:
    login = Login(
        world.stores.users,
        world.stores.sessions,
        attempts=world.stores.login_attempts,
        passwords=world.passwords,
        clock=world.clock,
        entropy=bytes,
    )
    await login.sign_up("alice", PASSWORD, address=HERE)
    fault = await login.sign_up("bruno", PASSWORD, address=HERE)
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.CONFLICT
    assert [user.login for user in await world.stores.users.list_users()] == ["alice"]


async def test_the_same_login_in_another_case_is_taken(world: AuthorityWorld) -> None:
    await world.user("alice@example.org")
    fault = await world.authority.login.sign_up("Alice@Example.org", PASSWORD, address=HERE)
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.field) == (Reason.CONFLICT, "login")


@pytest.mark.parametrize(
    "login",
    [
        "",
        "ab",
        "a" * 65,
        " alice",
        "alice ",
        "al ice",
        "-alice",
        "alice.",
        "al\x00ice",
        "al\nice",
        "älice",
        "ali\ud800ce",
        "alice\n",
        "аlice",
    ],
)
async def test_a_login_that_cannot_be_one_is_refused_by_name(world: AuthorityWorld, login: str) -> None:
    fault = await world.authority.login.sign_up(login, PASSWORD, address=HERE)
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.field) == (Reason.BAD_PARAMETER, "login")
    assert world.stores.users.rows == {}


@pytest.mark.parametrize("login", ["abc", "a" * 64, "alice@example.org", "a.b_c+d-e", "A1b"])
async def test_a_login_may_look_like_an_address(world: AuthorityWorld, login: str) -> None:
    assert (await world.user(login)).login == login


@pytest.mark.parametrize("password", ["", "seven77", "x" * 1025, "é" * 513, "x" * 5_000_000, "abcdefg\ud800"])
async def test_a_password_that_cannot_be_one_is_refused_by_name(world: AuthorityWorld, password: str) -> None:
    fault = await world.authority.login.sign_up("alice", password, address=HERE)
    assert isinstance(fault, Fault)
    assert (fault.reason, fault.field) == (Reason.BAD_PARAMETER, "password")
    assert world.stores.users.rows == {}


@pytest.mark.parametrize("password", ["eight888", "x" * 1024, "é" * 512, "tabs\tand\x00all"])
async def test_every_other_password_works(world: AuthorityWorld, password: str) -> None:
    await world.authority.login.sign_up("alice", password, address=HERE)
    assert isinstance(await log_in(world, "alice", password), OpenedSession)


async def test_a_password_typed_in_decomposed_form_is_the_same_password(world: AuthorityWorld) -> None:
    await world.authority.login.sign_up("alice", unicodedata.normalize("NFC", "schlüssel é"), address=HERE)
    assert isinstance(await log_in(world, "alice", unicodedata.normalize("NFD", "schlüssel é")), OpenedSession)


async def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(world: AuthorityWorld) -> None:
    await world.user("alice")
    wrong, unknown = await log_in(world, "alice", "not the password"), await log_in(world, "nobody", PASSWORD)
    impossible = await log_in(world, "no body\x00", PASSWORD)
    assert isinstance(wrong, Fault)
    assert wrong == unknown == impossible
    assert wrong.reason is Reason.FORBIDDEN


async def test_an_unknown_login_costs_a_password_check_too(world: AuthorityWorld) -> None:
    await log_in(world, "nobody")
    await log_in(world, "no body\x00")
    assert world.passwords.verified == [None, None]


async def test_a_password_nobody_can_have_costs_a_check_and_does_not_fit(world: AuthorityWorld) -> None:
    await world.user("alice")
    assert isinstance(await log_in(world, "alice", "x\ud800" * 10), Fault)
    assert world.passwords.verified == [None]


async def test_each_login_opens_a_session_of_its_own(world: AuthorityWorld) -> None:
    await world.user("alice")
    first, second = await token_of(world, "alice"), await token_of(world, "ALICE")
    assert first != second
    assert len(first) == 64
    for token in (first, second):
        visitor = await world.authority.login.find_visitor(token)
        assert visitor is not None
        assert visitor.user.login == "alice"


async def test_the_session_token_is_stored_as_a_hash_only(world: AuthorityWorld) -> None:
    await world.user("alice")
    token = await token_of(world, "alice")
    assert token.encode() not in b"".join(world.stores.sessions.rows)


@pytest.mark.parametrize("token", ["", "x", "x" * 64, "x" * 63 + "\x00", "\ud800" * 64, "é" * 64])
async def test_any_other_text_is_nobodys_session(world: AuthorityWorld, token: str) -> None:
    await world.visitor("alice")
    assert await world.authority.login.find_visitor(token) is None
    await world.authority.login.log_out(token)


async def test_a_session_ends_after_half_an_hour_of_silence(world: AuthorityWorld) -> None:
    await world.user("alice")
    token = await token_of(world, "alice")
    world.clock.advance(1799)
    assert await world.authority.login.find_visitor(token) is not None
    world.clock.advance(1799)
    assert await world.authority.login.find_visitor(token) is not None
    world.clock.advance(1800)
    assert await world.authority.login.find_visitor(token) is None


async def test_a_session_in_use_ends_after_twelve_hours(world: AuthorityWorld) -> None:
    await world.user("alice")
    token = await token_of(world, "alice")
    for _ in range(43200 // 1200 - 1):
        world.clock.advance(1200)
        assert await world.authority.login.find_visitor(token) is not None
    world.clock.advance(1200)
    assert await world.authority.login.find_visitor(token) is None


async def test_a_session_used_while_the_clock_was_ahead_ends_when_it_is_right_again(world: AuthorityWorld) -> None:
    login = world.authority.login
    await world.user("alice")
    token = await token_of(world, "alice")
    world.clock.now += 1200
    assert await login.find_visitor(token) is not None
    world.clock.now -= 1200
    assert await login.find_visitor(token) is None
    world.clock.now += 1200
    assert await login.find_visitor(token) is None


async def test_a_clock_set_back_by_less_than_a_minute_ends_no_session(world: AuthorityWorld) -> None:
    await world.user("alice")
    token = await token_of(world, "alice")
    world.clock.now -= 59
    assert await world.authority.login.find_visitor(token) is not None


async def test_a_page_view_is_written_down_once_a_minute_at_most(world: AuthorityWorld) -> None:
    await world.user("alice")
    token = await token_of(world, "alice")
    start = int(world.clock.now)
    world.clock.advance(59)
    await world.authority.login.find_visitor(token)
    assert [row.last_seen for row in world.stores.sessions.rows.values()] == [start]
    world.clock.advance(1)
    await world.authority.login.find_visitor(token)
    assert [row.last_seen for row in world.stores.sessions.rows.values()] == [start + 60]


async def test_logging_out_ends_that_session_only(world: AuthorityWorld) -> None:
    await world.user("alice")
    first, second = await token_of(world, "alice"), await token_of(world, "alice")
    await world.authority.login.log_out(first)
    assert await world.authority.login.find_visitor(first) is None
    assert await world.authority.login.find_visitor(second) is not None


async def test_logging_out_everywhere_ends_all_sessions_of_that_user_only(world: AuthorityWorld) -> None:
    alice, bruno = await world.visitor("alice"), await world.visitor("bruno")
    await token_of(world, "alice")
    assert await world.authority.login.log_out_everywhere(alice) == 2
    assert list(world.stores.sessions.rows) == [bruno.session.token_hash]


async def test_a_new_password_ends_the_other_sessions(world: AuthorityWorld) -> None:
    await world.user("alice")
    here, elsewhere = await token_of(world, "alice"), await token_of(world, "alice")
    visitor = await world.authority.login.find_visitor(here)
    assert visitor is not None
    changed = await world.authority.login.change_password(visitor, old=PASSWORD, new="another password", address=HERE)
    assert changed is None
    assert await world.authority.login.find_visitor(here) is not None
    assert await world.authority.login.find_visitor(elsewhere) is None
    assert isinstance(await log_in(world, "alice", PASSWORD), Fault)
    assert isinstance(await log_in(world, "alice", "another password"), OpenedSession)


@pytest.mark.parametrize(
    ("old", "new", "field"), [("wrong password", "another one", "old"), (PASSWORD, "short", "new")]
)
async def test_a_password_change_names_the_field_that_is_wrong(
    world: AuthorityWorld, old: str, new: str, field: str
) -> None:
    visitor = await world.visitor("alice")
    fault = await world.authority.login.change_password(visitor, old=old, new=new, address=HERE)
    assert isinstance(fault, Fault)
    assert fault.field == field
    assert isinstance(await log_in(world, "alice"), OpenedSession)


class SlowPasswords(PlainPasswords):
    """Waits inside a check until told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()

    async def verify(self, password_hash: str | None, password: str) -> bool:
        fits = await super().verify(password_hash, password)
        self.started.set()
        await self.go_on.wait()
        return fits


async def test_a_login_that_was_being_checked_while_the_password_changed_does_not_last() -> None:
    slow = SlowPasswords()
    world = AuthorityWorld(passwords=slow)
    user = await world.user("alice")
    attempt = asyncio.create_task(log_in(world, "alice"))
    await slow.started.wait()
    await world.stores.users.set_password(user.id, "plain:changed meanwhile", at=0)
    slow.go_on.set()
    assert isinstance(await attempt, Fault)
    assert world.stores.sessions.rows == {}


async def test_only_so_many_passwords_wait_to_be_checked() -> None:
    slow = SlowPasswords()
    world = AuthorityWorld(passwords=slow, login_policy=LoginPolicy(waiting=2))
    await world.user("alice")
    attempts = [asyncio.create_task(log_in(world, "alice", address=f"192.0.2.{place}")) for place in range(4)]
    await slow.started.wait()
    for _ in range(50):
        await asyncio.sleep(0)
    slow.go_on.set()
    answers = await asyncio.gather(*attempts)
    turned_away = [answer for answer in answers if isinstance(answer, Fault)]
    assert [fault.reason for fault in turned_away] == [Reason.TOO_MANY_FAILURES] * 2


async def test_too_many_failures_of_one_login_make_it_wait_and_say_how_long() -> None:
    world = AuthorityWorld(login_policy=LoginPolicy(failures_per_login=3, window_seconds=300))
    await world.user("alice")
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        await log_in(world, "alice", "wrong password", address)
        world.clock.advance(10)
    fault = await log_in(world, "alice", address="192.0.2.4")
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.TOO_MANY_FAILURES
    assert fault.retry_after_seconds == 271
    assert "271 seconds" in fault.message
    world.clock.advance(270)
    assert isinstance(await log_in(world, "alice", address="192.0.2.4"), Fault)
    world.clock.advance(1)
    assert isinstance(await log_in(world, "alice", address="192.0.2.4"), OpenedSession)


async def test_too_many_failures_from_one_address_stop_it_for_every_login() -> None:
    world = AuthorityWorld(login_policy=LoginPolicy(failures_per_address=3))
    await world.user("alice")
    for login in ("bruno", "carla", "not a login"):
        await log_in(world, login, "wrong password", "203.0.113.9")
    assert isinstance(await log_in(world, "alice", address="203.0.113.9"), Fault)
    assert isinstance(await log_in(world, "alice", address="203.0.113.10"), OpenedSession)


async def test_a_burst_of_guesses_is_counted_before_the_first_has_failed() -> None:
    world = AuthorityWorld(login_policy=LoginPolicy(failures_per_login=5))
    await world.user("alice")
    await asyncio.gather(*(log_in(world, "alice", f"guess number {number}") for number in range(40)))
    assert len(world.passwords.verified) == 5


async def test_success_forgets_the_failures_of_that_login() -> None:
    world = AuthorityWorld(login_policy=LoginPolicy(failures_per_login=3))
    await world.user("alice")
    for _ in range(5):
        await log_in(world, "alice", "wrong password")
        assert isinstance(await log_in(world, "alice"), OpenedSession)


async def test_guessing_the_old_password_is_throttled_like_logging_in() -> None:
    world = AuthorityWorld(login_policy=LoginPolicy(failures_per_login=3))
    visitor = await world.visitor("alice")
    for _ in range(3):
        await world.authority.login.change_password(visitor, old="wrong password", new="another one", address=HERE)
    fault = await world.authority.login.change_password(visitor, old=PASSWORD, new="another one", address=HERE)
    assert isinstance(fault, Fault)
    assert fault.reason is Reason.TOO_MANY_FAILURES


async def test_signing_up_is_throttled_per_address_but_not_for_the_operators_tools() -> None:
    world = AuthorityWorld(login_policy=LoginPolicy(failures_per_address=2))
    await world.user("alice")
    await world.user("bruno")
    fault = await world.authority.login.sign_up("carla", PASSWORD, address=HERE)
    assert isinstance(fault, Fault)
    assert fault.retry_after_seconds is not None
    assert isinstance(await world.authority.login.sign_up("carla", PASSWORD, address=HERE, throttled=False), User)


async def test_closing_an_account_ends_sessions_delegations_and_applications(world: AuthorityWorld) -> None:
    dana, alice = await world.visitor("dana"), await world.visitor("alice")
    own, shop = await world.application(alice.user), await world.application(dana.user)
    await world.confirmed((await world.request(shop.application.key)).token, alice)
    assert await world.authority.close_account(alice.user.account, actor="operator", address=HERE)
    assert isinstance(await log_in(world, "alice"), Fault)
    assert [session.user_id for session in world.stores.sessions.rows.values()] == [dana.user.id]
    assert [row.state.value for row in world.stores.credentials.rows.values()] == ["revoked"]
    assert world.stores.applications.rows[own.application.id].status.value == "inactive"
    assert not await world.authority.close_account(alice.user.account, actor="operator", address=HERE)


async def test_pruning_forgets_what_no_longer_counts(world: AuthorityWorld) -> None:
    await world.visitor("alice")
    await log_in(world, "alice", "wrong password")
    world.clock.advance(43201)
    await world.authority.prune()
    assert world.stores.sessions.rows == {}
    assert world.stores.login_attempts.rows == []
