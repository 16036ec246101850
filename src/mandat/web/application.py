"""The authority's web application: the API and the pages in one Litestar app, and what happens when something fails.

No OpenAPI, no debug pages, no sessions of the framework. It must never see a path the gateway has not judged: the
framework decodes `%2F` and collapses slashes, so it may route, but never decide (design.md 2).
"""

import logging
from collections.abc import Callable
from typing import Any, cast

from litestar import Litestar, Request, Response, Router
from litestar.exceptions import HTTPException
from litestar.types import Receive, Scope, Send
from litestar.types.asgi_types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message

from mandat.authority.service import Authority
from mandat.web.api.errors import api_error
from mandat.web.api.routes import api_routers, is_api_path
from mandat.web.settings import PageSettings

_log = logging.getLogger("mandat.web")


class WebApplication(Litestar):
    """Answers HEAD as GET without the body, on every route alike."""

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        """ASGI."""
        if scope.get("method") != "HEAD":
            await super().__call__(scope, receive, send)
            return
        as_get = cast(Scope, {**scope, "method": "GET"})
        await super().__call__(as_get, receive, _without_body(cast(Send, send)))


def make_web_app(authority: Authority, settings: PageSettings, *, with_pages: bool = True) -> Litestar:
    """The ASGI application.

    Args:
        authority: the flows.
        settings: how it is reached from outside.
        with_pages: False leaves the pages out; paths of theirs then answer like unknown routes of the API.
    """
    pages = _page_router(authority, settings) if with_pages else None
    handlers: list[Router] = api_routers(authority, settings)
    if pages is not None:
        handlers.append(pages)
    return WebApplication(
        route_handlers=handlers,
        exception_handlers={Exception: _error_handler(authority, settings, with_pages=with_pages)},
        openapi_config=None,
        debug=False,
        logging_config=None,
        request_max_body_size=settings.max_body_bytes,
    )


def _page_router(authority: Authority, settings: PageSettings) -> Router:
    from mandat.web.pages.router import page_router  # noqa: PLC0415 - the API stands without the pages

    return page_router(authority, settings)


def _error_handler(
    authority: Authority, settings: PageSettings, *, with_pages: bool
) -> Callable[[Request[Any, Any, Any], Exception], Response[Any]]:
    """Faults outside every route, and those a route did not foresee: JSON for the API, a page for people."""
    page_error = _page_error(authority, settings) if with_pages else api_error

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        if is_api_path(request.scope["path"]):
            return api_error(request, error)
        return page_error(request, error)

    return handle


def _page_error(
    authority: Authority, settings: PageSettings
) -> Callable[[Request[Any, Any, Any], Exception], Response[Any]]:
    from mandat.web.pages.errors import error_page  # noqa: PLC0415
    from mandat.web.pages.frame.site import build_site  # noqa: PLC0415

    site = build_site(authority, settings)

    def handle(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status >= 500:
            _log.error("unforeseen: %s %s", request.method, request.scope["path"], exc_info=error)
        return error_page(site, request, status)

    return handle


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
