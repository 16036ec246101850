"""Sign-up, login and logout. Passwords and throttling are decided in `authority.login`; here are forms and cookies.

A page to return to (`next`) is one of our own list, so that no link to us sends anybody elsewhere.
"""

import re
from typing import Any

from litestar.response.base import ASGIResponse

from mandat.authority.fault import Fault
from mandat.look.fields import Fields
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.web.pages.frame.page import GivenPage, Page, fault_errors, fault_status
from mandat.web.pages.frame.routing import read, write

HOME = "/"
_NEXT_PATHS = ("/account", "/account/applications", "/developer/applications", "/createApp/")
_NEXT_WITH_QUERY = re.compile(r"/auth/\?request=[A-Za-z0-9_-]{22}|/createToken/(?:\?[A-Za-z0-9/*&=%+._~-]{1,4000})?")


def safe_next(wanted: str | None) -> str:
    """`wanted` when it is a page we return people to, else the start page."""
    if wanted is not None and (wanted in _NEXT_PATHS or _NEXT_WITH_QUERY.fullmatch(wanted)):
        return wanted
    return HOME


@read("/login")
async def show_login(page: GivenPage) -> ASGIResponse:
    """The login form; somebody who is logged in goes on at once."""
    wanted = safe_next(page.query().find("next"))
    if page.visitor is not None:
        return page.go(wanted)
    return page.render("login.html", **login_form(page, wanted))


@write("/login")
async def log_in(page: GivenPage) -> ASGIResponse:
    """Opens a session and goes on to `next`."""
    form = await page.form()
    wanted = safe_next(form.find("next"))
    _refuse_second_login(page)
    page.check(form, "login")
    login, password = form.text("login"), form.text("password")
    opened = await page.authority.login.log_in(login, password, address=page.address)
    if isinstance(opened, Fault):
        return page.render(
            "login.html",
            status=fault_status(opened),
            retry_after_seconds=opened.retry_after_seconds,
            **login_form(page, wanted, login=login, fault=opened),
        )
    return page.go(wanted, cookies=page.opened(opened.token))


@read("/signup")
async def show_sign_up(page: GivenPage) -> ASGIResponse:
    """The form for a new account."""
    wanted = safe_next(page.query().find("next"))
    if page.visitor is not None:
        return page.go(wanted)
    return page.render("signup.html", **_sign_up_form(page, wanted))


@write("/signup")
async def sign_up(page: GivenPage) -> ASGIResponse:
    """Makes the account, logs in and goes on to `next`."""
    form = await page.form()
    wanted = safe_next(form.find("next"))
    _refuse_second_login(page)
    page.check(form, "signup")
    login, password = form.text("login"), form.text("password")
    made = await page.authority.login.sign_up(login, password, address=page.address)
    if isinstance(made, Fault):
        return _sign_up_again(page, wanted, form, made)
    opened = await page.authority.login.log_in(login, password, address=page.address)
    if isinstance(opened, Fault):
        return page.go("/login")
    return page.go(wanted, cookies=page.opened(opened.token))


@write("/logout")
async def log_out(page: GivenPage) -> ASGIResponse:
    """Ends this session. With `next` it goes on there, where the login form will be: that is "switch account"."""
    form = await page.form()
    if page.visitor is not None:
        page.check(form, "logout")
        await page.authority.login.log_out(page.session_token)
    return page.go(safe_next(form.find("next")), cookies=page.closed())


def login_form(page: Page, wanted: str, *, login: str = "", fault: Fault | None = None) -> dict[str, Any]:
    """What `login.html` needs; also used where a question waits for somebody to log in."""
    return {
        "next": wanted,
        "login": login,
        "errors": [] if fault is None else fault_errors(fault, ("login", "password")),
        "form_token": page.token("login"),
        "question": None,
    }


def _refuse_second_login(page: Page) -> None:
    """Going on as somebody else than the one whose password was just typed would be worse than saying no."""
    if page.visitor is not None:
        message = _("You are logged in already, as %(login)s, in this browser. Log out first.")
        raise PageRefusal(403, message % {"login": page.visitor.user.login})


def _sign_up_form(page: Page, wanted: str) -> dict[str, Any]:
    return {"next": wanted, "login": "", "errors": [], "form_token": page.token("signup")}


def _sign_up_again(page: Page, wanted: str, form: Fields, fault: Fault) -> ASGIResponse:
    context = _sign_up_form(page, wanted) | {
        "login": form.text("login"),
        "errors": fault_errors(fault, ("login", "password")),
    }
    return page.render(
        "signup.html", status=fault_status(fault), retry_after_seconds=fault.retry_after_seconds, **context
    )


HANDLERS = [show_login, log_in, show_sign_up, sign_up, log_out]
