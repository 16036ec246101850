"""The secrets of one of my applications: both shown with their use, a new one shown once, the old one ended."""

import re

import pytest

from mandat.authority.values import SecretUse
from support.pages import Browser, Seen, World

MINE = "/developer/applications"
PATH = MINE + "/secrets"
DAY = 86_400


async def developer(world: World) -> tuple[Browser, str]:
    """dev is logged in and has one application; where its secrets are."""
    await world.application("Shop", owner="dev")
    browser = world.browser()
    await browser.log_in("dev")
    return browser, f"{PATH}?application=1"


def button(seen: Seen, action: str, secret: int | None = None):
    """The form that adds, or ends that secret."""
    wanted = {"action": action} | ({} if secret is None else {"secret": str(secret)})
    return next(form for form in seen.forms if wanted.items() <= form.values.items())


def shown_secret(seen: Seen) -> str | None:
    found = re.search(r'aria-labelledby="application-secret">([A-Za-z0-9]{32})<', seen.html)
    return None if found is None else found[1]


async def test_the_list_of_applications_leads_to_the_secrets() -> None:
    world = World()
    browser, path = await developer(world)
    assert f'href="{path}"' in (await browser.get(MINE)).html
    assert (await browser.get(path)).page == "application-secrets"


async def test_a_new_secret_is_shown_once_and_one_form_makes_one() -> None:
    world = World()
    browser, path = await developer(world)
    form = button(await browser.get(path), "add")
    first = await browser.submit(form)
    assert shown_secret(first) is not None
    again = await browser.submit(form)
    assert shown_secret(again) is None
    assert len(world.stores.applications.secret_rows) == 2
    assert not any(form.values.get("action") == "add" for form in again.forms)


async def test_the_last_use_of_each_is_shown() -> None:
    world = World()
    browser, path = await developer(world)
    await browser.submit(button(await browser.get(path), "add"))
    world.stores.usage.secret_rows[1] = SecretUse(at=int(world.clock.now) + 3600, calls=7)
    text = (await browser.get(path)).text
    assert "7 calls in all" in text
    assert "never" in text


@pytest.mark.parametrize(("days", "left"), [("0", [2]), ("7", [1, 2])])
async def test_the_old_one_is_ended_now_or_later(days: str, left: list[int]) -> None:
    world = World()
    browser, path = await developer(world)
    await browser.submit(button(await browser.get(path), "add"))
    seen = await browser.submit(button(await browser.get(path), "end", 1), days=days)
    assert "role=" in seen.html
    rows = world.stores.applications.secret_rows
    assert sorted(rows) == left
    assert days == "0" or rows[1].ends == int(world.clock.now) + 7 * DAY


async def test_the_only_one_has_no_button_and_a_forged_form_does_not_end_it() -> None:
    world = World()
    browser, path = await developer(world)
    seen = await browser.get(path)
    assert not any(form.values.get("action") == "end" for form in seen.forms)
    values = button(seen, "add").values | {"action": "end", "secret": "1", "days": "0"}
    assert (await browser.post(PATH, values)).status == 403
    assert sorted(world.stores.applications.secret_rows) == [1]


async def test_somebody_elses_application_is_not_there() -> None:
    world = World()
    _, path = await developer(world)
    await world.person("mallory")
    stranger = world.browser()
    await stranger.log_in("mallory")
    assert "is not there any more" in (await stranger.get(path)).text


@pytest.mark.parametrize(
    "values",
    [{}, {"application": "x"}, {"application": "1"}, {"application": "1", "action": "burn"},
     {"application": "1", "action": "end"}, {"application": "1", "action": "end", "secret": "1", "days": "-1"},
     {"application": "1", "action": "add"}],
)  # fmt: skip
async def test_fields_no_form_has_are_named(values: dict[str, str]) -> None:
    world = World()
    browser, _ = await developer(world)
    assert (await browser.post(PATH, values)).status == 400


async def test_a_failing_store_is_503_and_nothing_is_made() -> None:
    world = World()
    browser, path = await developer(world)
    form = button(await browser.get(path), "add")
    world.stores.health.failing.add("list_secrets")
    assert (await browser.submit(form)).status == 503
    assert sorted(world.stores.applications.secret_rows) == [1]
