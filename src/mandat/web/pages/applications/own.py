"""My applications: what the developer has registered, who uses it, and suspending, resuming, deleting.

Each change is two steps: a page that names the consequences, and the form on it. Source: issue 2.
"""

from litestar.response.base import ASGIResponse

from mandat.authority.applications.own import OwnApplication
from mandat.authority.login import Visitor
from mandat.look.fields import Fields
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.web.pages.account import to_login
from mandat.web.pages.frame.page import GivenPage, Page
from mandat.web.pages.frame.routing import read, write

PATH = "/developer/applications"
ACTIONS = ("suspend", "resume", "delete")


@read(PATH)
async def show_own(page: GivenPage) -> ASGIResponse:
    """The list, newest first."""
    if page.visitor is None:
        return page.go(to_login(PATH))
    own = await page.authority.applications.list_own(page.visitor.user.account)
    return page.render("own_applications.html", own=own[::-1], done=_done_text(page.query().find("done")), path=PATH)


@read(PATH + "/change")
async def ask_change(page: GivenPage) -> ASGIResponse:
    """Names the consequences before anything changes."""
    if page.visitor is None:
        return page.go(to_login(PATH))
    query = page.query()
    action, application_id = _target(query)
    own = await _find_own(page, page.visitor, application_id)
    if own is None:
        return page.go(PATH + "?done=gone")
    return page.render(
        "change_application.html",
        own=own,
        action=action,
        form_token=page.token("change", action, str(application_id)),
        path=PATH,
    )


@write(PATH + "/change")
async def change(page: GivenPage) -> ASGIResponse:
    """Does what the form names to one of the visitor's own applications."""
    form = await page.form()
    if page.visitor is None:
        return page.go(to_login(PATH))
    action, application_id = _target(form)
    page.check(form, "change", action, str(application_id))
    applications, visitor = page.authority.applications, page.visitor
    act = {"suspend": applications.suspend, "resume": applications.resume, "delete": applications.delete}[action]
    changed = await act(visitor.user.account, application_id, actor=visitor.actor, address=page.address)
    return page.go(f"{PATH}?done={action if changed else 'gone'}")


async def _find_own(page: Page, visitor: Visitor, application_id: int) -> OwnApplication | None:
    own = await page.authority.applications.list_own(visitor.user.account)
    return next((each for each in own if each.application.id == application_id), None)


def _target(fields: Fields) -> tuple[str, int]:
    """(action, application id). Raises PageRefusal (400), naming the field."""
    action = fields.text("action")
    if action not in ACTIONS:
        raise PageRefusal(400, _('The field "action" must be "suspend", "resume" or "delete".'))
    application_id = fields.number("application")
    if application_id is None:
        raise PageRefusal(400, _('The field "application" is missing.'))
    return action, application_id


def _done_text(done: str | None) -> str | None:
    """What the last form achieved; any other text in the address says nothing."""
    texts = {
        "suspend": _("Suspended. No call of this application passes until you resume it."),
        "resume": _("Resumed. Its customers' rights work again as before."),
        "delete": _("Deleted, with every right its customers had given to it."),
        "gone": _("Nothing was changed: the application is not there any more, or is not in a state for that."),
    }
    return None if done is None else texts.get(done)


HANDLERS = [show_own, ask_change, change]
