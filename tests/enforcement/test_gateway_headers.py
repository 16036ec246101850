"""Which header fields cross the gateway, and that what the gateway says about a caller cannot be said by the caller."""

import json
import time

import pytest

from doubles.upstream import RecordingUpstream, answering
from doubles.upstream_gateway import PUBLIC_KEY, running_gateway
from mandat.enforcement.assertion import jwks_document
from mandat.enforcement.assertion_verifier import Asserted, verify

STRIPPED = [
    "X-Mandat-Account",
    "x_mandat_account",
    "X.Mandat.Account",
    "X-Mandat_Assertion",
    "X-MANDAT-anything",
    "X-Ovh-Application",
    "X-Ovh-Consumer",
    "X_Ovh_Signature",
    "x-ovh-timestamp",
    "X-Ovh-QueryID",
    "X-Ovh-Session",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Prefix",
    "X-Forwarded-Uri",
    "X-Forwarded-User",
    "X_Forwarded_User",
    "X.Forwarded.For",
    "Forwarded",
    "X-Real-IP",
    "True-Client-IP",
    "X-Client-IP",
    "X-Remote-User",
    "Remote_User",
    "X-HTTP-Method-Override",
    "X_HTTP_Method_Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "X-Original-URL",
    "X-Original-URI",
    "X.Original.Url",
    "X-Rewrite-URL",
    "X_Rewrite_Url",
    "Proxy",
    "Proxy-Connection",
    "Proxy-Authorization",
    "Keep-Alive",
    "TE",
    "Via",
    "Cookie",
    "Authorization",
]

PASSED = ["Accept", "Content-Type", "User-Agent", "Idempotency-Key", "X-Pagination-Size", "X-Schemas-Version", "X-Own"]


@pytest.mark.parametrize("name", STRIPPED)
async def test_a_managed_field_of_the_caller_reaches_no_api_in_any_spelling(name: str) -> None:
    # As a second copy where the gateway or the signature needs a first, so that no call is refused for it.
    is_signing = name.lower() in ("x-ovh-application", "x-ovh-consumer", "x-ovh-timestamp")
    extra = "" if is_signing else f"{name}: from-the-caller\r\n"
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me", extra=extra))
    assert answer.status == 200, answer.body
    values = [value for _, value in api.requests[0].headers]
    assert "from-the-caller" not in values
    own = ("x-mandat-account", "x-ovh-queryid")
    assert name.lower() in own or not api.requests[0].all(name)


@pytest.mark.parametrize("name", PASSED)
async def test_other_fields_of_the_caller_reach_the_api(name: str) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        await gateway.ask(gateway.signed("GET", "/1.0/me", extra=f"{name}: \t some value \t\r\n"))
    assert api.requests[0].get(name) == "some value"


async def test_the_api_is_told_who_calls_from_where_and_for_whom() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
        origin = gateway.origin
    request = api.requests[0]
    assert request.get("x-mandat-account") == "aa1-mandat"
    assert request.get("x-mandat-application") == "1"
    assert request.get("x-mandat-credential") == "11"
    assert request.get("x-mandat-caller-address") == "127.0.0.1"
    assert request.get("x-mandat-public-origin") == origin
    assert request.get("x-ovh-queryid") == answer.headers["x-ovh-queryid"]
    assert request.get("host") == api.address.removeprefix("http://")
    key_set = json.loads(jwks_document({"k1": PUBLIC_KEY}))
    assertion = request.get("x-mandat-assertion") or ""
    asserted = verify(assertion, key_set, issuer="mandat", audience="api", now=time.time())
    assert asserted == Asserted(account="aa1-mandat", application=1, credential=11)


@pytest.mark.parametrize(
    "option",
    [
        "X-Mandat-Account",
        "x_mandat_account",
        "X-Forwarded-For",
        "X.Forwarded.Host",
        "Host",
        "Content-Length",
        "X-Ovh-Consumer",
        "x-ovh-queryid",
        "close, X-Mandat-Assertion",
    ],
)
async def test_connection_may_not_name_a_managed_field(option: str) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me", extra=f"Connection: {option}\r\n"))
    assert (answer.status, api.requests) == (400, [])


async def test_what_connection_names_is_dropped() -> None:
    extra = "Connection: keep-alive, X-Own\r\nConnection: X-Other\r\nX-Own: a\r\nX-Other: b\r\nX-Third: c\r\n"
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        await gateway.ask(gateway.signed("GET", "/1.0/me", extra=extra))
    request = api.requests[0]
    assert (request.get("x-own"), request.get("x-other"), request.get("x-third")) == (None, None, "c")
    assert request.get("connection") is None


async def test_the_authority_gets_what_a_browser_sent_on_open_routes() -> None:
    extra = (
        "Cookie: session=1\r\nOrigin: http://127.0.0.1\r\nSec-Fetch-Site: same-origin\r\nX-Ovh-Application: key\r\n"
        "X-Ovh-Consumer: x\r\nX-Mandat-Account: evil\r\nX-Mandat-Credential: 1\r\nX_Ovh_Application: y\r\n"
    )
    async with RecordingUpstream() as authority, running_gateway(authority.address) as gateway:
        answer = await gateway.ask(gateway.request("POST", "/login?next=/x", b"a=b", extra=extra))
    request = authority.requests[0]
    assert (answer.status, request.target, request.body) == (200, "/login?next=/x", b"a=b")
    assert request.get("cookie") == "session=1"
    assert request.get("origin") == "http://127.0.0.1"
    assert request.get("sec-fetch-site") == "same-origin"
    assert request.get("x-ovh-application") == "key"
    assert request.get("x-mandat-caller-address") == "127.0.0.1"
    names = [name for name, _ in request.headers]
    assert not {"x-ovh-consumer", "x-mandat-account", "x-mandat-credential", "x_ovh_application"} & set(names)
    assert "x-mandat-assertion" not in names


async def test_the_authority_gets_the_identity_of_judged_calls_and_no_signature() -> None:
    async with (
        RecordingUpstream() as api,
        RecordingUpstream() as authority,
        running_gateway(api.address, authority=authority.address) as gateway,
    ):
        for target in ("/1.0/auth/currentCredential", "/v1/me/api/credential?status=validated", "/1.0/me"):
            assert (await gateway.ask(gateway.signed("GET", target))).status == 200
    assert [request.target for request in authority.requests] == [
        "/1.0/auth/currentCredential",
        "/v1/me/api/credential?status=validated",
    ]
    assert [request.target for request in api.requests] == ["/1.0/me"]
    assert authority.requests[0].get("x-mandat-credential") == "11"
    assert authority.requests[0].get("x-ovh-application") is None
    assert authority.requests[0].get("x-ovh-signature") is None


ANSWER = (
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nX-Ovh-QueryID: upstream's\r\nX-OVH-queryid: again\r\n"
    b"Connection: x-inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=5\r\n"
    b"Content-Security-Policy: script-src *\r\nX-Content-Type-Options: none\r\n"
    b"Access-Control-Allow-Origin: https://evil.example\r\nAccess-Control-Allow-Credentials: true\r\n"
    b"Cache-Control: public, max-age=60\r\nX-Mandat-Assertion: leaked\r\nStrict-Transport-Security: max-age=1\r\n"
    b"Clear-Site-Data: *\r\nX-Pagination-Elements: 4\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nnull"
)


async def test_an_api_cannot_act_as_the_pages_of_its_public_origin() -> None:
    async with RecordingUpstream(answering(ANSWER)) as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    headers = answer.headers
    assert headers["x-ovh-queryid"].startswith("EU.gw-1.")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert headers["access-control-allow-origin"] == "*"
    assert headers["cache-control"] == "no-cache, no-store"
    assert (headers["content-type"], headers["x-pagination-elements"]) == ("text/html", "4")
    assert not {
        "set-cookie",
        "x-inner",
        "keep-alive",
        "connection",
        "x-mandat-assertion",
        "strict-transport-security",
        "clear-site-data",
        "access-control-allow-credentials",
    } & set(headers)


async def test_pages_of_the_authority_keep_their_cookies_and_policies_and_open_nothing_to_other_origins() -> None:
    async with RecordingUpstream(answering(ANSWER)) as authority, running_gateway(authority.address) as gateway:
        answer = await gateway.ask(gateway.request("GET", "/login"))
    assert answer.headers["set-cookie"] == "a=b"
    assert answer.headers["content-security-policy"] == "script-src *"
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["x-ovh-queryid"].startswith("EU.gw-1.")
    assert answer.headers["access-control-allow-origin"] == "https://evil.example"
    assert "x-mandat-assertion" not in answer.headers and "x-inner" not in answer.headers


async def test_public_api_documents_may_be_cached_as_the_authority_says() -> None:
    async with RecordingUpstream(answering(ANSWER)) as authority, running_gateway(authority.address) as gateway:
        answer = await gateway.ask(gateway.request("GET", "/1.0/domain.json"))
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["access-control-allow-origin"] == "*"
