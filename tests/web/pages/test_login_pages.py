"""Sign-up, login, logout, and the page about one's own account."""

import pytest

from support.pages import PASSWORD, World


async def test_signing_up_logs_in() -> None:
    browser = World().browser()
    form = (await browser.get("/signup")).form("/signup")
    seen = await browser.submit(form, login="alice", password=PASSWORD)
    assert (seen.status, seen.url) == (200, "/")
    assert "alice" in (await browser.get("/account")).text


async def test_a_login_that_is_taken_comes_back_with_what_was_typed_but_not_the_password() -> None:
    world = World()
    await world.person("alice")
    browser = world.browser()
    seen = await browser.submit(
        (await browser.get("/signup")).form("/signup"), login="alice", password="hunter2hunter2"
    )
    assert seen.status == 409
    assert seen.form("/signup").values["login"] == "alice"
    assert '<a href="#field-login">' in seen.html
    assert "hunter2" not in seen.html


async def test_a_wrong_password_and_an_unknown_login_look_alike() -> None:
    world = World()
    await world.person("alice")
    said = []
    for login in ("alice", "nobody"):
        browser = world.browser()
        form = (await browser.get("/login")).form("/login")
        seen = await browser.submit(form, login=login, password="not the password")
        said.append((seen.status, seen.page, seen.text))
    assert said[0] == said[1]
    assert said[0][0] == 403


async def test_too_many_tries_are_told_how_long_to_wait() -> None:
    world = World()
    browser = world.browser()
    form = (await browser.get("/login")).form("/login")
    for _ in range(10):
        await browser.submit(form, login="alice", password="wrong wrong")
    seen = await browser.submit(form, login="alice", password="wrong wrong")
    assert seen.status == 429
    assert int(seen.answer.headers["Retry-After"]) > 0


async def test_the_session_cookie_is_new_at_each_login_and_ours_alone() -> None:
    world = World()
    await world.person()
    browser = world.browser()
    form = (await browser.get("/login")).form("/login")
    seen = await browser.submit(form, follow=False, login="alice", password=PASSWORD)
    written = [each for each in seen.answer.headers.get_list("set-cookie") if each.startswith("__Host-mandat-session=")]
    assert len(written) == 1
    assert written[0].endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")


async def test_on_plain_http_the_cookie_carries_the_port() -> None:
    world = World(origin="http://127.0.0.1:8700")
    await world.person()
    browser = world.browser()
    form = (await browser.get("/login")).form("/login")
    seen = await browser.submit(form, follow=False, login="alice", password=PASSWORD)
    assert any(each.startswith("mandat-session-8700=") for each in seen.answer.headers.get_list("set-cookie"))
    assert all("Secure" not in each for each in seen.answer.headers.get_list("set-cookie"))


@pytest.mark.parametrize("path", ["/account", "/account/applications", "/developer/applications", "/createApp/"])
async def test_a_page_that_needs_a_login_comes_after_it(path: str) -> None:
    world = World()
    await world.person()
    seen = await world.browser().log_in(path=path)
    assert (seen.status, seen.url) == (200, path)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/auth/?request=short",
        "/auth/?request=aaaaaaaaaaaaaaaaaaaaaa&x=1",
        "/auth/?request=aaaaaaaaaaaaaaaaaaaaaa\n",
        "/auth/?credentialToken=aaaaaaaaaaaaaaaaaaaaaa",
        "javascript:alert(1)",
        "/logout",
        "",
    ],
)
async def test_no_link_to_the_login_page_sends_anybody_elsewhere(wanted: str) -> None:
    world = World()
    await world.person()
    browser = world.browser()
    form = (await browser.get("/login")).form("/login")
    seen = await browser.submit(form, follow=False, login="alice", password=PASSWORD, next=wanted)
    assert (seen.status, seen.answer.headers["Location"]) == (303, "/")


async def test_somebody_logged_in_is_not_asked_again() -> None:
    world = World()
    await world.person()
    browser = world.browser()
    await browser.log_in()
    assert (await browser.get("/login?next=/account")).url == "/account"
    assert (await browser.get("/signup")).url == "/"


async def test_a_second_login_in_another_tab_is_refused_rather_than_ignored() -> None:
    world = World()
    await world.person("alice")
    await world.person("bob")
    browser = world.browser()
    old_tab = (await browser.get("/login")).form("/login")
    await browser.log_in("alice")
    seen = await browser.submit(old_tab, login="bob", password=PASSWORD)
    assert seen.status == 403
    assert "alice" in seen.text


async def test_logging_out_ends_the_session_on_the_server() -> None:
    world = World()
    await world.person()
    browser = world.browser()
    seen = await browser.log_in()
    stolen = dict(browser.http.cookies)
    await browser.submit(seen.form("/logout"))
    browser.http.cookies.update(stolen)
    assert (await browser.get("/account")).page == "login"


async def test_logging_out_everywhere_ends_the_other_browser_too() -> None:
    world = World()
    await world.person()
    here, there = world.browser(), world.browser()
    await here.log_in()
    await there.log_in()
    assert (await here.submit((await here.get("/account")).form("/account/sessions"))).page == "login"
    assert (await there.get("/account")).page == "login"


async def test_a_new_password_keeps_this_browser_and_ends_the_others() -> None:
    world = World()
    await world.person()
    here, there = world.browser(), world.browser()
    await here.log_in()
    await there.log_in()
    form = (await here.get("/account")).form("/account/password")
    seen = await here.submit(form, old=PASSWORD, new="another long password")
    assert seen.status == 200
    assert "Your password is changed" in seen.text
    assert (await there.get("/account")).page == "login"


async def test_a_wrong_current_password_is_said_beside_its_field() -> None:
    world = World()
    await world.person()
    browser = world.browser()
    await browser.log_in()
    form = (await browser.get("/account")).form("/account/password")
    seen = await browser.submit(form, old="not this one", new="another long password")
    assert seen.status == 403
    assert 'id="error-old"' in seen.html
