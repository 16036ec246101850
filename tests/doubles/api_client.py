"""Calls the authority's API as a gateway would: in process, with the headers a gateway sets."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from doubles.authority import RULES, AuthorityWorld
from mandat.authority.login import Visitor
from mandat.authority.values import Application, Credential
from mandat.protocol.access_rule import AccessRule
from mandat.web.application import make_web_app
from mandat.web.settings import PageSettings

MAIN_ORIGIN = "https://api.provider.example"
OTHER_ORIGIN = "http://127.0.0.1:8700"


class ApiClient:
    """The application under test, the world it stands on, and one delegation: Alice's to Dana's shop."""

    def __init__(self, world: AuthorityWorld, http: httpx2.AsyncClient) -> None:
        self.world = world
        self.http = http
        self.alice: Visitor
        self.dana: Visitor
        self.shop: Application
        self.credential: Credential

    async def prepare(self) -> None:
        """Dana registers, Alice confirms."""
        self.dana, self.alice = await self.world.visitor("dana"), await self.world.visitor("alice")
        self.shop = (await self.world.application(self.dana.user)).application
        self.credential = await self.delegate(self.alice)

    async def delegate(self, visitor: Visitor, rules: tuple[AccessRule, ...] = RULES) -> Credential:
        """One more delegation to the shop."""
        asked = await self.world.request(self.shop.key, rules=rules)
        return (await self.world.confirmed(asked.token, visitor)).credential

    async def signed(
        self, method: str, path: str, *, visitor: Visitor | None = None, body: bytes | None = None
    ) -> httpx2.Response:
        """A call the gateway has permitted, for Alice's credential unless somebody else is named."""
        account = (visitor or self.alice).user.account
        headers = {
            "X-Mandat-Account": account,
            "X-Mandat-Application": str(self.shop.id),
            "X-Mandat-Credential": str(self.credential.id),
            "X-Mandat-Caller-Address": "203.0.113.5",
            "X-Ovh-QueryID": "EU.test-1.1",
        }
        return await self.http.request(method, path, headers=headers, content=body)

    async def ask(
        self, body: bytes | dict[str, Any], *, key: str | None = None, headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """`POST /1.0/auth/credential` with the shop's key, or another one; "" sends none."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"X-Ovh-QueryID": "EU.test-1.1", "X-Mandat-Caller-Address": "203.0.113.5", **(headers or {})}
        if key != "":
            sent["X-Ovh-Application"] = self.shop.key if key is None else key
        return await self.http.post("/1.0/auth/credential", headers=sent, content=content)


@asynccontextmanager
async def open_client(
    world: AuthorityWorld, *, max_body_bytes: int = 1_048_576, with_pages: bool = False
) -> AsyncIterator[ApiClient]:
    """A client over a new application, without the pages unless they are asked for."""
    settings = PageSettings(
        public_origins=(MAIN_ORIGIN, OTHER_ORIGIN), form_secret=b"x" * 32, max_body_bytes=max_body_bytes
    )
    application = make_web_app(world.authority, settings, with_pages=with_pages)
    transport = httpx2.ASGITransport(application, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with httpx2.AsyncClient(transport=transport, base_url="http://authority") as http:
        client = ApiClient(world, http)
        await client.prepare()
        yield client


def refusal(response: httpx2.Response) -> dict[str, Any]:
    """The error body, after checking that it is one every client can read."""
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    body: dict[str, Any] = response.json()
    assert set(body) <= {"class", "message", "errorCode", "httpCode", "queryId", "details"}
    assert all(isinstance(value, str) for value in body.get("details", {}).values())
    assert body["httpCode"].startswith(f"{response.status_code} ")
    return body
