"""The first-run page: the developer gives the marketplace its application key and secret.

Who may: anybody on this machine while there are no keys yet and no setup code was configured; otherwise whoever knows
the setup code. The keys are tried at the provider before they are kept.
"""

import hmac
import re

from litestar.response.base import ASGIResponse

from mandat.look.words import gettext as _
from mandat.marketplace.installs.provider import KeysRefused
from mandat.marketplace.pages.frame.page import FORM_TOKEN, AnyRequest, Page, open_page, read, write
from mandat.marketplace.store.registrations import Registration

_KEY = re.compile(r"[A-Za-z0-9]{8,64}")

Errors = list[tuple[str | None, str]]


@read("/setup")
async def show_setup(request: AnyRequest) -> ASGIResponse:
    """The form, or word that the marketplace has its keys."""
    page = await open_page(request)
    if page.registration is not None and page.site.setup_code is None:
        return page.render("setup_done.html", registration=page.registration)
    return _form(page)


@write("/setup")
async def set_up(request: AnyRequest) -> ASGIResponse:
    """Tries the keys and keeps them."""
    page = await open_page(request)
    form = await page.form()
    page.check(form, "setup")
    if page.registration is not None and page.site.setup_code is None:
        return page.go("/setup")
    key, secret = form.text("application_key").strip(), form.text("application_secret").strip()
    errors = _code_errors(page, form.values.get("setup_code", "")) or _format_errors(key, secret)
    if errors:
        return _form(page, key=key, errors=errors, status=400)
    found = await page.site.call(page.site.provider.check_keys, key, secret)
    if isinstance(found, KeysRefused):
        return _form(page, key=key, errors=[(found.field or None, found.message)], status=400)
    registration = Registration(key, secret, found.validation_origin)
    await page.site.read(lambda: page.site.registrations.save(registration, at=page.site.clock()))
    return page.go("/?connected")


def _code_errors(page: Page, typed: str) -> Errors:
    code = page.site.setup_code
    if code is None:
        return []
    if wait := page.site.setup_tries.take("setup"):
        return [("setup_code", _("There were too many tries. Please wait %(num)d seconds.") % {"num": wait})]
    if not hmac.compare_digest(typed.strip().encode("utf-8", "surrogatepass"), code.encode()):
        return [("setup_code", _("This is not the setup code. The marketplace prints it when it starts."))]
    page.site.setup_tries.forgive("setup")
    return []


def _format_errors(key: str, secret: str) -> Errors:
    errors: Errors = []
    if not _KEY.fullmatch(key):
        errors.append(("application_key", _("An application key has 8 to 64 letters and digits.")))
    if not _KEY.fullmatch(secret):
        errors.append(("application_secret", _("An application secret has 8 to 64 letters and digits.")))
    return errors


def _form(page: Page, *, key: str = "", errors: Errors | None = None, status: int = 200) -> ASGIResponse:
    return page.render(
        "setup.html",
        status=status,
        key=key[:64],
        errors=errors or [],
        endpoint=page.site.settings.base(),
        create_url=page.site.create_application_url(),
        needs_code=page.site.setup_code is not None,
        replaces=page.registration is not None,
        hidden={FORM_TOKEN: page.token("setup")},
    )
