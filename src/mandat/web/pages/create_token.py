"""createToken: an application and a consumer key for one's own account in one step, for scripts and for the console.

Three pages: the form, which a link may fill in; what was typed, in words and with its risks; the keys, shown once as
after createApp. Nothing is made before the second page is confirmed, and what it showed is what is made.
Source: wire.md 3.2.
"""

from dataclasses import replace

from litestar.response.base import ASGIResponse

from mandat.authority.applications.personal_keys import IssuedKeys, Proposal
from mandat.authority.applications.registration import DESCRIPTION_MAX_CHARACTERS, NAME_MAX_CHARACTERS
from mandat.authority.fault import Fault
from mandat.authority.login import Visitor
from mandat.look.fields import Fields
from mandat.look.headers import page_headers
from mandat.look.refusal import PageRefusal
from mandat.look.words import gettext as _
from mandat.protocol.access_rule import MAX_RULES, RULE_METHODS
from mandat.web.pages.account import to_login
from mandat.web.pages.frame.memories import Registered
from mandat.web.pages.frame.page import GivenPage, Page, fault_status
from mandat.web.pages.frame.routing import read, write
from mandat.web.pages.sessions import login_form
from mandat.web.pages.token_form import MOST_FIELDS, Row, TokenForm, encode_link, field_of, read_form, read_link
from mandat.web.pages.validity import validity_options

PATH = "/createToken/"
STEPS = ("add", "review", "change", "create")
EMPTY_ROW = Row("GET", "")


@read("/createToken", "/createToken/index.cgi", "/api/createToken")
async def show_form(page: GivenPage) -> ASGIResponse:
    """The form, filled in as the link says; with `issued` what a form has made."""
    pairs = page.query_pairs()
    number = dict(pairs).get("issued")
    if number is not None:
        return _show_issued(page, number)
    form = read_link(pairs)
    if page.visitor is None:
        query = encode_link(pairs)
        return page.render("login.html", **login_form(page, f"{PATH}?{query}" if query else PATH))
    # What is not filled in is not wrong yet.
    rest = replace(
        form, name=form.name or "-", description=form.description or "-", rows=form.rows or (Row("GET", "/"),)
    )
    proposal = _propose(page, rest)
    fault = proposal if isinstance(proposal, Fault) else None
    return _render_form(page, form, fault=fault, is_filled_in=bool(encode_link(pairs)))


@write("/createToken")
async def take_form(page: GivenPage) -> ASGIResponse:
    """One more row, the review, back to the form, or the keys."""
    fields = await page.form(max_fields=MOST_FIELDS)
    if page.visitor is None:
        return page.go(to_login(PATH))
    step = fields.text("step")
    if step not in STEPS:
        raise PageRefusal(400, _('The field "step" must be one of %(steps)s.') % {"steps": ", ".join(STEPS)})
    form = read_form(fields)
    if step == "create":
        return await _create(page, page.visitor, fields, form)
    page.check(fields, "createToken", fields.text("form_number"), page.site.boot)
    if step == "add":
        return _render_form(page, form, more=int(len(form.rows) < MAX_RULES))
    if step == "change":
        return _render_form(page, form)
    proposal = _propose(page, form)
    if isinstance(proposal, Fault):
        return _render_form(page, form, fault=proposal)
    return _render_review(page, form, proposal)


async def _create(page: Page, visitor: Visitor, fields: Fields, form: TokenForm) -> ASGIResponse:
    """Makes the keys, once for each review that was shown."""
    number, digest = fields.text("form_number"), fields.text("digest")
    page.check(fields, "createToken confirm", number, digest, page.site.boot)
    known = page.site.once_shown.claim(number)
    outcome = await _issue(page, visitor, form, number=number, digest=digest) if known is None else await known
    if isinstance(outcome, Fault):
        return _render_form(page, form, fault=outcome)
    if outcome is None:
        raise PageRefusal(503, _("Nothing was made. Try again."), retry_after_seconds=5)
    return page.go(f"{PATH}?issued={number}")


async def _issue(
    page: Page, visitor: Visitor, form: TokenForm, *, number: str, digest: str
) -> IssuedKeys | Registered | Fault | None:
    """Settles the claimed form whatever happens, so that nobody waits for it in vain."""
    outcome: IssuedKeys | Fault | None = None
    try:
        wanted = form.wanted()
        outcome = (
            wanted
            if isinstance(wanted, Fault)
            else await page.authority.personal_keys.create(wanted, visitor, digest=digest, address=page.address)
        )
    finally:
        page.site.once_shown.settle(number, outcome)
    return outcome


def _propose(page: Page, form: TokenForm) -> Proposal | Fault:
    wanted = form.wanted()
    return wanted if isinstance(wanted, Fault) else page.authority.personal_keys.propose(wanted)


def _render_form(
    page: Page, form: TokenForm, *, fault: Fault | None = None, more: int = 0, is_filled_in: bool = False
) -> ASGIResponse:
    """The form with `more` empty rows; a form without rights gets one anyway."""
    empty = more if form.rows else 1
    number = page.authority.entropy(16).hex()
    return page.render(
        "create_token.html",
        status=200 if fault is None else fault_status(fault),
        form=form,
        rows=[*form.rows, *[EMPTY_ROW] * empty],
        added_row=len(form.rows) + 1 if more else None,
        methods=RULE_METHODS,
        most_rights=MAX_RULES,
        validity=validity_options(form.validity, unlimited_allowed=page.authority.personal_keys.unlimited_allowed),
        is_filled_in=is_filled_in,
        name_max=NAME_MAX_CHARACTERS,
        description_max=DESCRIPTION_MAX_CHARACTERS,
        errors=[] if fault is None else [(field_of(fault), fault.message)],
        form_number=number,
        form_token=page.token("createToken", number, page.site.boot),
    )


def _render_review(page: Page, form: TokenForm, proposal: Proposal) -> ASGIResponse:
    number = page.authority.entropy(16).hex()
    return page.render(
        "review_token.html",
        proposal=proposal,
        hidden=[*form.hidden(), ("form_number", number), ("digest", proposal.digest)],
        change_token=page.token("createToken", number, page.site.boot),
        confirm_token=page.token("createToken confirm", number, proposal.digest, page.site.boot),
    )


def _show_issued(page: Page, number: str) -> ASGIResponse:
    if page.visitor is None:
        return page.go(to_login(PATH))
    issued = page.site.once_shown.take(number, page.visitor.user.account)
    if issued is None or issued.secret is None or issued.consumer_key is None:
        application = None if issued is None else issued.application
        return page.render("token_shown.html", application=application)
    return page.render(
        "token_created.html",
        headers=page_headers(script=True),
        application=issued.application,
        secret=issued.secret,
        consumer_key=issued.consumer_key,
        credential=issued.credential,
        endpoint=page.api_origin + "/1.0",
    )


HANDLERS = [show_form, take_form]
