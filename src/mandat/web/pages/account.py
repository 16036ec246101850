"""The visitor's own account: who he is, a new password, the end of all his sessions."""

from urllib.parse import urlencode

from litestar.response.base import ASGIResponse

from mandat.authority.fault import Fault
from mandat.authority.login import Visitor
from mandat.look.words import gettext as _
from mandat.web.pages.frame.page import GivenPage, Page, fault_errors, fault_status
from mandat.web.pages.frame.routing import read, write


def to_login(wanted: str) -> str:
    """The login page that returns to `wanted`."""
    return "/login?" + urlencode({"next": wanted})


@read("/account")
async def show_account(page: GivenPage) -> ASGIResponse:
    """Login, account, and the two forms."""
    if page.visitor is None:
        return page.go(to_login("/account"))
    done = _("Your password is changed. Every other browser was logged out.")
    return _render(page, page.visitor, done=done if page.query().find("done") == "password" else None)


@write("/account/password")
async def change_password(page: GivenPage) -> ASGIResponse:
    """Sets a new password; the visitor's other sessions end."""
    form = await page.form()
    if page.visitor is None:
        return page.go(to_login("/account"))
    page.check(form, "password")
    fault = await page.authority.login.change_password(
        page.visitor, old=form.text("old"), new=form.text("new"), address=page.address
    )
    if fault is not None:
        return _render(page, page.visitor, fault=fault)
    return page.go("/account?done=password")


@write("/account/sessions")
async def log_out_everywhere(page: GivenPage) -> ASGIResponse:
    """Ends every session of the visitor, this one too."""
    form = await page.form()
    if page.visitor is None:
        return page.go(to_login("/account"))
    page.check(form, "sessions")
    await page.authority.login.log_out_everywhere(page.visitor)
    return page.go(to_login("/account"), cookies=page.closed())


def _render(page: Page, visitor: Visitor, *, fault: Fault | None = None, done: str | None = None) -> ASGIResponse:
    return page.render(
        "account.html",
        status=200 if fault is None else fault_status(fault),
        retry_after_seconds=None if fault is None else fault.retry_after_seconds,
        user=visitor.user,
        session=visitor.session,
        errors=[] if fault is None else fault_errors(fault, ("old", "new")),
        done=done,
        password_token=page.token("password"),
        sessions_token=page.token("sessions"),
    )


HANDLERS = [show_account, change_password, log_out_everywhere]
