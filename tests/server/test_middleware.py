"""The middleware over an installation that is named by its configuration file."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from doors.in_memory import Asgi
from doubles.grants import signed_headers
from mandat.server.middleware import MandatMiddleware, MandatWsgiMiddleware
from mandat.server.problems import Problem
from support.installed import APPLICATION_KEY, SECRET, grant, register
from support.storage import Installation

ORIGIN = "https://notes.example"
CONFIG = f"""
public_urls = ["{ORIGIN}"]
[quotas]
credential_per_minute = 1
credential_burst = 3
"""


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """An application that says its account."""
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["state"]["mandat"].account.encode()})


def bare_wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [str(environ["mandat.account"]).encode()]


def signed(method: str, target: str, consumer_key: str = "consumer1") -> dict[str, str]:
    return signed_headers(
        method,
        ORIGIN + target,
        timestamp=int(time.time()),
        key=APPLICATION_KEY,
        secret=SECRET,
        consumer_key=consumer_key,
    )


async def ask(app: MandatMiddleware, method: str = "GET", target: str = "/1.0/notes") -> Asgi:
    fields = [(b"host", b"notes.example")]
    fields += [(name.lower().encode(), value.encode()) for name, value in signed(method, target).items()]
    call = Asgi(
        {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": target,
            "raw_path": target.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "https",
            "headers": fields,
            "client": ("192.0.2.7", 4711),
        }
    )
    await app(call.scope, call.receive, call.send)
    return call


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    installation = Installation.create(tmp_path)
    asyncio.run(register(installation))
    asyncio.run(grant(installation, "consumer1", "ab1-notes", "GET /notes", "POST /notes"))
    file = tmp_path / "mandat.toml"
    file.write_text(CONFIG)
    yield file


async def end(app: MandatMiddleware) -> None:
    """As a server does when it stops."""
    await app({"type": "lifespan"}, Asgi({}).receive, Asgi({}).send)


async def counted(app: MandatMiddleware) -> list[int]:
    return [(await ask(app, method)).status for method in ("GET", "POST", "GET", "GET")]


def test_the_file_says_where_the_installation_is_and_what_its_quotas_are(config: Path) -> None:
    async def serve() -> None:
        app = MandatMiddleware(bare, config=config, run=None)
        first = await ask(app)
        assert (first.status, first.body) == (200, b"ab1-notes")
        assert first.headers["ratelimit"] == '"credential";r=2;t=60'
        assert (await counted(app))[-2:] == [429, 429]
        await end(app)

    asyncio.run(serve())


def test_the_wsgi_door_takes_the_same_file(config: Path) -> None:
    app = MandatWsgiMiddleware(bare_wsgi, config=str(config), run=None)
    statuses: list[str] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
        statuses.append(status)

    for _ in range(4):
        fields = {
            f"HTTP_{name.upper().replace('-', '_')}": value for name, value in signed("GET", "/1.0/notes").items()
        }
        environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/1.0/notes", "HTTP_HOST": "notes.example"}
        list(app({**environ, **fields, "REMOTE_ADDR": "192.0.2.7", "wsgi.url_scheme": "https"}, start_response))
    assert statuses == ["200 OK"] * 3 + ["429 Too Many Requests"]


def test_beside_a_node_that_does_not_run_nothing_passes_that_it_has_to_count(config: Path) -> None:
    async def serve() -> None:
        app = MandatMiddleware(bare, config=config)
        assert await counted(app) == [503] * 4
        await end(app)

    asyncio.run(serve())


def test_without_quotas_reads_need_nobody_and_writes_the_node(config: Path) -> None:
    async def serve() -> None:
        config.write_text(CONFIG.partition("[quotas]")[0])
        app = MandatMiddleware(bare, config=config)
        assert await counted(app) == [200, 503, 200, 200]
        await end(app)

    asyncio.run(serve())


def test_first_calls_that_come_together_open_the_installation_once(config: Path) -> None:
    async def serve() -> None:
        app = MandatMiddleware(bare, config=config, run=None)
        answers = await asyncio.gather(*[ask(app) for _ in range(8)])
        assert sorted(answer.status for answer in answers) == [200] * 3 + [429] * 5
        await end(app)

    asyncio.run(serve())


@pytest.mark.parametrize("option", ["data", "keys", "public_urls", "max_body_bytes"])
def test_what_the_file_says_is_not_said_twice(config: Path, option: str) -> None:
    with pytest.raises(TypeError, match=option):
        MandatMiddleware(bare, config=config, **{option: "elsewhere"})  # type: ignore[misc]


def test_a_file_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="mandat init"):
        MandatMiddleware(bare, config=tmp_path / "none.toml")


def test_an_unknown_option_and_a_missing_address_are_told_at_once() -> None:
    with pytest.raises(TypeError, match="unknown option 'datta'"):
        MandatMiddleware(bare, datta="data")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="public_urls is empty"):
        MandatMiddleware(bare, data="data")
