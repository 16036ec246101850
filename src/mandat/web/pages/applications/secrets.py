"""Secrets of one of the developer's applications: add a second one, see which is still in use, end the old one.

A new secret is shown on the page that the form leads to, once, as when an application is registered. What may be done,
and when, is decided in `authority.application_secrets`.
"""

from litestar.response.base import ASGIResponse

from mandat.authority.applications.registration import IssuedApplication
from mandat.authority.applications.secrets import MOST_SECRETS, IssuedSecret
from mandat.authority.fault import Fault
from mandat.authority.login import Visitor
from mandat.look.fields import Fields
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.look.words import ngettext
from mandat.web.pages.account import to_login
from mandat.web.pages.frame.memories import Registered
from mandat.web.pages.frame.page import GivenPage, Page, fault_errors, fault_status
from mandat.web.pages.frame.routing import read, write

LIST_PATH = "/developer/applications"
PATH = LIST_PATH + "/secrets"
DAY_SECONDS = 86_400
OFFERED_DAYS = (0, 1, 7, 30, 90)


@read(PATH)
async def show_secrets(page: GivenPage) -> ASGIResponse:
    """Both secrets with their last use; with `added` also the new one, on the first visit only."""
    if page.visitor is None:
        return page.go(to_login(LIST_PATH))
    query = page.query()
    application_id = _application_id(query)
    number = query.find("added")
    shown = None if number is None else page.site.once_shown.take(number, page.visitor.user.account)
    return await _render(page, page.visitor, application_id, shown=shown, done=query.find("done"))


@write(PATH)
async def change_secrets(page: GivenPage) -> ASGIResponse:
    """Adds a secret, or ends one now or after some days."""
    form = await page.form()
    if page.visitor is None:
        return page.go(to_login(LIST_PATH))
    application_id, action = _application_id(form), form.text("action")
    if action == "add":
        return await _add(page, page.visitor, form, application_id)
    if action == "end":
        return await _end(page, page.visitor, form, application_id)
    raise PageRefusal(400, _('The field "action" must be "add" or "end".'))


async def _add(page: Page, visitor: Visitor, form: Fields, application_id: int) -> ASGIResponse:
    number = form.text("form_number")
    page.check(form, "add secret", str(application_id), number, page.site.boot)
    known = page.site.once_shown.claim(number)
    outcome = await _issue(page, visitor, application_id, number) if known is None else await known
    if isinstance(outcome, Fault):
        return await _render(page, visitor, application_id, fault=outcome)
    if outcome is None:
        raise PageRefusal(503, _("No secret was made. Try again."), retry_after_seconds=5)
    return page.go(f"{PATH}?application={application_id}&added={number}")


async def _issue(
    page: Page, visitor: Visitor, application_id: int, number: str
) -> IssuedApplication | Registered | Fault | None:
    """Settles the claimed form whatever happens, so that nobody waits for it in vain."""
    outcome: IssuedApplication | Fault | None = None
    try:
        issued = await page.authority.application_secrets.add_secret(
            visitor.user.account, application_id, actor=visitor.actor, address=page.address
        )
        outcome = IssuedApplication(issued.application, issued.text) if isinstance(issued, IssuedSecret) else issued
    finally:
        page.site.once_shown.settle(number, outcome)
    return outcome


async def _end(page: Page, visitor: Visitor, form: Fields, application_id: int) -> ASGIResponse:
    secret_id, days = form.number("secret"), form.number("days")
    if secret_id is None or days is None:
        raise PageRefusal(400, _('The field "secret" or "days" is missing.'))
    page.check(form, "end secret", str(application_id), str(secret_id))
    now = int(page.authority.clock())
    outcome = await page.authority.application_secrets.end_secret(
        visitor.user.account,
        application_id,
        secret_id,
        ends=now + days * DAY_SECONDS if days else None,
        actor=visitor.actor,
        address=page.address,
    )
    if isinstance(outcome, Fault):
        return await _render(page, visitor, application_id, fault=outcome)
    return page.go(f"{PATH}?application={application_id}&done={'later' if days else 'ended'}")


async def _render(
    page: Page,
    visitor: Visitor,
    application_id: int,
    *,
    shown: Registered | None = None,
    done: str | None = None,
    fault: Fault | None = None,
) -> ASGIResponse:
    account = visitor.user.account
    application = await page.authority.applications.find(account, application_id)
    secrets = await page.authority.application_secrets.list_secrets(account, application_id)
    if application is None or secrets is None:
        return page.go(LIST_PATH + "?done=gone")
    number = page.authority.entropy(16).hex()
    ids = [one.secret.id for one in secrets]
    lasting = [one.secret.id for one in secrets if one.secret.ends is None]
    return page.render(
        "application_secrets.html",
        status=200 if fault is None else fault_status(fault),
        application=application,
        secrets=secrets,
        new_secret=None if shown is None else shown.secret,
        may_add=len(secrets) < MOST_SECRETS,
        may_end=[id_ for id_ in ids if set(lasting) - {id_}],
        days=[(str(days), _days_text(days)) for days in OFFERED_DAYS],
        errors=[] if fault is None else fault_errors(fault, ()),
        done=_done_text(done),
        form_number=number,
        add_token=page.token("add secret", str(application_id), number, page.site.boot),
        end_tokens={
            one.secret.id: page.token("end secret", str(application_id), str(one.secret.id)) for one in secrets
        },
        path=PATH,
        list_path=LIST_PATH,
    )


def _application_id(fields: Fields) -> int:
    application_id = fields.number("application")
    if application_id is None:
        raise PageRefusal(400, _('The field "application" is missing.'))
    return application_id


def _days_text(days: int) -> str:
    return _("now") if days == 0 else ngettext("in %(num)d day", "in %(num)d days", days) % {"num": days}


def _done_text(done: str | None) -> str | None:
    texts = {
        "ended": _("Ended. Calls signed with that secret are refused from now on."),
        "later": _("Its end is set. Until then both secrets sign."),
    }
    return None if done is None else texts.get(done)


HANDLERS = [show_secrets, change_secrets]
