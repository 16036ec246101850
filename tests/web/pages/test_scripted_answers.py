"""`mandat.client.approval`, which answers as a browser would, against the real pages over real HTTP."""

import asyncio
from typing import Any

import pytest

from mandat.client.approval import Approval, ApprovalFailed, approve
from mandat.core.credential import CredentialState
from support.pages import PASSWORD, World
from support.pages_server import served_pages


async def answer(world: World, token: str, **given: Any) -> Approval:
    """Answers in a thread, since the client is a plain one and the pages live on this loop."""
    url = f"{world.origin}/auth/?credentialToken={token}"
    wanted = {"login": "alice", "password": PASSWORD} | given
    return await asyncio.to_thread(approve, url, **wanted)


async def asked(world: World, redirection: str | None = "https://shop.example/back?x=%7B1%7D") -> str:
    await world.person()
    return (await world.ask(await world.application(), redirection=redirection)).token


async def test_confirming_gives_the_redirection_to_the_letter() -> None:
    async with served_pages() as world:
        given = await answer(world, await asked(world), validity=3600)
        assert (given.outcome, given.redirection) == ("confirmed", "https://shop.example/back?x=%7B1%7D")
        [credential] = await world.stores.credentials.list_credentials()
        assert credential.expires == world.clock.now + 3600


async def test_a_redirection_to_our_own_origin_counts_too() -> None:
    async with served_pages() as world:
        back = f"{world.origin}/account"
        assert (await answer(world, await asked(world, back))).redirection == back


async def test_without_a_redirection_the_page_says_done() -> None:
    async with served_pages() as world:
        given = await answer(world, await asked(world, "$REDIRECT_URL"), validity="unlimited")
        assert given == Approval("confirmed", None, "Confirmed")


async def test_refusing() -> None:
    async with served_pages() as world:
        assert (await answer(world, await asked(world), refuse=True)).outcome == "refused"
        [credential] = await world.stores.credentials.list_credentials()
        assert credential.state is CredentialState.REFUSED


@pytest.mark.parametrize(
    ("given", "said"),
    [({"password": "not this one"}, "do not belong together"), ({"validity": 59}, "between 60 and")],
)
async def test_what_the_page_objects_to_is_told(given: dict[str, Any], said: str) -> None:
    async with served_pages() as world:
        token = await asked(world)
        with pytest.raises(ApprovalFailed, match=said):
            await answer(world, token, **given)
        assert await world.stores.credentials.list_credentials() == []


async def test_a_link_that_was_used_or_leads_nowhere_is_told() -> None:
    async with served_pages() as world:
        token = await asked(world)
        await answer(world, token)
        with pytest.raises(ApprovalFailed, match="answered already"):
            await answer(world, token)
        with pytest.raises(ApprovalFailed, match="leads nowhere"):
            await answer(world, "a" * 64)
