"""Answers a permission request as a customer with a browser would: for tests, demos and scripts of one's own account.

Over HTTP only, with cookies and the forms of the pages: whatever a page does not offer is not possible here either. It
follows redirects between the pages, never one to the application's site. Whoever uses this knows the customer's
password: it is no way around consent.
"""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

import httpx2

from mandat.client.base import DEFAULT_TIMEOUT_SECONDS
from mandat.client.errors import ClientFault
from mandat.client.forms import Form, Page, read_page

MAX_REDIRECTS = 10
"""Between pages; more is a loop."""


class ApprovalFailed(ClientFault):
    """The pages did not take the answer. The text says what they said."""


_OUTCOMES: dict[str, Literal["confirmed", "refused"]] = {"done": "confirmed", "refused": "refused"}
"""What the pages that end the matter call themselves."""


@dataclass(frozen=True, slots=True)
class Approval:
    """What came of it.

    `outcome` is "confirmed" or "refused". `redirection` is where the browser is sent now, to the letter; None where it
    stays. `said` is the heading of the last page, empty where the browser was sent on.
    """

    outcome: Literal["confirmed", "refused"]
    redirection: str | None
    said: str


def approve(
    validation_url: str,
    *,
    login: str,
    password: str,
    refuse: bool = False,
    validity: int | Literal["unlimited"] | None = None,
    transport: httpx2.BaseTransport | None = None,
) -> Approval:
    """Logs in, confirms (or refuses) and reads what the page says.

    Args:
        validation_url: as the application got it.
        login: the customer's.
        password: the customer's.
        refuse: press Refuse instead of Confirm.
        validity: seconds, at least 60, or "unlimited"; None leaves what the page proposes.
        transport: an httpx2 transport instead of the network.

    Raises:
        ApprovalFailed: wrong login, an unknown, used or expired request, a validity the page does not take, or a server
            that is not Mandat's pages.
    """
    with httpx2.Client(transport=transport, timeout=DEFAULT_TIMEOUT_SECONDS, follow_redirects=False) as http:
        browser = _Browser(http)
        try:
            consent = _consent_form(browser, validation_url, login=login, password=password)
            answer = "refuse" if refuse else "confirm"
            values = {"answer": answer} | ({} if validity is None else {"validity": str(validity)})
            page = browser.submit(consent, values, answering=True)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ApprovalFailed(f"The page cannot be reached: {error}") from error
    if page is None:
        return Approval("confirmed", browser.sent_to, "")
    outcome = _OUTCOMES.get(page.name) if browser.status == 200 else None
    if outcome is None:
        raise ApprovalFailed(_what_it_says("The answer was not taken", browser, page))
    return Approval(outcome, None, page.heading)


def _consent_form(browser: "_Browser", validation_url: str, *, login: str, password: str) -> Form:
    page = browser.open(validation_url)
    login_form = page.form_with("login", "password") if page else None
    if login_form is not None:
        page = browser.submit(login_form, {"login": login, "password": password})
    if page is None:
        raise ApprovalFailed(f"Instead of asking, the page sends the browser to {browser.sent_to}")
    if page.form_with("login", "password"):
        raise ApprovalFailed(_what_it_says("The login was not accepted", browser, page))
    consent = page.form_with("answer")
    if consent is None:
        raise ApprovalFailed(_what_it_says("There is nothing to confirm", browser, page))
    return consent


def _what_it_says(what: str, browser: "_Browser", page: Page) -> str:
    said = "; ".join(page.alerts) or page.heading or page.title or "nothing"
    return f"{what} (status {browser.status}): {said}"


class _Browser:
    """Cookies, forms, and redirects between pages of one origin.

    `sent_to` is the address outside the pages that the browser was sent to last.
    """

    def __init__(self, http: httpx2.Client) -> None:
        self._http = http
        self._at = ""
        self.sent_to: str | None = None
        self.status = 0

    def open(self, url: str) -> Page | None:
        """The page at `url`; None when it sends the browser elsewhere."""
        self._at = url
        return self._arrive(self._http.get(url, headers={"Sec-Fetch-Site": "none"}))

    def submit(self, form: Form, values: dict[str, str], *, answering: bool = False) -> Page | None:
        """Sends `form` with `values` filled in; as `open`. After the answer, only the same path counts as a page."""
        target = urljoin(self._at, form.action)
        headers = {
            "Origin": _origin(self._at),
            "Referer": self._at,
            "Sec-Fetch-Site": "same-origin" if _origin(target) == _origin(self._at) else "cross-site",
        }
        self._at = target
        return self._arrive(self._http.post(target, data={**form.values, **values}, headers=headers), answering)

    def _arrive(self, answer: httpx2.Response, answering: bool = False) -> Page | None:
        for _ in range(MAX_REDIRECTS):
            self.status = answer.status_code
            if not answer.is_redirect:
                return read_page(answer.text)
            location = answer.headers["Location"]
            target = urljoin(self._at, location)
            if _origin(target) != _origin(self._at) or (answering and _path(target) != _path(self._at)):
                self.sent_to = location
                return None
            self._at = target
            answer = self._http.get(target, headers={"Sec-Fetch-Site": "same-origin"})
        raise ApprovalFailed("The pages redirect in a circle.")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _path(url: str) -> str:
    return urlsplit(url).path.rstrip("/")
