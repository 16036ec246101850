"""One request to a page: who is there, what was sent, and the ways to answer.

Decides what holds for every page: one host, a POST needs one of our own pages behind it, a form token is bound to the
session. Source: design.md 7.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from litestar import Request, post, route
from litestar.handlers import HTTPRouteHandler
from litestar.response.base import ASGIResponse

from mandat.look.cookies import cookie_name, deleted_cookie, session_cookie
from mandat.look.fields import Fields, parse_fields
from mandat.look.forms import read_form_body, read_form_number, require_form_token
from mandat.look.headers import page_headers, redirect_headers
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.marketplace.installs.provider import origin_of
from mandat.marketplace.pages.frame.site import Site
from mandat.marketplace.store.people import OpenSession
from mandat.marketplace.store.registrations import Registration

SESSION_COOKIE = "market-session"
FORM_COOKIE = "market-form"
"""Binds the forms of somebody who is not logged in; it identifies nobody."""
FORM_TOKEN = "-token"  # noqa: S105 the name of a form field; no input of a stack can be called so

MAX_FORM_BYTES = 32 * 1024
"""The largest form is an order with a long key."""
MAX_FIELDS = 50
"""A stack has at most 40 inputs."""

AnyRequest = Request[Any, Any, Any]
Handler = Callable[..., Any]

_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,8000}")


class Page:
    """What a handler works with. Made by `open_page`."""

    def __init__(
        self, request: AnyRequest, site: Site, *, visitor: OpenSession | None, registration: Registration | None
    ) -> None:
        self.request = request
        self.site = site
        self.visitor = visitor
        self.registration = registration
        self.address = request.client.host if request.client else ""
        self._known_form_number = read_form_number(
            request.cookies.get(cookie_name(FORM_COOKIE, origin=site.origin), "")
        )
        self._form_number = self._known_form_number

    # -- what came in

    @property
    def here(self) -> str:
        """Our own path and query, for coming back after logging in."""
        query = self.request.scope["query_string"].decode("latin-1")
        return self.request.scope["path"] + (f"?{query}" if query else "")

    def query(self) -> Fields:
        """The query, read strictly. Raises PageRefusal (400)."""
        return parse_fields(self.request.scope["query_string"], max_fields=MAX_FIELDS)

    async def form(self) -> Fields:
        """The body as a form, once it is certain that one of our own pages sent it.

        Raises:
            PageRefusal: 403 for a foreign origin, 400 for anything a browser would not send, 413 beyond MAX_FORM_BYTES.
        """
        body = await read_form_body(
            self.request.headers, self.request.stream(), own_origin=self.site.origin, max_bytes=MAX_FORM_BYTES
        )
        return parse_fields(body, max_fields=MAX_FIELDS)

    def member(self) -> OpenSession:
        """The visitor, who must be logged in; raises LoginNeeded otherwise."""
        if self.visitor is None:
            raise LoginNeeded(self.here if self.request.method == "GET" else "/")
        return self.visitor

    def limit_orders(self, member: OpenSession) -> None:
        """Raises PageRefusal (429) when somebody asks for permissions as no person would."""
        if self.site.order_tries.take(str(member.user_id)):
            raise PageRefusal(429, _("You have ordered very often in a short time. Please wait a quarter of an hour."))

    # -- form tokens

    def token(self, action: str, *parts: str) -> str:
        """The token of a form that does `action` to what `parts` name. The form is shown now."""
        return self.site.tokens.make(action, self._bearer(), *parts)

    def check(self, form: Fields, action: str, *parts: str) -> None:
        """Raises PageRefusal: 400 when the token is missing, 403 when it is not this form's."""
        require_form_token(self.site.tokens, form.text(FORM_TOKEN), action, self._bearer(), *parts)

    def _bearer(self) -> str:
        if self.visitor is not None:
            return "session:" + self.visitor.token_hash.hex()
        if not self._form_number:
            self._form_number = self.site.entropy(16).hex()
        return "browser:" + self._form_number

    # -- answers

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        cookies: Sequence[str] = (),
        form_action: Sequence[str] = (),
        live: bool = False,
        **context: object,
    ) -> ASGIResponse:
        """A page. `live`: it may run our script and let it listen. Templates also get what `fragment` gives them."""
        html = self.fragment(template, **context)
        headers = list(page_headers(form_action=form_action, script=live, connect=live).items())
        headers += [("Set-Cookie", cookie) for cookie in [*cookies, *self._form_cookie()]]
        return ASGIResponse(body=html, status_code=status, media_type="text/html", headers=headers)

    def fragment(self, template: str, **context: object) -> str:
        """A template as text; it also gets `page`, `visitor`, `brand` and `logout_token`."""
        logout_token = self.token("logout") if self.visitor is not None else ""
        return self.site.templates.get_template(template).render(
            brand=self.site.brand, page=self, visitor=self.visitor, logout_token=logout_token, **context
        )

    def go(self, location: str, *, cookies: Sequence[str] = ()) -> ASGIResponse:
        """303. Nothing may keep it."""
        return ASGIResponse(
            status_code=303, headers=redirect_headers(location, cookies=cookies), media_type="text/plain"
        )

    def send_off(self, validation_url: str, cancel_path: str) -> ASGIResponse:
        """Off to the provider's validation page.

        A browser follows a redirect from a form only to origins that the form's page named. Should the provider send
        customers somewhere else than it said when the keys were tried, a page with a link takes the redirect's place.
        """
        if self.registration is not None and origin_of(validation_url) == self.registration.validation_origin:
            return self.go(validation_url)
        return self.render("send_off.html", validation_url=validation_url, cancel_path=cancel_path)

    def opened(self, session_token: str) -> list[str]:
        """The cookies after logging in."""
        origin = self.site.origin
        return [
            session_cookie(SESSION_COOKIE, session_token, origin=origin),
            deleted_cookie(FORM_COOKIE, origin=origin),
        ]

    def closed(self) -> list[str]:
        """The cookies after logging out."""
        return [deleted_cookie(SESSION_COOKIE, origin=self.site.origin)]

    def _form_cookie(self) -> list[str]:
        if self._form_number == self._known_form_number:
            return []
        return [session_cookie(FORM_COOKIE, self._form_number, origin=self.site.origin)]


class LoginNeeded(Exception):
    """Somebody who is not logged in wants what only members see. `next` is where to go on afterwards."""

    def __init__(self, next_path: str) -> None:
        super().__init__(next_path)
        self.next = next_path


class OtherHost(Exception):
    """A page was asked for under another host than the public one, where neither cookies nor returns would work."""


async def open_page(request: AnyRequest) -> Page:
    """The page of this request, with the visitor behind its session cookie.

    Raises:
        OtherHost: for a GET; forms sent there are refused as foreign.
    """
    site: Site = request.app.state.site
    own_host = site.origin.partition("://")[2]
    if request.method in ("GET", "HEAD") and request.headers.get("host", "").lower() != own_host:
        raise OtherHost
    token = request.cookies.get(cookie_name(SESSION_COOKIE, origin=site.origin), "")
    visitor, registration = await site.read(lambda: (site.membership.find_visitor(token), site.registrations.find()))
    return Page(request, site, visitor=visitor, registration=registration)


def own_path(candidate: str) -> str:
    """A path of ours to go on to; "/" when it is anything else."""
    return candidate if _OWN_PATH.fullmatch(candidate) else "/"


def login_path(next_path: str) -> str:
    """The address of the login page that goes on to `next_path`."""
    return f"/login?next={quote(next_path, safe='/')}"


def read(path: str) -> Callable[[Handler], HTTPRouteHandler]:
    """A handler of GET and HEAD. It changes nothing."""
    return route(path, http_method=["GET", "HEAD"], include_in_schema=False)


def write(path: str) -> Callable[[Handler], HTTPRouteHandler]:
    """A handler of POST. It first takes `await page.form()`, which refuses foreign origins."""
    return post(path, include_in_schema=False)
