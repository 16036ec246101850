"""Which requests are answered without a decision: an exact list, and nothing that only resembles it."""

import json
import time

import pytest

from doubles.grants import MemoryGrants
from doubles.upstream import RecordingUpstream
from doubles.upstream_gateway import OPEN_ROUTES, PUBLIC_KEY, running_gateway
from mandat.enforcement.assertion import jwks_document
from mandat.enforcement.gateway.routes import Kind, RouteTable, is_api_path
from mandat.enforcement.settings import GatewaySettings, Limits, Upstream
from mandat.protocol.target import CanonicalTarget, parse_target

AUTHORITY = Upstream("authority", "", "unix:/nowhere", trusted=True)


@pytest.mark.parametrize("target", ["/1.0/auth/time", "/v1/auth/time", "/1.0/auth/time?x=1"])
async def test_the_time_is_bare_digits_for_anybody(target: str) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.request("GET", target))
        head = await gateway.ask(gateway.request("HEAD", target))
    assert answer.body.isdigit() and abs(int(answer.body) - time.time()) < 3
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert "x-ovh-queryid" in answer.headers
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", answer.headers["content-length"])
    assert api.requests == []


async def test_the_key_set_is_public() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.request("GET", "/.well-known/mandat/jwks.json"))
    assert json.loads(answer.body) == json.loads(jwks_document({"k1": PUBLIC_KEY}))
    assert answer.json["keys"][0]["kid"] == "k1"  # type: ignore[index]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/login", 200),
        ("HEAD", "/login", 200),
        ("POST", "/login", 200),
        ("POST", "/1.0/auth/credential", 200),
        ("POST", "/1.0/auth/credential?x", 200),
        ("GET", "/1.0/", 200),
        ("GET", "/1.0/domain.json", 200),
        ("DELETE", "/login", 404),
        ("GET", "/login/", 404),
        ("GET", "/login/x", 404),
        ("GET", "/Login", 404),
        ("GET", "/loginx", 404),
        ("GET", "/", 404),
        ("GET", "/1.0", 404),
        ("GET", "/1.0/auth/credential", 401),
        ("PUT", "/1.0/auth/credential", 401),
        ("POST", "/1.0/auth/credential/", 401),
        ("POST", "/v1/auth/credential", 401),
        ("POST", "/1.0/domain.json", 401),
        ("GET", "/1.0/domain.json/", 401),
        ("POST", "/1.0/auth/time", 401),
        ("GET", "/1.0/auth/time/", 401),
        ("GET", "/v2/auth/time", 401),
        ("GET", "/1.00/me", 404),
        ("GET", "/v3/me", 404),
    ],
)
async def test_only_the_exact_routes_are_open(method: str, target: str, status: int) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.request(method, target))
    assert answer.status == status, answer.body
    assert [(request.method, request.target) for request in api.requests] == (
        [(method, target)] if status == 200 else []
    )


@pytest.mark.parametrize("path", ["/1.0/me", "/v1/domain/zone", "/v2/x", "/1.0/auth/credential"])
async def test_any_origin_may_ask_before_an_api_call_and_nothing_is_forwarded(path: str) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        extra = "Origin: https://console.example\r\nAccess-Control-Request-Method: POST\r\n"
        answer = await gateway.ask(gateway.request("OPTIONS", path, extra=extra))
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "X-Ovh-Signature" in answer.headers["access-control-allow-headers"]
    assert api.requests == []


async def test_pages_are_open_to_no_other_origin() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.request("OPTIONS", "/login", extra="Origin: https://evil.example\r\n"))
        unknown = await gateway.ask(gateway.request("OPTIONS", "/nowhere"))
    assert (answer.status, answer.headers["allow"]) == (200, "GET, HEAD, POST, OPTIONS")
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert (unknown.status, api.requests) == (404, [])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/1.0/domain", "zones"),
        ("/1.0/domain/zone/x", "zones"),
        ("/1.0/domain/zone/x/record", "zones"),
        ("/1.0/domain/special", "special"),
        ("/1.0/domain/special/x", "special"),
        ("/1.0/domain/specially", "zones"),
        ("/1.0/domains", None),
        ("/1.0/me", "me"),
        ("/1.0/me/api", "authority"),
        ("/1.0/me/api/credential", "authority"),
        ("/1.0/me/apis", "me"),
        ("/1.0/auth/details", "authority"),
        ("/v2/iam/policy", "iam"),
        ("/v2/domain", None),
    ],
)
def test_the_longest_prefix_of_whole_segments_answers(path: str, name: str | None) -> None:
    prefixes = {"zones": "/domain", "special": "/domain/special", "me": "/me", "iam": "/v2/iam"}
    upstreams = [Upstream(each, prefix, "http://127.0.0.1") for each, prefix in prefixes.items()]
    target = parse_target(path.encode())
    assert isinstance(target, CanonicalTarget)
    found = RouteTable(AUTHORITY, upstreams, []).find_upstream(target)
    assert (found.name if found else None) == name


def test_no_configured_upstream_takes_the_authority_s_own_routes() -> None:
    routes = RouteTable(AUTHORITY, [Upstream("evil", "/auth", "http://127.0.0.1")], [])
    target = parse_target(b"/1.0/auth/details")
    assert isinstance(target, CanonicalTarget)
    assert routes.find_upstream(target) is AUTHORITY


def test_a_route_that_is_not_open_below_a_version_is_judged() -> None:
    routes = RouteTable(AUTHORITY, [], OPEN_ROUTES)
    assert routes.kind(b"GET", b"/1.0/anything") is Kind.JUDGED
    assert routes.kind(b"PATCH", b"/v2/anything") is Kind.JUDGED
    assert routes.kind(b"GET", b"/anything") is Kind.UNKNOWN


@pytest.mark.parametrize(
    "address", ["https://x", "http://", "http://x/path", "http://x?q", "unix:x", "x:1", "http://u@x"]
)
def test_an_upstream_address_that_cannot_be_meant_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(ValueError, match="an upstream address is"):
        Upstream("x", "/x", address)


@pytest.mark.parametrize("prefix", ["x", "/x/", "/"])
def test_a_prefix_that_cannot_be_meant_is_refused_at_the_start(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Upstream("x", prefix, "http://127.0.0.1")


def test_settings_that_would_open_the_door_are_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="trusted"):
        GatewaySettings(public_urls=(), authority=Upstream("authority", "", "unix:/x"))
    with pytest.raises(ValueError, match="public URL"):
        GatewaySettings(public_urls=("https://x/1.0",), authority=AUTHORITY)
    with pytest.raises(ValueError, match="window_seconds"):
        GatewaySettings(public_urls=(), authority=AUTHORITY, window_seconds=301)


async def test_an_encoded_slash_reaches_only_the_upstream_that_takes_it() -> None:
    async with RecordingUpstream() as api:
        upstreams = (
            Upstream("ip", "/ip", api.address, encoded_slash="opaque"),
            Upstream("strict", "/ip/strict", api.address),
        )
        async with running_gateway(api.address, upstreams=upstreams, limits=Limits()) as gateway:
            taken = await gateway.ask(gateway.signed("GET", "/1.0/ip/203.0.113.0%2F29"))
            refused = await gateway.ask(gateway.signed("GET", "/1.0/ip/strict/203.0.113.0%2F29"))
    assert (taken.status, refused.status, refused.code) == (200, 400, "INVALID_URL")
    assert [request.target for request in api.requests] == ["/1.0/ip/203.0.113.0%2F29"]


async def test_both_readings_of_an_encoded_slash_must_be_granted() -> None:
    grants = MemoryGrants()
    grants.add_application()
    grants.add_grant("GET /ip/*/x")
    async with RecordingUpstream() as api, running_gateway(api.address, grants=grants) as gateway:
        granted = await gateway.ask(gateway.signed("GET", "/1.0/ip/a%2Fb/x"))
        refused = await gateway.ask(gateway.signed("GET", "/1.0/ip/a%2Fx/b"))
    assert (granted.status, refused.status, len(api.requests)) == (200, 403, 1)


@pytest.mark.parametrize(
    ("path", "is_api"),
    [
        (b"/1.0", True),
        (b"/v1/", True),
        (b"/v2", True),
        (b"/1.0/me", True),
        (b"/1.00", False),
        (b"/v11", False),
        (b"/1", False),
        (b"/console/", False),
        (b"/", False),
    ],
)
def test_the_api_is_what_begins_with_a_version_as_a_whole_segment(path: bytes, is_api: bool) -> None:
    assert is_api_path(path) is is_api
