"""The validation page: an application's question, shown whole, and the customer's answer, taken once.

The token of the validation URL leaves the address bar at once: the first visit puts it into a cookie and goes on to a
clean address with a handle, which is worth nothing in another browser. Looking never changes anything; only the form
answers, with a token bound to the session, the handle and the hash of what was shown.
Source: issue 2, design.md 4 and 7, threats.md 3.1.
"""

import re
from typing import Any

from litestar.response.base import ASGIResponse

from mandat.authority.consent import Answered, Ended, EndedKind, Question
from mandat.authority.fault import Fault
from mandat.authority.login import Visitor
from mandat.authority.redirection import redirect_origin
from mandat.core.credential import CredentialState
from mandat.look.cookies import cookie_name, deleted_cookie, session_cookie
from mandat.look.fields import Fields
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.web.pages.frame.page import GivenPage, Page, cookie_of, fault_errors, fault_status
from mandat.web.pages.frame.routing import read, write
from mandat.web.pages.sessions import login_form
from mandat.web.pages.validity import parse_validity, validity_options

ASK_COOKIE = "mandat-ask-"
"""Followed by the handle."""
COOKIES_KEPT = 8
"""Questions open at once in one browser; more would grow past what a request head may hold."""
COOKIE_SECONDS = 86400
"""As long as a question waits."""
HANDLE_LENGTH = 22
"""Characters of base64url: 132 bits."""

_HANDLE = re.compile(r"[A-Za-z0-9_-]{22}")
_TOKEN = re.compile(r"[A-Za-z0-9]{8,64}")
_STATUS = {
    EndedKind.UNKNOWN: 404,
    EndedKind.EXPIRED: 410,
    EndedKind.ANSWERED: 410,
    EndedKind.ANSWERED_BY_OTHER: 403,
    EndedKind.APPLICATION_UNAVAILABLE: 403,
}


@read("/auth")
async def show_question(page: GivenPage) -> ASGIResponse:
    """Takes the token out of the address, or shows the question behind a handle."""
    query = page.query()
    token = query.find("credentialToken")
    if token is not None:
        return await _exchange(page, token)
    handle = query.find("request")
    if handle is None:
        raise PageRefusal(400, _('The address is not complete: "credentialToken" is missing.'))
    return await _show(page, handle)


@write("/auth")
async def answer_question(page: GivenPage) -> ASGIResponse:
    """Confirm or refuse."""
    form = await page.form()
    handle = form.text("request")
    token = _token_of(page, handle)
    if token is None:
        return _ended(page, Ended(EndedKind.UNKNOWN), handle)
    if page.visitor is None:
        return page.go(_address(handle))
    rules_hash = form.text("rules_hash")
    page.check(form, "consent", handle, rules_hash)
    answer = form.text("answer")
    if answer not in {"confirm", "refuse"}:
        raise PageRefusal(400, _('The field "answer" must be "confirm" or "refuse".'))
    if answer == "refuse":
        outcome = await page.authority.consent.refuse(token, page.visitor, address=page.address)
    else:
        outcome = await _confirm(page, page.visitor, token, form)
    if isinstance(outcome, Fault):
        return await _show(page, handle, form=form, fault=outcome)
    if isinstance(outcome, Ended):
        return _ended(page, outcome, handle)
    return _answered(page, page.visitor, outcome, handle)


async def _exchange(page: Page, token: str) -> ASGIResponse:
    """From the token to a handle that is bound to this browser. Tokens that do not exist are counted and refused."""
    wait = page.site.misses.seconds_to_wait(page.address)
    if wait:
        raise PageRefusal(429, _("Too many links that do not exist."), retry_after_seconds=wait)
    handle = _handle(page, token)
    looked = await page.authority.consent.look(token, page.visitor)
    if isinstance(looked, Ended):
        if looked.kind is EndedKind.UNKNOWN:
            page.site.misses.note(page.address)
        return _ended(page, looked, handle)
    cookie = session_cookie(ASK_COOKIE + handle, token, origin=page.origin, max_age_seconds=COOKIE_SECONDS)
    return page.go(_address(handle), cookies=[cookie, *_crowded_out(page, handle)])


async def _show(page: Page, handle: str, *, form: Fields | None = None, fault: Fault | None = None) -> ASGIResponse:
    token = _token_of(page, handle)
    if token is None:
        return _ended(page, Ended(EndedKind.UNKNOWN), handle)
    looked = await page.authority.consent.look(token, page.visitor)
    if isinstance(looked, Ended):
        return _ended(page, looked, handle)
    if page.visitor is None:
        return page.render("login.html", **(login_form(page, _address(handle)) | {"question": looked}))
    return _render_question(page, looked, handle, form=form, fault=fault)


def _render_question(
    page: Page, question: Question, handle: str, *, form: Fields | None, fault: Fault | None
) -> ASGIResponse:
    typed = None if form is None else form.find("validity")
    return page.render(
        "consent.html",
        status=200 if fault is None else fault_status(fault),
        form_action=[] if question.redirect_host is None else [question.redirect_host],
        question=question,
        handle=handle,
        address=_address(handle),
        validity=validity_options(typed, unlimited_allowed=question.unlimited_allowed),
        errors=[] if fault is None else fault_errors(fault, ("validity",)),
        form_token=page.token("consent", handle, question.rules_hash),
    )


async def _confirm(page: Page, visitor: Visitor, token: str, form: Fields) -> Answered | Ended | Fault:
    validity = parse_validity(form.text("validity"))
    if isinstance(validity, Fault):
        return validity
    return await page.authority.consent.confirm(
        token,
        visitor,
        validity_seconds=validity.seconds,
        rules_hash=form.text("rules_hash"),
        address=page.address,
    )


def _answered(page: Page, visitor: Visitor, outcome: Answered, handle: str) -> ASGIResponse:
    if outcome.follow is not None:
        page.site.onward.remember(handle, visitor.user.account, outcome.follow)
        return page.go(outcome.follow)
    template = "done.html" if outcome.credential.state is CredentialState.VALIDATED else "refused.html"
    return page.render(template, application=outcome.application, credential=outcome.credential)


def _ended(page: Page, ended: Ended, handle: str) -> ASGIResponse:
    """The page that says why there is nothing to answer."""
    onward = None
    if page.visitor is not None and ended.credential is not None:
        onward = page.site.onward.find(handle, page.visitor.user.account)
    context: dict[str, Any] = {
        "kind": ended.kind.value,
        "credential": ended.credential,
        "application": ended.application,
        "onward": onward,
        "onward_host": redirect_origin(onward),
        "address": _address(handle),
    }
    return page.render("ended.html", status=_STATUS[ended.kind], **context)


def _handle(page: Page, token: str) -> str:
    return page.site.tokens.make("handle", token)[:HANDLE_LENGTH]


def _address(handle: str) -> str:
    return f"/auth/?request={handle}"


def _token_of(page: Page, handle: str) -> str | None:
    """The token this browser has for `handle`, or None."""
    if _HANDLE.fullmatch(handle) is None:
        return None
    token = cookie_of(page.request, ASK_COOKIE + handle, page.origin)
    if _TOKEN.fullmatch(token) is None or _handle(page, token) != handle:
        return None
    return token


def _crowded_out(page: Page, handle: str) -> list[str]:
    """Takes the oldest questions' cookies away when this one is too many. Browsers send the oldest first."""
    names = [name for name in _asked(page) if name != ASK_COOKIE + handle]
    return [deleted_cookie(name, origin=page.origin) for name in names[: max(0, len(names) - COOKIES_KEPT + 1)]]


def _asked(page: Page) -> list[str]:
    """The names (without prefix and port) of the cookies of open questions, in the browser's order."""
    found = []
    for name in page.request.cookies:
        match = re.fullmatch(r"(?:__Host-)?(mandat-ask-[A-Za-z0-9_-]{22})(?:-[0-9]+)?", name)
        if match is not None and cookie_name(match[1], origin=page.origin) == name:
            found.append(match[1])
    return found


HANDLERS = [show_question, answer_question]
