"""Permission requests: how they are written, and that only the browser that asked can finish one."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.wire_api import AK, AS, WireApi, body_of
from mandat.client import AccessRule, AsyncClient, Client, InvalidResponse, ReturnMismatch, returning
from mandat.client.permission import read_pending

BACK = "https://shop.test/back?cart=7#top"


def make_client(api: WireApi) -> Client:
    client = Client("http://api.test", AK, AS, transport=api.transport())
    api.window_seconds = 10**10
    return client


def redirection_of(api: WireApi, number: int = -1) -> str:
    asked = [request for request in api.seen if request.url.path.endswith("/auth/credential")]
    return str(body_of(asked[number])["redirection"])


@pytest.mark.parametrize(
    "rule", ["GET /me", "  get   /me ", ("GET", "/me"), {"method": "GET", "path": "/me"}, AccessRule("GET", "/me")]
)
def test_a_rule_can_be_written_in_many_ways(rule: Any) -> None:
    api = WireApi()
    pending = make_client(api).request_permission([rule])
    assert body_of(api.seen[0]) == {"accessRules": [{"method": "GET", "path": "/me"}]}
    assert pending.state == "pendingValidation"
    assert pending.consumer_key not in repr(pending)
    assert "x-ovh-signature" not in api.seen[0].headers


@pytest.mark.parametrize("rule", ["GET", "", 5, None, ("GET",), {"method": "GET"}, ("GET", None), ("", "/me")])
def test_what_is_no_rule_is_refused_before_anything_is_sent(rule: Any) -> None:
    api = WireApi()
    with pytest.raises(ValueError, match="a rule is"):
        make_client(api).request_permission([rule])
    assert api.seen == []


def test_redirection_and_addresses_are_sent_to_the_letter() -> None:
    api = WireApi()
    make_client(api).request_permission(["GET /me"], "$REDIRECT_URL", ["192.0.2.0/24"])
    assert body_of(api.seen[0])["redirection"] == "$REDIRECT_URL"
    assert body_of(api.seen[0])["allowedIPs"] == ["192.0.2.0/24"]


def test_python_ovhs_names_work_and_use_the_new_key_at_once() -> None:
    api = WireApi()
    client = make_client(api)
    request = client.new_consumer_key_request()
    request.add_rule("get", "/me")
    request.add_rules(["GET", "PUT"], "/vps")
    request.add_recursive_rules(iter(["GET"]), "/sms/*")
    request.add_recursive_rules(["DELETE"], "/")
    answer = request.request("https://x.test/", allowedIPs=["192.0.2.1/32"])
    rules = [(rule["method"], rule["path"]) for rule in body_of(api.seen[0])["accessRules"]]
    assert rules == [
        ("GET", "/me"), ("GET", "/vps"), ("PUT", "/vps"), ("GET", "/sms"), ("GET", "/sms/*"), ("DELETE", "/*"),
    ]  # fmt: skip
    assert client.consumer_key == answer["consumerKey"]
    assert client.get("/me") is None


@pytest.mark.parametrize("answer", [None, [], {}, {"consumerKey": "x", "validationUrl": None, "state": "y"}, "text"])
def test_an_answer_without_its_members_is_an_invalid_response(answer: Any) -> None:
    with pytest.raises(InvalidResponse, match="consumerKey"):
        read_pending(answer)


def test_the_browser_that_asked_gets_the_key_and_the_client_uses_it() -> None:
    api, session = WireApi(), {}
    client = make_client(api)
    pending = client.begin(["GET /me"], redirection=BACK, session=session)
    assert client.consumer_key is None
    assert client.complete(redirection_of(api), session) == pending.consumer_key
    assert client.consumer_key == pending.consumer_key


def test_the_redirection_keeps_everything_the_application_put_there() -> None:
    api, session = WireApi(), {}
    make_client(api).begin(["GET /me"], redirection=BACK, session=session)
    parts = urlsplit(redirection_of(api))
    assert (parts.netloc, parts.path, parts.fragment) == ("shop.test", "/back", "top")
    query = parse_qs(parts.query)
    assert query["cart"] == ["7"]
    assert len(query[returning.PARAMETER][0]) >= 43


def test_the_session_survives_a_trip_through_json() -> None:
    api, session = WireApi(), {}
    client = make_client(api)
    client.begin(["GET /me"], redirection=BACK, session=session)
    assert client.complete(redirection_of(api), json.loads(json.dumps(session)))


def test_another_browser_that_confirms_does_not_hand_over_its_account() -> None:
    """Consent fixation: the attacker asks, the victim confirms and lands in her own session at the shop."""
    api, attacker, victim = WireApi(), {}, {}
    client = make_client(api)
    client.begin(["GET /me"], redirection=BACK, session=attacker)
    with pytest.raises(ReturnMismatch):
        client.complete(redirection_of(api), victim)
    assert client.consumer_key is None


def test_the_attacker_who_does_not_know_the_value_loses_the_key() -> None:
    api, attacker = WireApi(), {}
    client = make_client(api)
    pending = client.begin(["GET /me"], redirection=BACK, session=attacker)
    with pytest.raises(ReturnMismatch):
        client.complete("https://shop.test/back?cart=7", attacker)
    out = api.seen[-1]
    assert (out.method, out.url.path) == ("POST", "/1.0/auth/logout")
    assert out.headers["x-ovh-consumer"] == pending.consumer_key
    with pytest.raises(ReturnMismatch):
        client.complete(redirection_of(api), attacker)


def test_a_value_works_once() -> None:
    api, session = WireApi(), {}
    client = make_client(api)
    client.begin(["GET /me"], redirection=BACK, session=session)
    client.complete(redirection_of(api), session)
    with pytest.raises(ReturnMismatch):
        client.complete(redirection_of(api), session)


def test_several_tabs_of_one_browser_finish_in_any_order() -> None:
    api, session = WireApi(), {}
    client = make_client(api)
    asked = [client.begin(["GET /me"], redirection=BACK, session=session) for _ in range(3)]
    for number in (1, 2, 0):
        assert client.complete(redirection_of(api, number), session) == asked[number].consumer_key


def test_a_failing_log_out_does_not_hide_the_mismatch() -> None:
    api, session = WireApi(), {}
    client = make_client(api)
    client.begin(["GET /me"], redirection=BACK, session=session)
    api.answer("POST", "/1.0/auth/logout", {"errorCode": "INVALID_CREDENTIAL"}, status=403)
    with pytest.raises(ReturnMismatch):
        client.complete("/back", session)


@given(st.text(), st.sampled_from(["", "x", "mandat_return=", "mandat_return=a&mandat_return=b"]))
def test_no_made_up_return_is_accepted(value: str, query: str) -> None:
    session: dict[str, Any] = {}
    returning.remember(session, consumer_key="k", value="right")
    url = "/back?" + query + "&mandat_return=" + value
    if value != "right":
        assert returning.take_returned(url, session) == (None, ["k"])


@pytest.mark.parametrize(
    "damaged", [None, "text", [1], [{"value": ""}], [{"value": "", "consumer_key": "k"}], {"a": 1}]
)
def test_a_damaged_session_accepts_nothing(damaged: Any) -> None:
    session = {returning.SESSION_KEY: damaged}
    assert returning.take_returned("/back?mandat_return=", session) == (None, [])


@pytest.mark.parametrize(
    "redirection",
    [
        "/back",
        "https://x.test/é",
        "https://x.test/a b",
        "https://x.test\\@y.test/",
        "$REDIRECT_URL",
        "javascript:alert(1)",
        "https://u@shop.test/",
        "https://",
        "https://x.test/?mandat_return=1",
    ],
)
def test_a_redirection_no_browser_comes_back_to_is_refused_before_anything_is_sent(redirection: str) -> None:
    api = WireApi()
    with pytest.raises(ValueError, match="redirection"):
        make_client(api).begin(["GET /me"], redirection=redirection, session={})
    assert api.seen == []


async def test_the_async_client_begins_and_completes_alike() -> None:
    api, session = WireApi(), {}
    api.window_seconds = 10**10
    async with AsyncClient("http://api.test", AK, AS, transport=api.transport()) as client:
        pending = await client.begin(["GET /me"], redirection=BACK, session=session)
        assert await client.complete(redirection_of(api), session) == pending.consumer_key
        await client.begin(["GET /me"], redirection=BACK, session=session)
        with pytest.raises(ReturnMismatch):
            await client.complete("/back", session)
        assert api.paths()[-1] == "POST /1.0/auth/logout"
        request = client.new_consumer_key_request()
        request.add_rule("GET", "/me")
        assert (await request.request())["state"] == "pendingValidation"
