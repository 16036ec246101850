"""What is repeated after a broken connection, and what never is."""

import httpx2
import pytest

from doubles.wire_api import AK, AS, CK, WireApi
from mandat.client import AsyncClient, Client, InvalidResponse, NetworkFault


def make_client(api: WireApi) -> Client:
    client = Client("http://api.test", AK, AS, CK, transport=api.transport())
    client.server_clock.delta_seconds = 0
    api.window_seconds = 10**10
    return client


@pytest.mark.parametrize("failure", [httpx2.ConnectError("no"), httpx2.ConnectTimeout("no"), httpx2.PoolTimeout("no")])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_any_call_is_repeated_when_nothing_was_sent(method: str, failure: Exception) -> None:
    api = WireApi()
    api.failures = [failure]
    make_client(api).call(method, "/x")
    assert len(api.seen) == 2


def test_a_read_is_repeated_when_the_connection_broke_off() -> None:
    api = WireApi()
    api.failures = [httpx2.RemoteProtocolError("gone"), httpx2.ReadError("gone")]
    make_client(api).get("/x")
    assert len(api.seen) == 3


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("failure", [httpx2.ReadError("gone"), httpx2.WriteError("gone"), httpx2.ReadTimeout("slow")])
def test_a_write_that_may_have_arrived_is_never_repeated(method: str, failure: Exception) -> None:
    api = WireApi()
    api.failures = [failure]
    with pytest.raises(NetworkFault) as caught:
        make_client(api).call(method, "/x")
    assert not caught.value.nothing_sent
    assert len(api.seen) == 1


def test_repeating_ends() -> None:
    api = WireApi()
    api.failures = [httpx2.ConnectError("no")] * 5
    with pytest.raises(NetworkFault, match=r"api\.test cannot be reached") as caught:
        make_client(api).post("/x")
    assert caught.value.nothing_sent
    assert len(api.seen) == 3


def test_a_refusal_is_never_repeated() -> None:
    api = WireApi()
    api.answer("GET", "/1.0/x", {"message": "later"}, status=503)
    with pytest.raises(Exception, match="later"):
        make_client(api).get("/x")
    assert len(api.seen) == 1


async def test_the_async_client_repeats_alike() -> None:
    api = WireApi()
    api.window_seconds = 10**10
    async with AsyncClient("http://api.test", AK, AS, CK, transport=api.transport()) as client:
        client.server_clock.delta_seconds = 0
        api.failures = [httpx2.ConnectError("no")]
        await client.post("/x")
        api.failures = [httpx2.ReadError("gone")]
        with pytest.raises(NetworkFault):
            await client.post("/x")
    assert len(api.seen) == 3


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(302, headers={"Location": "https://elsewhere.test/"}),
        httpx2.Response(200, content=b"<html>"),
        httpx2.Response(200, content=b"[" * 100_000),
        httpx2.Response(304),
    ],
)
def test_an_answer_that_is_not_the_wires_is_an_invalid_response(answer: httpx2.Response) -> None:
    api = WireApi()
    api.answers["GET", "/1.0/x"] = lambda _: answer
    with pytest.raises(InvalidResponse):
        make_client(api).get("/x")
    assert len(api.seen) == 1


@pytest.mark.parametrize("answer", [httpx2.Response(200, content=b"null"), httpx2.Response(204), httpx2.Response(200)])
def test_void_results_are_none(answer: httpx2.Response) -> None:
    api = WireApi()
    api.answers["POST", "/1.0/x"] = lambda _: answer
    assert make_client(api).post("/x") is None
