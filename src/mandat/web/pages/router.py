"""All page handlers, and the router that gives each of them its `Page`."""

from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from mandat.authority.service import Authority
from mandat.web.console import pages as console
from mandat.web.pages import (
    account,
    connected,
    consent,
    create_token,
    home,
    sessions,
)
from mandat.web.pages.applications import create as create_application
from mandat.web.pages.applications import own as own_applications
from mandat.web.pages.applications import secrets as application_secrets
from mandat.web.pages.errors import page_errors
from mandat.web.pages.frame.page import MAX_FORM_BYTES, AnyRequest, Page, open_page
from mandat.web.pages.frame.site import build_site
from mandat.web.settings import PageSettings


def controllers() -> list[ControllerRouterHandler]:
    """The handlers of all pages and static files. Their `page` parameter is filled by `page_router`."""
    return [
        *home.HANDLERS,
        *sessions.HANDLERS,
        *account.HANDLERS,
        *create_application.HANDLERS,
        *create_token.HANDLERS,
        *consent.HANDLERS,
        *connected.HANDLERS,
        *own_applications.HANDLERS,
        *application_secrets.HANDLERS,
        *console.HANDLERS,
    ]


def page_router(authority: Authority, settings: PageSettings) -> Router:
    """The pages over one authority, with error pages of their own.

    Raises:
        ValueError: the form secret is shorter than 32 bytes.
    """
    site = build_site(authority, settings)

    async def open_this_page(request: AnyRequest) -> Page:
        return await open_page(request, site)

    return Router(
        path="/",
        route_handlers=controllers(),
        dependencies={"page": Provide(open_this_page)},
        exception_handlers=page_errors(site),
        include_in_schema=False,
        # One more than the pages' own limit, so that theirs answers where it can.
        request_max_body_size=MAX_FORM_BYTES * 2,
    )
