"""Who is at the browser: accounts, passwords, sessions.

Decides: who is let in, when a session is over. Leaves to others: what a login and a password may look like
(`login_material`), how often somebody may guess (`login_throttle`), Argon2 (`Passwords`), cookies and forms
(`web.pages`), what a visitor may do (the other flows). Source: threats.md 3.6.
"""

import re
from dataclasses import dataclass

from mandat.authority.fault import Fault
from mandat.authority.interfaces import (
    AccountTaken,
    Clock,
    Entropy,
    LoginAttempts,
    LoginTaken,
    Passwords,
    SessionStore,
    UserStore,
)
from mandat.authority.login_material import composed, login_fault, password_fault
from mandat.authority.login_throttle import LoginPolicy, LoginThrottle
from mandat.authority.values import Role, Session, User
from mandat.protocol.keys import key_hash, make_key
from mandat.protocol.refusals import Reason

SESSION_TOKEN_LENGTH = 64
TOUCH_SECONDS = 60
"""`last_seen` is written at most once a minute: a page view must not cost a durable write each time."""

NEW_ACCOUNT_TRIES = 5
"""Numbers drawn for a new account before giving up. With a million accounts one draw in 600 million is taken."""

_SESSION_TOKEN = re.compile(r"[A-Za-z0-9]{64}")
_WRONG = "This login and password do not belong together"


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """Somebody has logged in. `token` goes into the cookie and is stored nowhere."""

    token: str
    user: User


@dataclass(frozen=True, slots=True)
class Visitor:
    """The user behind a valid session."""

    user: User
    session: Session

    @property
    def actor(self) -> str:
        """How the audit names him."""
        return f"user:{self.user.login}"


class Login:
    """Sign-up, log-in, sessions and passwords."""

    def __init__(
        self,
        users: UserStore,
        sessions: SessionStore,
        *,
        attempts: LoginAttempts,
        passwords: Passwords,
        clock: Clock,
        entropy: Entropy,
        policy: LoginPolicy | None = None,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._passwords = passwords
        self._clock = clock
        self._entropy = entropy
        self._policy = policy or LoginPolicy()
        self._throttle = LoginThrottle(attempts, self._policy, clock=clock)

    async def sign_up(
        self,
        login: str,
        password: str,
        *,
        role: Role = Role.CUSTOMER,
        address: str,
        account: str | None = None,
        throttled: bool = True,
    ) -> User | Fault:
        """Creates a user.

        Args:
            login: 3 to 64 letters, digits and `. _ @ + -`, beginning and ending with a letter or digit.
            password: 8 to 1,024 bytes of UTF-8.
            role: pages offer CUSTOMER and DEVELOPER only; who may make an OPERATOR is the caller's business.
            address: the caller's.
            account: the provider's account id, which the user joins when it exists; None opens a new account, never
                one that exists.
            throttled: False for the operator's own tools, which may create many from one place.
        """
        fault = login_fault(login) or password_fault(password)
        if fault is not None:
            return fault
        with self._throttle.place() as full:
            refused = full or (await self._throttle.admit("", address) if throttled else None)
            if refused is not None:
                return refused
            password_hash = await self._passwords.hash(composed(password))
        for _ in range(NEW_ACCOUNT_TRIES):
            added = await self._users.add_user(
                login=login,
                account=account or self._new_account(),
                role=role,
                password_hash=password_hash,
                at=self._now(),
                address=address,
                joins=account is not None,
            )
            if not isinstance(added, AccountTaken):
                break
        if isinstance(added, AccountTaken):
            return Fault(Reason.CONFLICT, "No account number is free; try again")
        if isinstance(added, LoginTaken):
            return Fault(Reason.CONFLICT, "This login is taken; choose another one", "login")
        return added

    async def log_in(self, login: str, password: str, *, address: str) -> OpenedSession | Fault:
        """Opens a session with a new token. The fault does not tell a wrong password from an unknown login."""
        known_shape = login_fault(login) is None
        throttle_key = login.lower() if known_shape else ""
        with self._throttle.place() as full:
            fault = full or await self._throttle.admit(throttle_key, address)
            if fault is not None:
                return fault
            user = await self._users.find_user(login) if known_shape else None
            if not await self._is_password_of(user, password) or user is None:
                return Fault(Reason.FORBIDDEN, _WRONG)
        await self._throttle.forget(throttle_key)
        return await self._open_session(user, address)

    async def find_visitor(self, session_token: str) -> Visitor | None:
        """The visitor with that session, or None when there is none, it is too old, or the user was closed.

        One that is used in its own future ends: the clock was stepped.
        """
        if _SESSION_TOKEN.fullmatch(session_token) is None:
            return None
        session = await self._sessions.find_session(key_hash(session_token))
        now = self._now()
        if session is None or not self._is_alive(session, now):
            return None
        if max(session.created, session.last_seen) > now + TOUCH_SECONDS:
            # The clock was wrong then or is wrong now. Counted on, it would live longer than it may.
            await self._sessions.end_session(session.token_hash)
            return None
        user = await self._users.find_user_by_id(session.user_id)
        if user is None or user.closed:
            return None
        if now - session.last_seen >= TOUCH_SECONDS:
            await self._sessions.touch_session(session.token_hash, at=now)
        return Visitor(user=user, session=session)

    async def log_out(self, session_token: str) -> None:
        """Ends that session; an unknown one is no fault."""
        if _SESSION_TOKEN.fullmatch(session_token) is not None:
            await self._sessions.end_session(key_hash(session_token))

    async def log_out_everywhere(self, visitor: Visitor) -> int:
        """Ends every session of the visitor, this one too. Answers how many."""
        return await self._sessions.end_sessions_of(visitor.user.id)

    async def change_password(self, visitor: Visitor, *, old: str, new: str, address: str) -> Fault | None:
        """Sets a new password and ends the visitor's other sessions."""
        fault = password_fault(new, field="new")
        if fault is not None:
            return fault
        throttle_key = visitor.user.login.lower()
        with self._throttle.place() as full:
            fault = full or await self._throttle.admit(throttle_key, address)
            if fault is not None:
                return fault
            if not await self._is_password_of(visitor.user, old):
                return Fault(Reason.FORBIDDEN, "This is not your current password", "old")
            password_hash = await self._passwords.hash(composed(new))
        await self._throttle.forget(throttle_key)
        await self._users.set_password(visitor.user.id, password_hash, at=self._now())
        await self._sessions.end_sessions_of(visitor.user.id, except_token_hash=visitor.session.token_hash)
        return None

    async def close_account(self, account: str) -> bool:
        """Closes every user of the account and ends their sessions. False when there is none.

        Delegations of the account are not touched here: see `Authority.close_account`.
        """
        return await self._users.close_account(account, at=self._now())

    async def prune(self) -> None:
        """Forgets sessions and failures that no longer count."""
        now = self._now()
        policy = self._policy
        await self._sessions.prune_sessions(
            idle_before=now - policy.idle_seconds, created_before=now - policy.absolute_seconds
        )
        await self._throttle.prune()

    async def _open_session(self, user: User, address: str) -> OpenedSession | Fault:
        token = make_key(self._entropy, SESSION_TOKEN_LENGTH)
        now = self._now()
        session = Session(token_hash=key_hash(token), user_id=user.id, created=now, last_seen=now, address=address)
        await self._sessions.add_session(session)
        # Somebody may have changed the password, or closed the account, while the old one was being checked: their
        # ending of sessions would then have missed this one.
        current = await self._users.find_user_by_id(user.id)
        if current is None or current.closed or current.password_hash != user.password_hash:
            await self._sessions.end_session(session.token_hash)
            return Fault(Reason.FORBIDDEN, _WRONG)
        return OpenedSession(token=token, user=current)

    async def _is_password_of(self, user: User | None, password: str) -> bool:
        """Spends the same time for an unknown user, a closed one and an impossible password."""
        usable = user is not None and not user.closed and password_fault(password) is None
        stored = user.password_hash if user is not None and usable else None
        return await self._passwords.verify(stored, composed(password) if usable else "")

    def _is_alive(self, session: Session, now: int) -> bool:
        return (
            now - session.last_seen < self._policy.idle_seconds
            and now - session.created < self._policy.absolute_seconds
        )

    def _new_account(self) -> str:
        """In the style of OVH's customer codes: two letters, digits, and where it is from."""
        number = int.from_bytes(self._entropy(8), "big")
        letters = "".join(chr(ord("a") + (number // 26**place) % 26) for place in range(2))
        return f"{letters}{(number // 26**2) % 10**12:012d}-mandat"

    def _now(self) -> int:
        return int(self._clock())
