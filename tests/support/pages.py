"""The pages over stores in memory, and a browser without a screen to walk them: cookies, forms, redirects by hand."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx2

from doubles.nature import CountingEntropy, PlainPasswords, SetClock
from doubles.stores import MemoryStores
from mandat.authority.applications.registration import IssuedApplication
from mandat.authority.catalogue import Catalogue
from mandat.authority.permission import IssuedRequest
from mandat.authority.service import Authority, make_authority
from mandat.authority.values import LastUse, User
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.messages import PermissionRequestMessage
from mandat.web.application import make_web_app
from mandat.web.settings import PageSettings

ORIGIN = "https://auth.example"
PASSWORD = "correct horse battery"

DOMAIN = {
    "apis": [
        {
            "path": path,
            "operations": [{"httpMethod": method, "description": description} for method, description in operations],
        }
        for path, operations in {
            "/domain/zone": [("GET", "List available services")],
            "/domain/zone/{zoneName}/record": [("GET", "Records of the zone"), ("POST", "Create a new DNS record")],
            "/domain/zone/{zoneName}/record/{id}": [
                ("GET", "Get this object properties"),
                ("PUT", "Alter this object properties"),
                ("DELETE", "Delete a DNS record"),
            ],
            "/domain/zone/{zoneName}/refresh": [("POST", "Apply zone modification on DNS servers")],
            "/me": [("GET", "Details about your account")],
        }.items()
    ]
}


class World:
    """One authority with its pages, and short ways to fill it."""

    def __init__(self, *, origin: str = ORIGIN, **settings: Any) -> None:
        self.origin = origin
        self.clock = SetClock()
        self.stores = MemoryStores()
        self.catalogue = Catalogue({"domain": DOMAIN})
        self.authority: Authority = make_authority(
            self.stores,
            passwords=PlainPasswords(),
            catalogue=self.catalogue,
            clock=self.clock,
            entropy=CountingEntropy(),
        )
        self.settings = PageSettings(public_origins=(origin,), form_secret=b"s" * 32, **settings)
        self.app = make_web_app(self.authority, self.settings)

    def restart(self) -> None:
        """A new process over the same storage; open browsers go on with it."""
        self.app = make_web_app(self.authority, self.settings)

    def note_use(self, credential_id: int, *, at: int, address: str, calls: int) -> None:
        """A gateway has reported use."""
        self.stores.usage.rows[credential_id] = LastUse(at=at, address=address, calls=calls)

    async def person(self, login: str = "alice") -> User:
        """Somebody with PASSWORD."""
        user = await self.authority.login.sign_up(login, PASSWORD, address="192.0.2.1", throttled=False)
        assert isinstance(user, User)
        return user

    async def application(self, name: str = "Mail for your domain", owner: str = "dev") -> IssuedApplication:
        """Registered by `owner`, who is made when she does not exist."""
        user = await self.stores.users.find_user(owner) or await self.person(owner)
        issued = await self.authority.registration.register(
            user, name=name, description="Sets up mail records for you", address="192.0.2.7"
        )
        assert isinstance(issued, IssuedApplication)
        return issued

    async def ask(
        self,
        application: IssuedApplication,
        *rules: str,
        redirection: str | None = "https://shop.example/back?state=1",
        **message: Any,
    ) -> IssuedRequest:
        """A permission request; rules as "METHOD /path"."""
        wanted = tuple(AccessRule(*rule.split(" ", 1)) for rule in rules or ("GET /me",))
        question = PermissionRequestMessage(
            rules=wanted, redirection=redirection, allowed_networks=message.get("allowed_networks")
        )
        issued = await self.authority.permission.ask(application.application.key, question, address="192.0.2.9")
        assert isinstance(issued, IssuedRequest)
        return issued

    def browser(self, **headers: str) -> "Browser":
        """A new browser without cookies."""
        return Browser(self, headers)


@dataclass
class Seen:
    """One answer and what matters of its HTML."""

    answer: httpx2.Response
    url: str
    forms: list["SeenForm"] = field(default_factory=list)

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def html(self) -> str:
        return self.answer.text

    @property
    def page(self) -> str | None:
        """The page's own mark, such as "consent"."""
        found = re.search(r'data-page="([^"]+)"', self.html)
        return None if found is None else found[1]

    @property
    def text(self) -> str:
        """Without tags, blanks folded."""
        body = self.html[self.html.index("<body") :] if "<body" in self.html else self.html
        return " ".join(re.sub(r"<[^>]+>", " ", body).split())

    def form(self, action: str) -> "SeenForm":
        """The form that is sent to `action`."""
        return next(form for form in self.forms if form.action == action)


@dataclass
class SeenForm:
    """One form. `values` is what a browser would send untouched, without buttons."""

    action: str
    values: dict[str, str] = field(default_factory=dict)


class Browser:
    """Follows redirects inside the pages, keeps cookies, sends what a browser sends."""

    def __init__(self, world: World, headers: dict[str, str]) -> None:
        self.world = world
        self.http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self._call, raise_app_exceptions=False),
            base_url=world.origin,
            headers={"X-Mandat-Public-Origin": world.origin, "X-Mandat-Caller-Address": "198.51.100.4", **headers},
        )

    async def _call(self, scope: Any, receive: Any, send: Any) -> None:
        await self.world.app(scope, receive, send)

    async def get(self, path: str, *, follow: bool = True) -> Seen:
        return await self._arrive(await self.http.get(path), path, follow=follow)

    async def submit(self, form: SeenForm, *, follow: bool = True, **values: str) -> Seen:
        """Fills `form` in and sends it from one of our own pages."""
        return await self.post(form.action, form.values | values, follow=follow)

    async def post(self, path: str, values: dict[str, str] | bytes, *, follow: bool = True, **headers: str) -> Seen:
        content = values if isinstance(values, bytes) else urlencode(values).encode()
        sent = {"Origin": self.world.origin, "Content-Type": "application/x-www-form-urlencoded"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        answer = await self.http.post(path, content=content, headers={k: v for k, v in sent.items() if v})
        return await self._arrive(answer, path, follow=follow)

    async def log_in(self, login: str = "alice", path: str = "/login") -> Seen:
        """Fills in the login form found at `path`."""
        seen = await self.get(path)
        return await self.submit(seen.form("/login"), login=login, password=PASSWORD)

    async def _arrive(self, answer: httpx2.Response, url: str, *, follow: bool) -> Seen:
        while follow and answer.status_code == 303 and answer.headers["Location"].startswith("/"):
            url = urljoin(url, answer.headers["Location"])
            answer = await self.http.get(url)
        reader = _FormReader()
        reader.feed(answer.text)
        return Seen(answer, url, reader.forms)


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[SeenForm] = []
        self._open: SeenForm | None = None
        self._select = ""
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method") != "dialog":  # one that is never sent
            assert given.get("method") == "post"
            self._open = SeenForm(given["action"])
            self.forms.append(self._open)
        if self._open is None:
            return
        if tag == "input":
            self._open.values[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and "selected" in given:
            self._open.values[self._select] = given["value"]
        elif tag == "textarea":
            self._textarea = given["name"]
            self._open.values[self._textarea] = ""

    def handle_data(self, data: str) -> None:
        if self._textarea and self._open is not None:
            self._open.values[self._textarea] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "textarea":
            self._textarea = ""
