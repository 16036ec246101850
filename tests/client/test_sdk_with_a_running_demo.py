"""The SDK against a running demo: the whole round with a browser session, sync and async, and the errors it meets."""

import time

import pytest

from mandat.client import (
    AccessRule,
    AsyncClient,
    Client,
    InvalidCredential,
    InvalidSignature,
    NotGrantedCall,
    ReturnMismatch,
    UnknownRoute,
)
from mandat.client.approval import approve
from support.demo import Demo

BACK = "https://shop.test/back?cart=7"


def confirm(demo: Demo, validation_url: str) -> str:
    person = demo.person("customer")
    followed = approve(validation_url, login=person["login"], password=person["password"]).redirection
    assert followed is not None
    return followed


def test_a_session_that_asked_completes_and_calls(demo: Demo) -> None:
    session: dict[str, object] = {}
    with demo.client() as client:
        pending = client.begin(["GET /me"], redirection=BACK, session=session)
        client.complete(confirm(demo, pending.validation_url), session)
        assert client.get("/me")["nichandle"] == demo.person("customer")["account"]
        with pytest.raises(NotGrantedCall) as caught:
            client.put("/me", city="x")
        assert caught.value.missing_rule == AccessRule("PUT", "/me")
        assert caught.value.query_id


def test_a_session_that_comes_back_without_its_value_loses_the_confirmed_key(demo: Demo) -> None:
    session: dict[str, object] = {}
    with demo.client() as client:
        pending = client.begin(["GET /me"], redirection=BACK, session=session)
        confirm(demo, pending.validation_url)
        with pytest.raises(ReturnMismatch):
            client.complete(BACK, session)
        with pytest.raises(InvalidCredential):
            client.for_consumer_key(pending.consumer_key).get("/me")


async def test_the_async_client_does_the_same(demo: Demo) -> None:
    session: dict[str, object] = {}
    async with AsyncClient(demo.endpoint, demo.application_key, demo.application_secret) as client:
        pending = await client.begin(["GET /*"], redirection=BACK, session=session)
        await client.complete(confirm(demo, pending.validation_url), session)
        assert demo.zone in await client.get("/domain/zone")
        with pytest.raises(UnknownRoute):
            await client.get("/no/such/route")


def test_a_clock_ten_minutes_off_does_not_matter(demo: Demo) -> None:
    key = demo.grant([("GET", "/me")])
    for shift in (-600, 600):
        with demo.client(key, clock=lambda shift=shift: time.time() + shift) as client:
            assert client.get("/me")["nichandle"]
            assert abs(client.time_delta + shift) <= 1


def test_any_spelling_of_a_path_is_signed_as_it_is_sent(demo: Demo) -> None:
    """The server's words say which: a signature that did not fit would be InvalidSignature."""
    with demo.client(demo.grant([("GET", "/me")])) as client:
        for path in ("/domain/zone/é", "/ip/203.0.113.0/29?x=%20+%2B", "/a:b@c/d!$&'()*+,="):
            with pytest.raises(NotGrantedCall):
                client.get(path, text="é ü+&", flag=True, none=None)


def test_a_wrong_secret_is_an_invalid_signature(demo: Demo) -> None:
    key = demo.grant([("GET", "/me")])
    wrong = demo.application_secret[::-1]
    with Client(demo.endpoint, demo.application_key, wrong, key) as client, pytest.raises(InvalidSignature):
        client.get("/me")
