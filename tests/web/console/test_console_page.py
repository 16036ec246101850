"""The console's page and files, without a browser: what they say, what they may do, what they weigh."""

import gzip
import hashlib
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from mandat.web import console
from mandat.web.console.files import CONSOLE_FILES, CONSOLE_PREFIX
from mandat.web.console.routes import CONSOLE_ROUTES
from support.pages import ORIGIN, Seen, World

FOLDER = Path(str(console.__file__)).parent
VENDORED = FOLDER / "vendor" / "swagger-ui"


async def shown(world: World | None = None) -> Seen:
    return await (world or World()).browser().get("/console/")


def settings_of(seen: Seen) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="console-settings">(.*?)</script>', seen.html, re.DOTALL)
    assert found is not None
    settings: dict[str, Any] = json.loads(found[1])
    return settings


async def test_anybody_may_read_the_page_without_logging_in() -> None:
    seen = await shown()
    assert seen.status == 200
    assert "API console" in seen.text


async def test_every_section_is_there_with_both_of_its_documents() -> None:
    world = World()
    world.catalogue.replace_source("x", {"dedicated/server": {"description": "Servers <b>"}})
    seen = await shown(world)
    for section in ("domain", "dedicated/server"):
        assert f'href="{ORIGIN}/1.0/{section}.json"' in seen.html
        assert f'href="{ORIGIN}/1.0/{section}.json?format=openapi3"' in seen.html
    assert "Servers &lt;b&gt;" in seen.html
    assert [section["name"] for section in settings_of(seen)["sections"]] == ["dedicated/server", "domain"]


async def test_a_section_that_comes_later_is_there_without_a_restart() -> None:
    world = World()
    browser = world.browser()
    await browser.get("/console/")
    world.catalogue.replace_source("x", {"later": {"apis": []}})
    assert "/1.0/later.json" in (await browser.get("/console/")).html


async def test_rights_are_offered_by_section_and_effect_with_the_root_where_it_is_needed() -> None:
    world = World()
    me = [
        {"path": path, "operations": [{"httpMethod": method, "description": "x"}]}
        for path, method in [("/me", "GET"), ("/me", "PUT"), ("/me/bill", "GET"), ("/else", "GET")]
    ]
    world.catalogue.replace_source("x", {"me": {"apis": me}, "open": {"apis": []}})
    rules = re.findall(r'data-rules="([^"]*)" aria-label="([^"]*)"', (await shown(world)).html)
    assert [(unescape(rule).split("\n"), label) for rule, label in rules] == [
        (["GET /domain/*"], "Read everything in /domain"),
        (["POST /domain/*", "PUT /domain/*"], "Change and create everything in /domain"),
        (["DELETE /domain/*"], "Delete everything in /domain"),
        (["GET /me", "GET /me/*"], "Read everything in /me"),
        (["PUT /me"], "Change and create everything in /me"),
    ]


async def test_the_page_may_call_our_api_and_load_our_files_and_nothing_else() -> None:
    policy = (await shown()).answer.headers["content-security-policy"].split("; ")
    assert sorted(policy) == [
        "base-uri 'none'",
        f"connect-src 'self' {ORIGIN}",
        "default-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self'",
    ]


async def test_pages_on_a_host_of_their_own_may_call_the_api_on_its() -> None:
    world = World(pages_url="https://login.example")
    browser = world.browser()
    browser.http.headers["X-Mandat-Public-Origin"] = "https://login.example"
    seen = await browser.get("/console/")
    assert f"connect-src 'self' {ORIGIN}" in seen.answer.headers["content-security-policy"]
    assert settings_of(seen)["base"] == f"{ORIGIN}/1.0"


async def test_the_page_says_what_it_needs_where_scripts_are_off_and_takes_no_keys_then() -> None:
    html = (await shown()).html
    assert '<div id="needs-script">' in html
    keys = html.index('id="keys-form"')
    assert html.rindex('id="console" hidden', 0, keys) < keys
    fields = re.findall(r"<input[^>]*>", html)
    assert fields
    assert not any("name=" in field for field in fields)


async def test_no_script_stands_in_the_page_and_no_handler_on_an_element() -> None:
    html = (await shown()).html
    for tag in re.findall(r"<script[^>]*>", html):
        assert f'src="{CONSOLE_PREFIX}' in tag or "application/json" in tag
    assert re.findall(r"\son[a-z]+=", html) == []
    assert "style=" not in html


async def test_what_a_description_says_cannot_end_the_settings() -> None:
    world = World()
    world.catalogue.replace_source("x", {"</script><b>": {"apis": []}})
    seen = await shown(world)
    assert "</script><b>" not in seen.html
    assert {section["name"] for section in settings_of(seen)["sections"]} == {"domain", "</script><b>"}


@pytest.mark.parametrize("path", CONSOLE_FILES)
async def test_files_may_be_kept_for_ever_and_come_compressed_where_asked(path: str) -> None:
    http = World().browser().http
    plain = await http.get(path, headers={"Accept-Encoding": "identity"})
    packed = await http.get(path, headers={"Accept-Encoding": "br, gzip;q=0.5"})
    refused = await http.get(path, headers={"Accept-Encoding": "gzip;q=0"})
    assert plain.status_code == packed.status_code == 200
    assert plain.content == packed.content == refused.content == CONSOLE_FILES[path].source.read_bytes()
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers | refused.headers
    for answer in (plain, packed):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"].startswith(("text/javascript", "text/css"))
        again = await http.get(path, headers={"If-None-Match": answer.headers["etag"], **_encoding(answer)})
        assert again.status_code == 304


def _encoding(answer: Any) -> dict[str, str]:
    return {"Accept-Encoding": answer.headers.get("content-encoding", "identity")}


async def test_every_file_a_page_or_a_module_names_is_there() -> None:
    named = re.findall(r'(?:src|href)="(/static/console-[^"]+)"', (await shown()).html)
    assert len(named) == 9
    for path, file in CONSOLE_FILES.items():
        if file.source.parent.name == "static":
            imported = re.findall(r'from "\./([^"]+)"', file.source.read_text(encoding="utf-8"))
            named += [path.rpartition("/")[0] + "/" + name for name in imported]
    assert set(named) <= set(CONSOLE_FILES)


def test_the_gateways_list_has_every_file() -> None:
    assert set(CONSOLE_ROUTES) == {"/console", "/console/", *CONSOLE_FILES}


def test_the_vendored_files_are_those_of_the_release() -> None:
    sums = dict(reversed(line.split("  ")) for line in (VENDORED / "CHECKSUMS").read_text().splitlines())
    assert set(sums) == {path.name for path in VENDORED.iterdir()} - {"CHECKSUMS", "README.md"}
    for name, digest in sums.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == digest, name
    assert "Apache License" in (VENDORED / "LICENSE").read_text()


def test_what_a_visit_costs_is_bounded() -> None:
    packed = sum(len(gzip.compress(file.source.read_bytes())) for file in CONSOLE_FILES.values())
    assert packed < 600_000
