"""Pages to sign up, log in and log out."""

from litestar.response.base import ASGIResponse

from mandat.marketplace.pages.frame.page import FORM_TOKEN, AnyRequest, Page, open_page, own_path, read, write
from mandat.marketplace.people.membership import LoggedIn, NotLoggedIn


@read("/login")
async def show_login(request: AnyRequest) -> ASGIResponse:
    """The login form."""
    page = await open_page(request)
    target = own_path(page.query().values.get("next", "/"))
    return page.go(target) if page.visitor else _form(page, "login.html", target=target)


@read("/signup")
async def show_sign_up(request: AnyRequest) -> ASGIResponse:
    """The sign-up form."""
    page = await open_page(request)
    target = own_path(page.query().values.get("next", "/"))
    return page.go(target) if page.visitor else _form(page, "signup.html", target=target)


@write("/login")
async def log_in(request: AnyRequest) -> ASGIResponse:
    """Logs in and goes on."""
    page = await open_page(request)
    form = await page.form()
    page.check(form, "login.html")
    login, password = form.text("login"), form.text("password")
    outcome = await page.site.call(lambda: page.site.membership.log_in(login, password, address=page.address))
    return _outcome(page, "login.html", outcome, login=login, target=own_path(form.text("next")))


@write("/signup")
async def sign_up(request: AnyRequest) -> ASGIResponse:
    """Makes a user, logs in and goes on."""
    page = await open_page(request)
    form = await page.form()
    page.check(form, "signup.html")
    login, password = form.text("login"), form.text("password")
    outcome = await page.site.call(lambda: page.site.membership.sign_up(login, password, address=page.address))
    return _outcome(page, "signup.html", outcome, login=login, target=own_path(form.text("next")))


@write("/logout")
async def log_out(request: AnyRequest) -> ASGIResponse:
    """Ends the session."""
    page = await open_page(request)
    form = await page.form()
    page.check(form, "logout")
    if page.visitor is not None:
        await page.site.read(page.site.membership.log_out, page.visitor)
    return page.go("/", cookies=page.closed())


def _outcome(page: Page, template: str, outcome: LoggedIn | NotLoggedIn, *, login: str, target: str) -> ASGIResponse:
    if isinstance(outcome, LoggedIn):
        return page.go(target, cookies=page.opened(outcome.token))
    errors = [(outcome.field or None, outcome.message)]
    status = 429 if outcome.wait_seconds else 400
    return _form(page, template, target=target, login=login, errors=errors, status=status)


def _form(
    page: Page,
    template: str,
    *,
    target: str,
    login: str = "",
    errors: list[tuple[str | None, str]] | None = None,
    status: int = 200,
) -> ASGIResponse:
    token = page.token(template)
    return page.render(
        template, status=status, login=login[:64], errors=errors or [], hidden={FORM_TOKEN: token, "next": target}
    )
