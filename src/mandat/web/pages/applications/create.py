"""createApp: a developer names an application and is shown its two keys, the secret once.

The answer to the form is a redirect to a page that shows the secret on its first visit only; sending the same form
again (reload, back, double click) leads to that page too and registers nothing. Source: wire.md 3.1, guide.
"""

from litestar.response.base import ASGIResponse

from mandat.authority.applications.registration import (
    DESCRIPTION_MAX_CHARACTERS,
    NAME_MAX_CHARACTERS,
    IssuedApplication,
)
from mandat.authority.fault import Fault
from mandat.authority.login import Visitor
from mandat.look.fields import Fields
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.web.pages.account import to_login
from mandat.web.pages.frame.memories import Registered
from mandat.web.pages.frame.page import GivenPage, Page, fault_errors, fault_status
from mandat.web.pages.frame.routing import read, write

PATH = "/createApp/"


@read("/createApp", "/api/createApp")
async def show_form(page: GivenPage) -> ASGIResponse:
    """The form, or with `registered` what a form has registered."""
    if page.visitor is None:
        return page.go(to_login(PATH))
    number = page.query().find("registered")
    if number is None:
        return _render_form(page)
    registered = page.site.once_shown.take(number, page.visitor.user.account)
    if registered is None or registered.secret is None:
        return page.render("application_shown.html", application=None if registered is None else registered.application)
    return page.render(
        "application_created.html",
        application=registered.application,
        secret=registered.secret,
        endpoint=page.api_origin + "/1.0",
    )


@write("/createApp")
async def register(page: GivenPage) -> ASGIResponse:
    """Registers the application, once for each form that was shown."""
    form = await page.form()
    if page.visitor is None:
        return page.go(to_login(PATH))
    number = form.text("form_number")
    page.check(form, "createApp", number, page.site.boot)
    known = page.site.once_shown.claim(number)
    outcome = await _register(page, page.visitor, form, number) if known is None else await known
    if isinstance(outcome, Fault):
        return _render_form(page, form=form, fault=outcome)
    if outcome is None:
        raise PageRefusal(503, _("The application was not registered. Try again."), retry_after_seconds=5)
    return page.go(f"{PATH}?registered={number}")


async def _register(
    page: Page, visitor: Visitor, form: Fields, number: str
) -> IssuedApplication | Registered | Fault | None:
    """Settles the claimed form whatever happens, so that nobody waits for it in vain."""
    outcome: IssuedApplication | Fault | None = None
    try:
        outcome = await page.authority.registration.register(
            visitor.user, name=form.text("name"), description=form.text("description"), address=page.address
        )
    finally:
        page.site.once_shown.settle(number, outcome)
    return outcome


def _render_form(page: Page, *, form: Fields | None = None, fault: Fault | None = None) -> ASGIResponse:
    number = page.authority.entropy(16).hex()
    return page.render(
        "create_application.html",
        status=200 if fault is None else fault_status(fault),
        name="" if form is None else form.text("name"),
        description="" if form is None else form.text("description"),
        name_max=NAME_MAX_CHARACTERS,
        description_max=DESCRIPTION_MAX_CHARACTERS,
        errors=[] if fault is None else fault_errors(fault, ("name", "description")),
        form_number=number,
        form_token=page.token("createApp", number, page.site.boot),
    )


HANDLERS = [show_form, register]
