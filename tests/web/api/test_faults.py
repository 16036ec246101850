"""What fails, and what is asked of no route: always the wire's shape."""

from dataclasses import replace

import pytest

from doubles.api_client import ApiClient, open_client, refusal
from doubles.authority import AuthorityWorld
from mandat.authority.interfaces import RequestLimits

SIGNED = [
    ("GET", "/1.0/auth/currentCredential"),
    ("GET", "/1.0/auth/details"),
    ("POST", "/1.0/auth/logout"),
    ("GET", "/1.0/me/api/application"),
    ("DELETE", "/1.0/me/api/application/1"),
    ("GET", "/1.0/me/api/credential"),
    ("PUT", "/1.0/me/api/credential/1"),
    ("DELETE", "/1.0/me/api/credential/1"),
    ("GET", "/1.0/me/api/credential/1/application"),
]


@pytest.mark.parametrize(("method", "path"), SIGNED)
async def test_storage_that_does_not_answer_is_503_with_a_time_to_wait(api: ApiClient, method: str, path: str) -> None:
    api.world.stores.health.broken = True
    response = await api.signed(method, path, body=b'{"allowedIPs":null}')
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert refusal(response)["class"] == "Server::ServiceUnavailable"


async def test_asking_while_storage_does_not_answer_is_503(api: ApiClient) -> None:
    api.world.stores.health.broken = True
    response = await api.ask({"accessRules": [{"method": "GET", "path": "/me"}]})
    assert response.status_code == 503
    assert refusal(response)["queryId"] == "EU.test-1.1"


async def test_too_many_waiting_questions_are_429_with_a_time_to_wait() -> None:
    world = AuthorityWorld(limits=RequestLimits(per_address=1, per_application=9))
    async with open_client(world) as api:
        question = {"accessRules": [{"method": "GET", "path": "/me"}]}
        assert (await api.ask(question)).status_code == 200
        response = await api.ask(question)
        assert response.status_code == 429
        assert int(response.headers["retry-after"]) > 0
        assert refusal(response)["errorCode"] == "TOO_MANY_REQUESTS"


async def test_what_was_not_foreseen_is_500_without_its_text(api: ApiClient) -> None:
    broken = replace(api.credential, rules="secret inside")  # type: ignore[arg-type]
    api.world.stores.credentials.rows[api.credential.id] = broken
    response = await api.signed("GET", "/1.0/auth/currentCredential")
    assert response.status_code == 500
    assert refusal(response)["errorCode"] == "INTERNAL_ERROR"
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/1.0/nothing",
        "/v1/auth/nothing",
        "/1.0/me/api",
        "/v2/me",
        "/1.0/me/api/credential/1/application/2",
        "/1.0/a/b/c/d",
    ],
)
async def test_an_unknown_route_is_404(api: ApiClient, path: str) -> None:
    response = await api.signed("GET", path)
    assert response.status_code == 404
    assert refusal(response)["message"] == "Got an invalid (or empty) URL"


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/1.0/auth/credential"), ("PATCH", "/1.0/me/api/credential/1"), ("POST", "/1.0/me/api/application")],
)
async def test_a_method_a_route_does_not_have_is_said_to_be_unsupported(api: ApiClient, method: str, path: str) -> None:
    response = await api.signed(method, path)
    assert response.status_code == 400
    assert refusal(response)["errorCode"] == "INVALID_METHOD"


async def test_head_answers_like_get_without_the_body() -> None:
    async with open_client(AuthorityWorld(), with_pages=True) as api:
        for path in ("/1.0/auth/details", "/1.0/me/api/credential", "/1.0/me.json", "/login"):
            read, head = await api.signed("GET", path), await api.signed("HEAD", path)
            assert (head.status_code, head.content) == (read.status_code, b"")
            assert head.headers["content-length"] == read.headers["content-length"]


async def test_outside_the_api_a_fault_is_a_page() -> None:
    async with open_client(AuthorityWorld(), with_pages=True) as api:
        for method, path, status in (("GET", "/nothing/here", 404), ("DELETE", "/login", 405)):
            response = await api.signed(method, path)
            assert response.status_code == status
            assert response.headers["content-type"].startswith("text/html")


async def test_without_pages_their_paths_are_unknown_routes(api: ApiClient) -> None:
    response = await api.signed("GET", "/login")
    assert response.status_code == 404
    assert refusal(response)["errorCode"] == "INVALID_URL"
