"""Signing up, logging in and out, and finding the visitor behind a session token."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mandat.look.words import gettext as _
from mandat.look.words import ngettext
from mandat.marketplace.people.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS, Passwords
from mandat.marketplace.people.throttle import Throttle
from mandat.marketplace.store.people import OpenSession, People

IDLE_SECONDS = 2 * 3600.0
"""Longer than the authority's: nothing here can be done to an account without its owner's consent there."""
LONGEST_SECONDS = 12 * 3600.0
_TOUCH_SECONDS = 60.0
_TOKEN_BYTES = 32

_LOGIN = re.compile(r"[a-z0-9][a-z0-9._+@-]{1,62}[a-z0-9]")
_WINDOW_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session. `token` goes into the cookie and is not kept."""

    token: str = field(repr=False)
    login: str


@dataclass(frozen=True, slots=True)
class NotLoggedIn:
    """Why not. `field` is "login", "password" or "" for both. `wait_seconds` is set when there were too many tries."""

    field: str
    message: str
    wait_seconds: int = 0


class Membership:
    """The flows. All of them block: call them in a thread."""

    def __init__(
        self, people: People, passwords: Passwords, *, clock: Callable[[], float], entropy: Callable[[int], bytes]
    ) -> None:
        self._people = people
        self._passwords = passwords
        self._clock = clock
        self._entropy = entropy
        self._by_login = Throttle(10, _WINDOW_SECONDS, clock=clock)
        self._by_address = Throttle(60, _WINDOW_SECONDS, clock=clock)

    def sign_up(self, login: str, password: str, *, address: str) -> LoggedIn | NotLoggedIn:
        """Makes a user and logs in."""
        login = login.strip().lower()
        if not _LOGIN.fullmatch(login):
            return NotLoggedIn(
                "login",
                _("Please use your e-mail address, or 3 to 64 letters, digits and the characters . _ + @ -"),
            )
        problem = _password_problem(password)
        if problem:
            return NotLoggedIn("password", problem)
        if wait := self._by_address.take(address):
            return _too_many(wait)
        user = self._people.add_user(login, self._passwords.hash(password), at=self._clock())
        if user is None:
            return NotLoggedIn("login", _("This login is taken. Log in instead, or choose another one."))
        return self._open(user.id, user.login)

    def log_in(self, login: str, password: str, *, address: str) -> LoggedIn | NotLoggedIn:
        """Opens a session; the same words for an unknown login and for a wrong password."""
        login = login.strip().lower()
        if wait := max(self._by_login.take(login[:64]), self._by_address.take(address)):
            return _too_many(wait)
        user = self._people.find_user(login) if _LOGIN.fullmatch(login) else None
        fits = len(password.encode("utf-8", "surrogatepass")) <= MAX_PASSWORD_BYTES
        right = self._passwords.is_right(user.password_hash if user and fits else None, password[:MAX_PASSWORD_BYTES])
        if user is None or not right:
            return NotLoggedIn("", _("Login or password is wrong."))
        self._by_login.forgive(login)
        return self._open(user.id, user.login)

    def find_visitor(self, token: str) -> OpenSession | None:
        """Who is behind a session token; None for nobody."""
        now = self._clock()
        if not token:
            return None
        session = self._people.find_session(token, seen_after=now - IDLE_SECONDS, opened_after=now - LONGEST_SECONDS)
        if session is not None:
            self._people.touch_session(session.token_hash, at=now, unless_after=now - _TOUCH_SECONDS)
        return session

    def log_out(self, session: OpenSession) -> None:
        """Ends this session."""
        self._people.end_session(session.token_hash)

    def _open(self, user_id: int, login: str) -> LoggedIn:
        token = base64.urlsafe_b64encode(self._entropy(_TOKEN_BYTES)).rstrip(b"=").decode("ascii")
        now = self._clock()
        self._people.prune_sessions(seen_before=now - IDLE_SECONDS, opened_before=now - LONGEST_SECONDS)
        self._people.add_session(token, user_id, at=now)
        return LoggedIn(token, login)


def _password_problem(password: str) -> str | None:
    if len(password) < MIN_PASSWORD_CHARACTERS:
        return _("Please choose a password of at least %(num)d characters.") % {"num": MIN_PASSWORD_CHARACTERS}
    if len(password.encode("utf-8", "surrogatepass")) > MAX_PASSWORD_BYTES:
        return _("This password is too long.")
    return None


def _too_many(wait: int) -> NotLoggedIn:
    minutes = max(1, round(wait / 60))
    message = ngettext(
        "There were too many tries. Please try again in a minute.",
        "There were too many tries. Please try again in %(num)d minutes.",
        minutes,
    )
    return NotLoggedIn("", message % {"num": minutes}, wait)
