"""The console's modules in the browser they are written for: signatures, programs shown, keys kept."""

import ast
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from mandat.web.console.files import console_path
from support.browser import open_browser
from support.pages_server import served_pages

pytestmark = pytest.mark.browser

Chromium = Callable[[str], Path]
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "signature.json").read_text(encoding="utf-8"))["cases"]
AWKWARD = """quote ' double " dollar $HOME `id` \\ percent %s é € \u2028 {"x"} \n !"""


@asynccontextmanager
async def opened(debian_program: Chromium) -> AsyncIterator[Page]:
    """The console's page over pages in memory."""
    async with served_pages() as world, open_browser(debian_program("chromium")) as browser:
        page = await browser.new_page()
        await page.goto(f"{world.origin}/console/")
        yield page


async def call(page: Page, module: str, function: str, *arguments: Any) -> Any:
    """What a module's function gives."""
    script = "async ([path, name, values]) => (await import(path))[name](...values)"
    return await page.evaluate(script, [console_path(module), function, list(arguments)])


async def test_every_vector_is_signed_as_python_signs_it(debian_program: Chromium) -> None:
    async with opened(debian_program) as page:
        for vector in VECTORS:
            keys = {"applicationSecret": vector["application_secret"], "consumerKey": vector["consumer_key"]}
            told = {name: vector[name] for name in ("method", "url", "body", "timestamp")}
            assert await call(page, "signing.js", "signatureOf", keys, told) == vector["signature"], vector["name"]


@pytest.mark.parametrize(
    "value",
    [
        {"a": True, "b": False, "c": None, "d": [1, -2.5, 12345678901234567890], "e": {"true": "null"}},
        {"escaped": "a/b\\/c", "emoji": "\U0001f600", "lone": "x", AWKWARD: AWKWARD},
        [],
        "true",
    ],
)
async def test_a_body_is_the_same_in_python(debian_program: Chromium, value: Any) -> None:
    async with opened(debian_program) as page:
        for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2).replace("/", "\\/")):
            literal = await call(page, "snippets.js", "pythonLiteral", text)
            assert ast.literal_eval(literal) == json.loads(text)


@pytest.mark.parametrize("text", ["{", "{'a': 1}", "nul", "", "1 2"])
async def test_what_is_not_json_is_no_python(debian_program: Chromium, text: str) -> None:
    async with opened(debian_program) as page:
        assert await call(page, "snippets.js", "pythonLiteral", text) is None


async def test_a_shell_reads_address_body_and_key_as_they_were_sent(debian_program: Chromium) -> None:
    told = {
        "method": "POST",
        "url": "http://127.0.0.1:1/1.0/x?a='$(id)'&b=`id`",
        "body": json.dumps({"x": AWKWARD}, ensure_ascii=False),
        "applicationKey": "a'b",
        "isSigned": False,
    }
    async with opened(debian_program) as page:
        program = await call(page, "snippets.js", "curlOf", told, "http://127.0.0.1:1/1.0/auth/time")
    shown = 'curl() { for each in "$@"; do printf \'%s\\0\' "$each"; done; }\n' + program
    given = subprocess.run(["sh", "-c", shown], capture_output=True, check=True).stdout.decode().split("\0")
    assert given[:3] == ["-X", "POST", told["url"]]
    assert given[given.index("--data-raw") + 1] == told["body"]
    assert "X-Ovh-Application: a'b" in given


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({}, set()),
        ({"applicationKey": "A" * 16}, {"X-Ovh-Application"}),
        ({"applicationKey": "A" * 16, "consumerKey": "C" * 32}, {"X-Ovh-Application"}),
        (
            {"applicationKey": "A" * 16, "applicationSecret": "S" * 32, "consumerKey": "C" * 32},
            {"X-Ovh-Application", "X-Ovh-Consumer", "X-Ovh-Timestamp", "X-Ovh-Signature"},
        ),
    ],
)
async def test_a_call_gets_the_headers_its_keys_allow(
    debian_program: Chromium, keys: dict[str, str], wanted: set[str]
) -> None:
    script = """async ([path, keys]) => {
        const { withKeys } = await import(path);
        const request = { url: "http://127.0.0.1:1/1.0/é b", method: "get", headers: { accept: "x" } };
        return withKeys(request, keys, { now: async () => 1700000000 });
    }"""
    async with opened(debian_program) as page:
        sent = await page.evaluate(script, [console_path("signing.js"), keys])
    assert set(sent["headers"]) == {"accept", *wanted}
    assert sent["url"] == "http://127.0.0.1:1/1.0/%C3%A9%20b"
    assert "S" * 32 not in json.dumps(sent)


async def test_the_servers_time_is_asked_once_and_again_when_it_was_wrong(debian_program: Chromium) -> None:
    script = """async (path) => {
        const { ServerClock } = await import(path);
        const asked = [];
        let says = "1000";
        globalThis.fetch = async (url) => { asked.push(url); return new Response(says); };
        const clock = new ServerClock("/time");
        const times = [await clock.now(), await clock.now()];
        clock.forget();
        says = "<html>";
        const failed = await clock.now().catch(() => "failed");
        return { times, asked: asked.length, failed };
    }"""
    async with opened(debian_program) as page:
        seen = await page.evaluate(script, console_path("signing.js"))
    assert seen["asked"] == 2
    assert all(1000 <= time < 1010 for time in seen["times"])
    assert seen["failed"] == "failed"


async def test_keys_stay_in_their_tab_and_can_be_forgotten(debian_program: Chromium) -> None:
    async with opened(debian_program) as page:
        await page.fill("#key-applicationKey", "A" * 16)
        await page.fill("#key-applicationSecret", " " + "S" * 32 + " ")
        assert "all three keys" in await page.inner_text("#keys-state")
        await page.fill("#key-consumerKey", "C" * 32)
        assert "signed with these keys" in await page.inner_text("#keys-state")
        await page.reload()
        assert await page.input_value("#key-applicationSecret") == "S" * 32
        other = await page.context.new_page()
        await other.goto(page.url)
        assert await other.input_value("#key-applicationSecret") == ""
        await page.click("#keys-forget")
        assert await page.input_value("#key-applicationSecret") == ""
        assert await page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [0, 0, ""]


async def test_enter_in_a_key_field_sends_nothing(debian_program: Chromium) -> None:
    async with opened(debian_program) as page:
        left_for: list[str] = []
        page.on("request", lambda request: left_for.append(request.url) if request.is_navigation_request() else None)
        await page.fill("#key-applicationSecret", "S" * 32)
        await page.press("#key-applicationSecret", "Enter")
        await page.fill("#key-consumerKey", "C")
        assert left_for == []
        assert "S" * 32 not in page.url


async def test_where_the_browser_keeps_no_storage_the_page_still_works(debian_program: Chromium) -> None:
    async with served_pages() as world, open_browser(debian_program("chromium")) as browser:
        page = await browser.new_page()
        await page.add_init_script(
            "Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('no') } })"
        )
        await page.goto(f"{world.origin}/console/")
        await page.fill("#key-applicationKey", "A" * 16)
        await page.locator(".opblock").first.wait_for()
        assert "all three keys" in await page.inner_text("#keys-state")
