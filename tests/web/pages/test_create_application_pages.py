"""createApp: keys once, whatever the browser does."""

import asyncio

import pytest

from support.pages import Browser, SeenForm, World


async def form_of(world: World, path: str = "/createApp/") -> tuple[Browser, SeenForm]:
    """A browser in front of the form, as alice."""
    await world.person()
    browser = world.browser()
    return browser, (await browser.log_in(path=path)).form("/createApp/")


async def applications(world: World) -> list[str]:
    return [each.name for each in await world.stores.applications.list_applications(owner=None)]


@pytest.mark.parametrize("path", ["/createApp/", "/createApp", "/api/createApp", "/api/createApp/"])
async def test_key_and_secret_are_shown_with_how_to_use_them(path: str) -> None:
    world = World()
    browser, form = await form_of(world, path)
    seen = await browser.submit(form, name="Shop", description="Sells")
    [application] = await world.stores.applications.list_applications(owner=None)
    assert (seen.status, seen.page) == (200, "application-created")
    assert application.key in seen.text
    assert world.stores.applications.secrets[application.id] in seen.text
    assert "https://auth.example/1.0/auth/credential" in seen.text


async def test_loading_the_page_again_does_not_show_the_secret() -> None:
    world = World()
    browser, form = await form_of(world)
    first = await browser.submit(form, name="Shop", description="Sells")
    again = await browser.get(first.url)
    [application] = await world.stores.applications.list_applications(owner=None)
    assert again.page == "application-shown"
    assert application.key in again.text
    assert world.stores.applications.secrets[application.id] not in again.html


async def test_sending_the_form_again_registers_nothing_and_shows_no_secret() -> None:
    world = World()
    browser, form = await form_of(world)
    await browser.submit(form, name="Shop", description="Sells")
    again = await browser.submit(form, name="Shop", description="Sells")
    assert again.page == "application-shown"
    assert await applications(world) == ["Shop"]


async def test_a_double_click_registers_once_and_shows_the_secret() -> None:
    world = World()
    browser, form = await form_of(world)
    both = await asyncio.gather(
        *(browser.submit(form, follow=False, name="Shop", description="Sells") for _ in range(2))
    )
    assert [seen.status for seen in both] == [303, 303]
    assert (await browser.get(both[1].answer.headers["Location"])).page == "application-created"
    assert await applications(world) == ["Shop"]


async def test_nobody_else_sees_the_secret_with_the_same_address() -> None:
    world = World()
    browser, form = await form_of(world)
    answer = await browser.submit(form, follow=False, name="Shop", description="Sells")
    await world.person("bob")
    other = world.browser()
    await other.log_in("bob")
    seen = await other.get(answer.answer.headers["Location"])
    assert seen.page == "application-shown"
    assert "Shop" not in seen.text
    assert (await browser.get(answer.answer.headers["Location"])).page == "application-created"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 65),
        ("name", "evil\u202egnp"),
        ("description", ""),
        ("description", "y" * 256),
    ],
)
async def test_a_bad_field_comes_back_with_what_was_typed(field: str, value: str) -> None:
    world = World()
    browser, form = await form_of(world)
    typed = {"name": "Shop", "description": "Sells things"} | {field: value}
    seen = await browser.submit(form, **typed)
    assert seen.status == 400
    assert f'id="error-{field}"' in seen.html
    kept = seen.form("/createApp/").values
    assert {name: kept[name] for name in typed} == typed
    assert await applications(world) == []


async def test_the_corrected_form_registers() -> None:
    world = World()
    browser, form = await form_of(world)
    wrong = await browser.submit(form, name="", description="Sells")
    assert (await browser.submit(wrong.form("/createApp/"), name="Shop")).page == "application-created"


async def test_after_storage_failed_the_same_form_may_be_sent_again() -> None:
    world = World()
    browser, form = await form_of(world)
    world.stores.health.failing.add("add_application")
    assert (await browser.submit(form, name="Shop", description="Sells")).status == 503
    world.stores.health.failing.clear()
    assert (await browser.submit(form, name="Shop", description="Sells")).page == "application-created"


async def test_a_form_from_before_a_restart_is_refused_rather_than_registered_twice() -> None:
    world = World()
    browser, form = await form_of(world)
    world.authority.entropy(1)
    world.restart()
    again = await browser.submit(form, name="Shop", description="Sells")
    assert again.status == 403
    assert await applications(world) == []
