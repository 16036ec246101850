"""Every failure of a page as a page: what happened, and what to do next. Never a stack trace, never a bare line.

`page_errors(site)` covers the page routes; `error_page` is for `web.application`, which also meets paths and methods
that belong to no route.
"""

import logging
from collections.abc import Callable

from litestar import Response
from litestar.exceptions import HTTPException

from mandat.authority.interfaces import StorageUnavailable
from mandat.look.headers import page_headers
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.protocol.headers import QUERY_ID
from mandat.web.pages.frame.page import AnyRequest, PageElsewhere
from mandat.web.pages.frame.site import Site

_LOG = logging.getLogger("mandat.web.pages")

ErrorHandler = Callable[[AnyRequest, Exception], Response[str]]


def page_errors(site: Site) -> dict[int | type[Exception], ErrorHandler]:
    """Litestar's exception handlers for the page routes."""

    def refused(request: AnyRequest, refusal: Exception) -> Response[str]:
        assert isinstance(refusal, PageRefusal)
        return error_page(
            site, request, refusal.status, refusal.message, retry_after_seconds=refusal.retry_after_seconds
        )

    def elsewhere(request: AnyRequest, moved: Exception) -> Response[str]:
        assert isinstance(moved, PageElsewhere)
        return Response("", status_code=303, headers={"Location": moved.location, "Cache-Control": "no-store"})

    def foreseen(request: AnyRequest, fault: Exception) -> Response[str]:
        return error_page(site, request, fault.status_code if isinstance(fault, HTTPException) else 500)

    def storage_down(request: AnyRequest, fault: Exception) -> Response[str]:
        _LOG.error("storage did not answer a page: %s", fault)
        return error_page(site, request, 503, retry_after_seconds=5)

    def unforeseen(request: AnyRequest, fault: Exception) -> Response[str]:
        _LOG.error("a page failed", exc_info=fault)
        return error_page(site, request, 500)

    return {
        PageRefusal: refused,
        PageElsewhere: elsewhere,
        HTTPException: foreseen,
        StorageUnavailable: storage_down,
        Exception: unforeseen,
    }


def error_page(
    site: Site,
    request: AnyRequest,
    status: int,
    message: str | None = None,
    *,
    retry_after_seconds: int | None = None,
) -> Response[str]:
    """A whole page for `status`. It asks neither storage nor the session, so that it works when those do not.

    Args:
        site: the pages' tools.
        request: for the reference number that support asks for.
        status: the HTTP status.
        message: what exactly is wrong; a general text for the status when None.
        retry_after_seconds: becomes the Retry-After header.
    """
    title, what, advice = _texts(status)
    html = site.templates.get_template("error.html").render(
        brand=site.brand,
        visitor=None,
        logout_token="",
        status=status,
        title=title,
        message=message or what,
        advice=advice,
        reference=request.headers.get(QUERY_ID, ""),
    )
    headers = page_headers()
    if retry_after_seconds is not None:
        headers["Retry-After"] = str(retry_after_seconds)
    return Response(html, status_code=status, media_type="text/html", headers=headers)


def _texts(status: int) -> tuple[str, str, str]:
    """Title, what happened, what to do next."""
    texts = {
        400: (
            _("That did not reach us in one piece"),
            _("The request is malformed."),
            _("Go back and try again. If you followed a link, check that it was copied whole."),
        ),
        403: (
            _("That is not possible from here"),
            _("This is not allowed."),
            _("Open the page again and send the form once more."),
        ),
        404: (
            _("There is no such page"),
            _("Nothing lives at this address."),
            _("Check the address, or start from the home page."),
        ),
        405: (
            _("That is not how this page works"),
            _("This address does not take that kind of request."),
            _("Start from the home page."),
        ),
        413: (
            _("That was too much"),
            _("The form is larger than anything we accept."),
            _("Go back, shorten what you entered, and send it again."),
        ),
        421: (
            _("Wrong address"),
            _("This server does not answer under this address."),
            _("Use one of the addresses above."),
        ),
        429: (
            _("Please slow down"),
            _("There were too many tries from your network address."),
            _("Wait a little, then try again."),
        ),
        503: (
            _("We cannot answer right now"),
            _("A part of the system does not respond. Nothing was changed."),
            _("Try again in a few seconds."),
        ),
    }
    fallback = (
        _("Something went wrong on our side"),
        _("An error happened that we did not foresee. It has been noted."),
        _("Try again. If it happens again, tell whoever runs this service, with the reference below."),
    )
    if status in texts:
        return texts[status]
    return texts[400] if 400 <= status < 500 else fallback
