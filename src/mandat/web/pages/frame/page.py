"""One request to a page: who is there, under which origin, and the ways to answer.

Decides what holds for every page: an unknown host gets no page, a POST needs one of our own pages behind it, a form
token is bound to the session. Source: design.md 7.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from litestar import Request
from litestar.di import NamedDependency
from litestar.response.base import ASGIResponse

from mandat.authority.fault import Fault
from mandat.authority.login import Visitor
from mandat.look.cookies import cookie_name, deleted_cookie, session_cookie
from mandat.look.fields import Fields, parse_fields, parse_pairs
from mandat.look.forms import read_form_body, read_form_number, require_form_token
from mandat.look.headers import page_headers, redirect_headers
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.protocol.headers import CALLER_ADDRESS, PUBLIC_ORIGIN
from mandat.protocol.refusals import WORDINGS
from mandat.web.pages.frame.site import Site

SESSION_COOKIE = "mandat-session"
FORM_COOKIE = "mandat-form"
"""Holds a number that binds the forms of somebody who is not logged in; it identifies nobody."""
FORM_TOKEN = "form_token"  # noqa: S105 - the name of a form field

MAX_FORM_BYTES = 64 * 1024
"""Many times the largest honest form: a login, a password of 1 kB, a description."""
MAX_FIELDS = 32
"""The largest form but one has eight; createToken, with its rows, asks for more."""
MAX_QUERY_PAIRS = 300
"""The rights of a link to createToken, and a few words beside."""

AnyRequest = Request[Any, Any, Any]

_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


class Page:
    """What a handler works with. Made by `open_page`."""

    def __init__(self, request: AnyRequest, site: Site, *, origin: str, visitor: Visitor | None) -> None:
        self.request = request
        self.site = site
        self.authority = site.authority
        self.origin = origin
        self.visitor = visitor
        self.address = request.headers.get(CALLER_ADDRESS, "")
        self.session_token = cookie_of(request, SESSION_COOKIE, origin)
        self._form_number = read_form_number(cookie_of(request, FORM_COOKIE, origin))

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self.authority.clock()

    @property
    def api_origin(self) -> str:
        """The origin a developer's program should call: this one, unless the pages have a host of their own."""
        settings = self.site.settings
        return self.origin if settings.pages_url is None else settings.public_origins[0].rstrip("/")

    # -- what came in

    def query(self) -> Fields:
        """The query, read strictly. Raises PageRefusal (400)."""
        return parse_fields(self.request.scope["query_string"], max_fields=MAX_FIELDS)

    def query_pairs(self) -> list[tuple[str, str]]:
        """The query where names may repeat, in its order. Raises PageRefusal (400)."""
        return parse_pairs(self.request.scope["query_string"], max_fields=MAX_QUERY_PAIRS)

    async def form(self, *, max_fields: int = MAX_FIELDS) -> Fields:
        """The body as a form of at most `max_fields`, once it is certain that one of our own pages sent it.

        Raises:
            PageRefusal: 403 for a foreign origin, 413 for a body over MAX_FORM_BYTES, 400 for another content type and
                for anything a browser would not send.
        """
        body = await read_form_body(
            self.request.headers, self.request.stream(), own_origin=self.origin, max_bytes=MAX_FORM_BYTES
        )
        return parse_fields(body, max_fields=max_fields)

    # -- form tokens

    def token(self, action: str, *parts: str) -> str:
        """The token of a form that does `action` to what `parts` name. The form is shown now."""
        return self.site.tokens.make(action, self._bearer(), *parts)

    def check(self, form: Fields, action: str, *parts: str) -> None:
        """Raises PageRefusal (400 when the token is missing, 403 when it is not the one of this form)."""
        require_form_token(self.site.tokens, form.text(FORM_TOKEN), action, self._bearer(), *parts)

    def _bearer(self) -> str:
        """Whom a form belongs to: the session, or the browser while nobody is logged in."""
        if self.visitor is not None:
            return "session:" + self.visitor.session.token_hash.hex()
        if not self._form_number:
            self._form_number = self.authority.entropy(16).hex()
        return "browser:" + self._form_number

    # -- answers

    def render(
        self,
        template: str,
        *,
        status: int = 200,
        cookies: Sequence[str] = (),
        form_action: Sequence[str] = (),
        retry_after_seconds: int | None = None,
        headers: Mapping[str, str] | None = None,
        **context: object,
    ) -> ASGIResponse:
        """A page. Every template also gets `page`, `visitor`, `brand`, `logout_token`.

        Args:
            template: its file.
            status: of HTTP.
            cookies: values of `Set-Cookie`.
            form_action: see `page_headers`.
            retry_after_seconds: becomes Retry-After.
            headers: instead of those of `page_headers(form_action=...)`, for pages with scripts.
            context: what the template needs.
        """
        logout_token = self.token("logout") if self.visitor is not None else ""
        html = self.site.templates.get_template(template).render(
            brand=self.site.brand, page=self, visitor=self.visitor, logout_token=logout_token, **context
        )
        fields = list((headers or page_headers(form_action=form_action)).items())
        if retry_after_seconds is not None:
            fields.append(("Retry-After", str(retry_after_seconds)))
        fields += [("Set-Cookie", cookie) for cookie in [*cookies, *self._form_cookie()]]
        return ASGIResponse(body=html, status_code=status, media_type="text/html", headers=fields)

    def go(self, location: str, *, cookies: Sequence[str] = ()) -> ASGIResponse:
        """303 to one of our own paths, or to an address the authority allows to follow. Nothing may keep it."""
        return ASGIResponse(
            status_code=303, headers=redirect_headers(location, cookies=cookies), media_type="text/plain"
        )

    def opened(self, session_token: str) -> list[str]:
        """The cookies after logging in."""
        return [
            session_cookie(SESSION_COOKIE, session_token, origin=self.origin),
            deleted_cookie(FORM_COOKIE, origin=self.origin),
        ]

    def closed(self) -> list[str]:
        """The cookies after logging out."""
        return [deleted_cookie(SESSION_COOKIE, origin=self.origin)]

    def _form_cookie(self) -> list[str]:
        known = cookie_of(self.request, FORM_COOKIE, self.origin)
        if not self._form_number or self._form_number == known:
            return []
        return [session_cookie(FORM_COOKIE, self._form_number, origin=self.origin)]


class PageElsewhere(Exception):
    """The pages have a host of their own and this is not it: answer with a redirect to `location`."""

    def __init__(self, location: str) -> None:
        super().__init__(location)
        self.location = location


GivenPage = NamedDependency[Page]
"""How a handler asks for its page: a parameter named `page`."""


async def open_page(request: AnyRequest, site: Site) -> Page:
    """The page of this request, with the visitor behind its session cookie.

    Raises:
        PageRefusal: 421 when the request came for a host that is none of ours.
        PageElsewhere: the pages have a host of their own and this is another one of ours.
    """
    origin = request.headers.get(PUBLIC_ORIGIN, "")
    if not origin:
        raise PageRefusal(421, _unknown_host(site))
    _refuse_other_host(request, site, origin)
    visitor = await site.authority.login.find_visitor(cookie_of(request, SESSION_COOKIE, origin))
    return Page(request, site, origin=origin, visitor=visitor)


def _refuse_other_host(request: AnyRequest, site: Site, origin: str) -> None:
    """Where the pages have a host of their own, cookies and forms live only there."""
    pages_url = site.settings.pages_url
    if pages_url is None or origin == pages_url:
        return
    if request.method != "GET":
        raise PageRefusal(421, _("The pages of this server are at %(address)s.") % {"address": pages_url})
    query = quote(request.scope["query_string"], safe=_PRINTABLE)
    path = quote(request.scope["raw_path"], safe=_PRINTABLE)
    raise PageElsewhere(pages_url + path + ("?" + query if query else ""))


def _unknown_host(site: Site) -> str:
    """What to do about a host that the configuration does not name."""
    addresses = ", ".join(site.settings.public_origins)
    return _(
        "This server does not answer under this address. Its addresses are: %(addresses)s. If you run it, add the"
        ' address you used to "public_urls" in its configuration.'
    ) % {"addresses": addresses}


def cookie_of(request: AnyRequest, name: str, origin: str) -> str:
    """The value of one of our cookies, "" when the browser did not send it."""
    return request.cookies.get(cookie_name(name, origin=origin), "")


def fault_status(fault: Fault) -> int:
    """The HTTP status with which a page says a fault."""
    return WORDINGS[fault.reason].status


def fault_errors(fault: Fault, known: Sequence[str]) -> list[tuple[str | None, str]]:
    """A fault as the macro `error_summary` wants it: beside its field, when the form has that field."""
    return [(fault.field if fault.field in known else None, fault.message)]
