"""The marketplace as an ASGI application: its routes, and an error page for everything that goes wrong."""

import logging
from http import HTTPStatus

from litestar import Litestar, MediaType, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.response.base import ASGIResponse

from mandat.look.headers import page_headers
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.marketplace.pages import catalogue, events, installations, members, removals, setup, static_files, upgrades
from mandat.marketplace.pages.frame.page import MAX_FORM_BYTES, AnyRequest, LoginNeeded, OtherHost, login_path, read
from mandat.marketplace.pages.frame.site import Site
from mandat.marketplace.store.database import StoreUnavailable
from mandat.marketplace.store.vault import VaultBroken

_log = logging.getLogger("mandat.marketplace")


@read("/health/live")
async def say_live(request: AnyRequest) -> ASGIResponse:
    """The process answers."""
    return ASGIResponse(body="live\n", media_type="text/plain")


@read("/health/ready")
async def say_ready(request: AnyRequest) -> ASGIResponse:
    """The engine works on installations and the database can be read."""
    site: Site = request.app.state.site
    await site.read(site.registrations.find)
    ready = site.is_ready()
    return ASGIResponse(body="ready\n" if ready else "starting\n", status_code=200 if ready else 503)


def make_application(site: Site) -> Litestar:
    """The application for one site."""
    return Litestar(
        route_handlers=[
            catalogue.show_home,
            catalogue.show_catalogue,
            catalogue.show_stack,
            catalogue.show_preview,
            catalogue.install,
            installations.list_installations,
            installations.show_installation,
            installations.come_back,
            installations.ask_again,
            installations.try_again,
            installations.check_permission,
            removals.show_removal,
            removals.remove,
            removals.come_back_to_remove,
            removals.cancel,
            removals.keep,
            removals.forget,
            upgrades.show_upgrade,
            upgrades.upgrade,
            upgrades.come_back_to_upgrade,
            upgrades.ask_upgrade_again,
            upgrades.show_going_back,
            upgrades.go_back,
            upgrades.keep_upgrade,
            events.stream_progress,
            members.show_login,
            members.show_sign_up,
            members.log_in,
            members.sign_up,
            members.log_out,
            setup.show_setup,
            setup.set_up,
            static_files.send_static_file,
            say_live,
            say_ready,
        ],
        exception_handlers={
            PageRefusal: _refused,
            LoginNeeded: _login_needed,
            OtherHost: _other_host,
            StoreUnavailable: _no_store,
            VaultBroken: _no_store,
            HTTPException: _http_error,
            Exception: _mistake,
        },
        state=State({"site": site}),
        openapi_config=None,
        logging_config=None,
        request_max_body_size=MAX_FORM_BYTES,
        pdb_on_exception=False,
    )


def _refused(request: AnyRequest, fault: PageRefusal) -> Response[str]:
    return _error_page(request, fault.status, fault.message)


def _login_needed(request: AnyRequest, fault: LoginNeeded) -> Response[str]:
    headers = {"Location": login_path(fault.next), "Cache-Control": "no-store"}
    return Response("", status_code=303, headers=headers, media_type=MediaType.TEXT)


def _other_host(request: AnyRequest, _fault: OtherHost) -> Response[str]:
    site: Site = request.app.state.site
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    location = f"{site.origin}{path}?{query}" if query else f"{site.origin}{path}"
    return Response("", status_code=307, headers={"Location": location}, media_type=MediaType.TEXT)


def _no_store(request: AnyRequest, fault: Exception) -> Response[str]:
    _log.error("%s", fault)
    return _error_page(
        request,
        503,
        _("The marketplace cannot get at its data right now. Nothing was changed; please try again shortly."),
    )


def _http_error(request: AnyRequest, fault: HTTPException) -> Response[str]:
    messages = {
        404: _("There is no page at this address."),
        405: _("This page does not take that kind of request."),
        413: _("This form is too large."),
    }
    return _error_page(
        request, fault.status_code, messages.get(fault.status_code, _("This request cannot be understood."))
    )


def _mistake(request: AnyRequest, fault: Exception) -> Response[str]:
    _log.error("a page failed", exc_info=fault)
    return _error_page(request, 500, _("The marketplace made a mistake. Nothing was changed as far as we know."))


def _error_page(request: AnyRequest, status: int, message: str) -> Response[str]:
    site: Site = request.app.state.site
    html = site.templates.get_template("error.html").render(
        brand=site.brand, status=status, phrase=HTTPStatus(status).phrase, message=message
    )
    return Response(html, status_code=status, media_type=MediaType.HTML, headers=page_headers())
