"""A browser without a window: keeps cookies, follows redirects within one site, fills in the forms it was shown."""

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx2


class Browser:
    """Walks one site. `page` is what it shows now; `left_for` is where the site sent it elsewhere."""

    def __init__(self, origin: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.origin = origin
        self.client = httpx2.AsyncClient(base_url=origin, transport=transport, timeout=30)
        self.page = httpx2.Response(200)
        self.left_for = ""

    async def open(self, path: str) -> httpx2.Response:
        """Goes to a path or an address of the site."""
        return await self._walk("GET", urljoin(self.origin, path))

    async def submit(self, action: str, **fields: str) -> httpx2.Response:
        """Sends the form that goes to `action`, with `fields` filled in; its other fields as they are."""
        form = next(form for form in forms_of(self.page.text) if form.action == action)
        unknown = set(fields) - set(form.fields)
        assert not unknown, f"the form has no fields {unknown}"
        encoded = urlencode({**form.fields, **fields})
        if form.method == "get":
            return await self.open(f"{action}?{encoded}")
        return await self.post(action, encoded)

    async def post(self, path: str, encoded: str | bytes, **headers: str) -> httpx2.Response:
        """Sends a body as a form of the site would."""
        sent = {"Origin": self.origin, "Content-Type": "application/x-www-form-urlencoded"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._walk("POST", urljoin(self.origin, path), content=encoded, headers=sent)

    async def _walk(self, method: str, address: str, **sent: Any) -> httpx2.Response:
        self.left_for = ""
        for _ in range(10):
            answer = await self.client.request(method, address, **sent)
            if not answer.is_redirect:
                self.page = answer
                return answer
            location = urljoin(address, answer.headers["location"])
            if not location.startswith(self.origin + "/"):
                self.left_for = location
                self.page = answer
                return answer
            method, address, sent = "GET", location, {}
        raise AssertionError("a circle of redirects")

    @property
    def state(self) -> str:
        """The installation's state as its page says it."""
        return self.page.text.partition('data-state="')[2].partition('"')[0]

    def shows(self, name: str) -> bool:
        """Whether the page is of this kind."""
        return f'data-page="{name}"' in self.page.text


class Form:
    """A form as a browser sees it."""

    def __init__(self, attributes: dict[str, str | None]) -> None:
        self.action = attributes.get("action") or ""
        self.method = (attributes.get("method") or "get").lower()
        self.fields: dict[str, str] = {}


def forms_of(html: str) -> list[Form]:
    """The forms of a page."""
    reader = _FormReader()
    reader.feed(html)
    return reader.forms


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes: dict[str, Any] = dict(attrs)
        if tag == "form":
            self.forms.append(Form(attributes))
        elif tag == "input" and attributes.get("name"):
            self.forms[-1].fields[attributes["name"]] = attributes.get("value") or ""
        elif tag == "select":
            self._select = attributes["name"]
        elif tag == "option":
            known = self.forms[-1].fields
            if "selected" in attributes or self._select not in known:
                known[self._select] = attributes["value"]
