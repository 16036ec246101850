"""Connected applications: what the customer has given to whom, and how she takes it back.

Taking back is two steps: a page that names what will stop, and the form on it. Source: issue 2, features.md f1 and f2.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from litestar.response.base import ASGIResponse

from mandat.authority.delegations import Connection, Delegation
from mandat.authority.login import Visitor
from mandat.look.fields import Fields
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.web.pages.account import to_login
from mandat.web.pages.frame.page import GivenPage, Page
from mandat.web.pages.frame.routing import read, write

PATH = "/account/applications"


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is to be taken back: one delegation, all of one application, or (both None) everything.

    `connections` are the applications concerned, `delegations` what will stop.
    """

    credential: int | None
    application: int | None
    connections: tuple[Connection, ...]
    delegations: tuple[Delegation, ...]

    @property
    def fields(self) -> dict[str, str]:
        """As a form says it."""
        if self.credential is not None:
            return {"credential": str(self.credential)}
        if self.application is not None:
            return {"application": str(self.application)}
        return {"all": "yes"}


@read(PATH)
async def show_connected(page: GivenPage) -> ASGIResponse:
    """Running connections first, ended ones below."""
    if page.visitor is None:
        return page.go(to_login(PATH))
    connections = await page.authority.delegations.list_connected(page.visitor.user.account)
    return page.render(
        "connected.html",
        running=[connection for connection in connections if connection.active],
        ended=[connection for connection in connections if not connection.active],
        done=_done_text(page.query().find("done")),
        path=PATH,
    )


@read(PATH + "/revoke")
async def ask_revoke(page: GivenPage) -> ASGIResponse:
    """Names the consequences before anything is taken back."""
    if page.visitor is None:
        return page.go(to_login(PATH))
    revocation = await _revocation(page, page.visitor, page.query())
    if revocation is None:
        return page.go(PATH + "?done=gone")
    fields = revocation.fields
    return page.render(
        "revoke.html",
        revocation=revocation,
        fields=fields,
        form_token=page.token("revoke", urlencode(fields)),
        path=PATH,
    )


@write(PATH + "/revoke")
async def revoke(page: GivenPage) -> ASGIResponse:
    """Takes back what the form names. What has ended already is no fault."""
    form = await page.form()
    if page.visitor is None:
        return page.go(to_login(PATH))
    credential, application = _target(form)
    fields = Revocation(credential, application, (), ()).fields
    page.check(form, "revoke", urlencode(fields))
    delegations, account = page.authority.delegations, page.visitor.user.account
    actor, address = page.visitor.actor, page.address
    if credential is not None:
        ended = int(await delegations.revoke(account, credential, actor=actor, address=address))
    elif application is not None:
        ended = await delegations.revoke_application(account, application, actor=actor, address=address)
    else:
        ended = await delegations.revoke_all(account, actor=actor, address=address)
    return page.go(f"{PATH}?done={'revoked' if ended else 'gone'}")


async def _revocation(page: Page, visitor: Visitor, query: Fields) -> Revocation | None:
    """What the query asks to take back, or None when nothing of it is running."""
    credential, application = _target(query)
    found_connections, found_delegations = [], []
    for connection in await page.authority.delegations.list_connected(visitor.user.account):
        if application is not None and connection.application_id != application:
            continue
        running = [
            each
            for each in connection.delegations
            if each.active and (credential is None or each.credential.id == credential)
        ]
        if running:
            found_connections.append(connection)
            found_delegations += running
    if not found_delegations:
        return None
    return Revocation(credential, application, tuple(found_connections), tuple(found_delegations))


def _target(fields: Fields) -> tuple[int | None, int | None]:
    """(credential, application); both None means all. Raises PageRefusal (400) unless exactly one is named."""
    credential, application = fields.number("credential"), fields.number("application")
    everything = fields.find("all")
    if everything not in {None, "yes"}:
        raise PageRefusal(400, _('The field "all" must be "yes".'))
    if [credential, application, everything].count(None) != 2:
        raise PageRefusal(400, _('Name one of "credential", "application" and "all".'))
    return credential, application


def _done_text(done: str | None) -> str | None:
    """What the last form achieved; any other text in the address says nothing."""
    texts = {
        "revoked": _("Done. The rights are taken back; the next call that needs them is refused."),
        "gone": _("There was nothing left to take back: it had ended already."),
    }
    return None if done is None else texts.get(done)


HANDLERS = [show_connected, ask_revoke, revoke]
