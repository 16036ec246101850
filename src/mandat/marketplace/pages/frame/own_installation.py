"""The installation that a page or a form is about: the visitor's own, or none."""

from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.marketplace.pages.frame.page import AnyRequest, Page, open_page
from mandat.marketplace.store.values import Installation


async def find_installation(page: Page, installation_id: str) -> Installation:
    """The visitor's installation of that id, as it is now.

    Raises:
        LoginNeeded: nobody is logged in.
        PageRefusal: 404, the visitor has none of that id.
    """
    member = page.member()
    found = await page.site.read(page.site.books.installations.find_own, member.user_id, installation_id)
    if found is None:
        raise PageRefusal(404, _("You have no such installation."))
    return found


async def open_form(request: AnyRequest, installation_id: str, action: str) -> tuple[Page, Installation]:
    """A form that does `action` to one of the visitor's installations and sends nothing else.

    Raises:
        LoginNeeded: nobody is logged in.
        PageRefusal: as `Page.form` and `Page.check`; 404, the visitor has none of that id.
    """
    page = await open_page(request)
    form = await page.form()
    installation = await find_installation(page, installation_id)
    page.check(form, action, installation.id)
    return page, installation
