"""Connected applications and my applications: what stands there, and taking it away."""

import pytest

from mandat.authority.values import ApplicationStatus
from mandat.core.credential import CredentialState
from support.pages import Browser, Seen, World

PATH = "/account/applications"
MINE = "/developer/applications"


async def connected(world: World, *names: str) -> Browser:
    """alice has granted GET /me to each application, twice to the first."""
    await world.person()
    browser = world.browser()
    await browser.log_in()
    for place, name in enumerate(names):
        application = await world.application(name)
        for _ in range(2 if place == 0 else 1):
            await granted(world, browser, application)
    return browser


async def granted(world: World, browser: Browser, application: object) -> Seen:
    request = await world.ask(application, "GET /me", redirection=None)  # type: ignore[arg-type]
    seen = await browser.get(f"/auth/?credentialToken={request.token}")
    return await browser.submit(seen.form("/auth/"), answer="confirm")


async def states(world: World) -> list[CredentialState]:
    return [each.state for each in await world.stores.credentials.list_credentials()]


V, R = CredentialState.VALIDATED, CredentialState.REVOKED


async def test_the_list_says_in_words_what_each_application_may_do_and_since_when() -> None:
    world = World()
    browser = await connected(world, "Shop")
    seen = await browser.get(PATH)
    for shown in ("Shop", "Details about your account", "15 January 2027", "15 April 2027", "never", "Active", "GET"):
        assert shown in seen.text, shown


async def test_the_last_use_is_shown() -> None:
    world = World()
    browser = await connected(world, "Shop")
    world.note_use(1, at=int(world.clock.now) + 3600, address="203.0.113.9", calls=7)
    seen = await browser.get(PATH)
    assert "15 January 2027, 09:00 UTC" in seen.text
    assert "203.0.113.9" in seen.text
    assert "7 calls in all" in seen.text


async def test_an_empty_list_says_so() -> None:
    world = World()
    browser = await connected(world)
    assert "No application may act on your account" in (await browser.get(PATH)).text


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("credential=2", [V, R, V]),
        ("application=1", [R, R, V]),
        ("all=yes", [R, R, R]),
    ],
)
async def test_one_delegation_one_application_or_all_can_be_taken_back(query: str, left: list[CredentialState]) -> None:
    world = World()
    browser = await connected(world, "Shop", "Other")
    question = await browser.get(f"{PATH}/revoke?{query}")
    assert (question.status, question.page) == (200, "revoke")
    assert "cannot be undone" in question.text
    assert await states(world) == [V, V, V], "asking has changed nothing"
    seen = await browser.submit(question.form(f"{PATH}/revoke"))
    assert "Done." in seen.text
    assert await states(world) == left


async def test_the_list_leads_to_each_way_of_taking_back() -> None:
    world = World()
    browser = await connected(world, "Shop", "Other")
    html = (await browser.get(PATH)).html
    for query in ("credential=1", "credential=2", "credential=3", "application=1", "all=yes"):
        assert f'href="{PATH}/revoke?{query}"' in html


async def test_taking_back_twice_is_no_fault() -> None:
    world = World()
    browser = await connected(world, "Shop")
    form = (await browser.get(f"{PATH}/revoke?credential=1")).form(f"{PATH}/revoke")
    await browser.submit(form)
    again = await browser.submit(form)
    assert again.status == 200
    assert "ended already" in again.text


async def test_what_belongs_to_somebody_else_is_not_there() -> None:
    world = World()
    await connected(world, "Shop")
    await world.person("bob")
    other = world.browser()
    await other.log_in("bob")
    assert "Shop" not in (await other.get(PATH)).text
    seen = await other.get(f"{PATH}/revoke?credential=1")
    assert seen.url.startswith(PATH + "?done=gone")
    assert await states(world) == [V, V]


async def test_a_form_for_one_delegation_does_not_take_back_another() -> None:
    world = World()
    browser = await connected(world, "Shop", "Other")
    form = (await browser.get(f"{PATH}/revoke?credential=1")).form(f"{PATH}/revoke")
    assert (await browser.submit(form, credential="3")).status == 403
    assert await states(world) == [V, V, V]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "credential=x",
        "credential=1&application=1",
        "all=no",
        "credential=-1",
        "application=٣",
        "credential=" + "9" * 19,
    ],
)
async def test_a_target_that_makes_no_sense_is_named(query: str) -> None:
    world = World()
    browser = await connected(world, "Shop")
    seen = await browser.get(f"{PATH}/revoke?{query}")
    assert seen.status == 400
    assert '"' in seen.text or "&#34;" in seen.html


async def test_delegations_of_a_deleted_application_are_listed_as_ended() -> None:
    world = World()
    browser = await connected(world, "Shop")
    owner = await world.stores.users.find_user("dev")
    assert owner is not None
    await world.authority.applications.delete(owner.account, 1, actor="user:dev", address="")
    seen = await browser.get(PATH)
    assert "Deleted application" in seen.text
    assert "No application may act on your account" in seen.text


# -- my applications


async def developer(world: World) -> Browser:
    """dev, with one application that alice has granted rights to."""
    await connected(world, "Shop")
    browser = world.browser()
    await browser.log_in("dev")
    return browser


async def change(browser: Browser, action: str) -> Seen:
    question = await browser.get(f"{MINE}/change?application=1&action={action}")
    assert question.page == "change-application"
    return await browser.submit(question.form(f"{MINE}/change"))


async def test_the_list_has_the_number_of_customers() -> None:
    seen = await (await developer(World())).get(MINE)
    assert "Shop" in seen.text
    assert 'data-label="Customers">1<' in seen.html
    assert "active" in seen.text


async def test_an_application_is_suspended_and_resumed() -> None:
    world = World()
    browser = await developer(world)
    assert "suspended by you" in (await change(browser, "suspend")).text
    found = await world.stores.applications.find_application(1)
    assert found is not None
    assert found.status is ApplicationStatus.INACTIVE
    assert "Resumed." in (await change(browser, "resume")).text


async def test_deleting_an_application_ends_its_delegations() -> None:
    world = World()
    browser = await developer(world)
    question = await browser.get(f"{MINE}/change?application=1&action=delete")
    assert "1 customer has given it rights; they end." in question.text
    assert "Deleted" in (await change(browser, "delete")).text
    assert await world.stores.applications.find_application(1) is None
    assert await states(world) == [R, R]


async def test_an_application_of_somebody_else_cannot_be_touched() -> None:
    world = World()
    dev = await developer(world)
    form = (await dev.get(f"{MINE}/change?application=1&action=delete")).form(f"{MINE}/change")
    await world.person("bob")
    other = world.browser()
    await other.log_in("bob")
    assert (await other.get(f"{MINE}/change?application=1&action=delete")).url.startswith(MINE + "?done=gone")
    assert (await other.submit(form)).status == 403
    assert await world.stores.applications.find_application(1) is not None


async def test_a_form_to_suspend_does_not_delete() -> None:
    world = World()
    browser = await developer(world)
    form = (await browser.get(f"{MINE}/change?application=1&action=suspend")).form(f"{MINE}/change")
    assert (await browser.submit(form, action="delete")).status == 403
    assert await world.stores.applications.find_application(1) is not None


@pytest.mark.parametrize(
    "query", ["", "application=1", "action=delete", "application=1&action=destroy", "application=&action=delete"]
)
async def test_a_change_that_makes_no_sense_is_named(query: str) -> None:
    browser = await developer(World())
    assert (await browser.get(f"{MINE}/change?{query}")).status == 400
