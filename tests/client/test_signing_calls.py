"""Signed calls: the URL that is sent is the URL that is signed, and the clock follows the server's."""

import httpx2
import ovh.client
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doubles.wire_api import AK, AS, CK, SERVER_TIME, WireApi
from mandat.client import AsyncClient, Client, InvalidResponse, QueryTimeOut, ServerFault, SignedCalls

BASE = "http://api.test:8700/1.0"


def make_client(api: WireApi, **options: object) -> Client:
    return Client(BASE, AK, AS, CK, transport=api.transport(), clock=lambda: SERVER_TIME, **options)


@pytest.mark.parametrize(
    "path",
    [
        "/me",
        "/domain/zone/",
        "/ip/203.0.113.0%2F29?a=true&b=null",
        "/ip/2001:db8::1/x;y=(z)!$&'*+,=@",
        "/domain/zone/exämple.org/record?subDomain=été&x=%7e%2f",
        '/a?q=[x]{y}|"<>`^',
        "/v2/iam/policy/abc",
    ],
)
def test_what_is_signed_is_what_is_sent_however_the_path_is_spelt(path: str) -> None:
    api = WireApi()
    assert make_client(api).call("GET", path) is None


@given(text=st.text(max_size=20), number=st.integers(), flag=st.booleans() | st.none())
def test_any_query_argument_is_signed_as_it_is_sent(text: str, number: int, flag: bool | None) -> None:
    api = WireApi()
    text = text.encode("utf-8", "ignore").decode()
    make_client(api).get("/me", text=text, _from=number, flag=flag)
    arrived = api.seen[-1].url.params
    assert (arrived["text"], arrived["from"]) == (text, str(number))


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_any_body_is_signed_as_it_is_sent(value: object) -> None:
    api = WireApi()
    make_client(api).post("/x", value=value, _from=1)
    assert api.paths()[-1] == "POST /1.0/x"


def test_query_and_body_are_those_of_python_ovh() -> None:
    api = WireApi()
    arguments = {"_from": "a b&é", "flag": True, "none": None, "n": 3, "text": "x/y+z"}
    theirs: list[tuple[str, str]] = []

    class Recorder(ovh.client.Client):
        def raw_call(self, method, path, data=None, need_auth=True, headers=None):  # type: ignore[no-untyped-def]
            theirs.append((method, path))
            return httpx2.Response(200, content=b"null")

    Recorder("ovh-eu", AK, AS, CK).get("/me?x=1", **arguments)
    make_client(api).get("/me?x=1", **arguments)
    assert api.paths()[-1] == "GET /1.0" + theirs[0][1]
    make_client(api).post("/me", **arguments)
    assert api.seen[-1].content == b'{"from":"a b&\\u00e9","flag":true,"none":null,"n":3,"text":"x/y+z"}'


def test_a_call_without_arguments_has_neither_body_nor_content_type() -> None:
    api = WireApi()
    make_client(api).post("/domain/zone/example.org/refresh")
    assert api.seen[-1].content == b""
    assert "content-type" not in api.seen[-1].headers


def test_an_unsigned_call_carries_the_application_key_alone() -> None:
    api = WireApi()
    with pytest.raises(Exception, match="missing_credential"):
        make_client(api).get("/me", _need_auth=False)
    assert [name for name in api.seen[-1].headers if name.startswith("x-ovh")] == ["x-ovh-application"]


def test_v1_and_v2_paths_replace_the_version_of_the_endpoint() -> None:
    api = WireApi()
    client = make_client(api)
    for path in ("/v1/me", "/v2/iam/policy", "/v1", "/v10/x"):
        client.get(path)
    assert api.paths()[1:] == ["GET /v1/me", "GET /v2/iam/policy", "GET /v1", "GET /1.0/v10/x"]


@pytest.mark.parametrize("path", ["me", "", "/me/../vps", "/./me", "/me\n", "/a b", "/me#x", "/a\\b", "/" + "x" * 9000])
def test_a_path_that_would_not_arrive_as_written_is_refused_before_anything_is_sent(path: str) -> None:
    api = WireApi()
    with pytest.raises(ValueError, match="path"):
        make_client(api).get(path)
    assert api.seen == []


def test_the_time_is_fetched_once_and_the_difference_is_used() -> None:
    api = WireApi()
    client = Client(BASE, AK, AS, CK, transport=api.transport(), clock=lambda: SERVER_TIME - 600.5)
    client.get("/me")
    client.for_consumer_key(CK[::-1]).get("/me")
    assert api.paths() == ["GET /1.0/auth/time", "GET /1.0/me", "GET /1.0/me"]
    assert client.time_delta == 601
    assert api.seen[-1].headers["x-ovh-timestamp"] == str(SERVER_TIME)


def test_a_clock_that_runs_away_is_compared_again_and_the_call_repeated_once() -> None:
    api = WireApi()
    client = make_client(api)
    client.get("/me")
    api.time += 3600
    client.post("/x", a=1)
    assert api.paths()[2:] == ["POST /1.0/x", "GET /1.0/auth/time", "POST /1.0/x"]


def test_a_call_that_stays_out_of_time_is_not_repeated_for_ever() -> None:
    api = WireApi()
    client = make_client(api)
    api.window_seconds = -1
    with pytest.raises(QueryTimeOut):
        client.post("/x", a=1)
    assert api.paths().count("POST /1.0/x") == 2


@pytest.mark.parametrize("content", [b"<html>", b"", b"-5", b"1e9", b'"1700000000"', b"1" * 40, "١٧".encode()])
def test_a_time_that_is_no_number_is_an_invalid_response(content: bytes) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, content=content))
    with pytest.raises(InvalidResponse, match="time"):
        Client(BASE, AK, AS, CK, transport=transport).get("/me")


def test_a_server_that_refuses_to_say_the_time_is_a_typed_error() -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(503, json={"message": "later"}))
    with pytest.raises(ServerFault, match="later"):
        Client(BASE, AK, AS, CK, transport=transport).get("/me")


def test_the_auth_class_serves_a_plain_httpx2_client() -> None:
    api = WireApi()
    with httpx2.Client(auth=SignedCalls(AK, AS, CK), transport=api.transport()) as http:
        assert http.post("http://api.test/v2/iam/policy?x=%2F", json={"name": "é"}).status_code == 200
    assert api.paths() == ["GET /1.0/auth/time", "POST /v2/iam/policy?x=%2F"]


async def test_the_auth_class_serves_a_plain_async_client() -> None:
    api = WireApi()
    async with httpx2.AsyncClient(auth=SignedCalls(AK, AS, CK), transport=api.transport()) as http:
        assert (await http.put("http://api.test/1.0/me", json={})).status_code == 200


async def test_the_async_client_signs_and_follows_the_clock_as_well() -> None:
    api = WireApi()
    api.answer("GET", "/1.0/me", {"nichandle": "ab1-mandat"})
    async with AsyncClient(BASE, AK, AS, CK, transport=api.transport(), clock=lambda: SERVER_TIME - 600) as client:
        assert await client.get("/me") == {"nichandle": "ab1-mandat"}
        assert await client.time_delta() == 600
        api.time += 3600
        await client.delete("/x", a=None)
        await client.put("/x", a=None)
        await client.post("/x")
    assert api.paths()[-3:] == ["DELETE /1.0/x?a=null", "PUT /1.0/x", "POST /1.0/x"]


def test_keys_never_show_in_a_representation() -> None:
    client = make_client(WireApi())
    shown = repr(client) + repr(vars(client)) + repr(client.signed_calls())
    assert AS not in shown
