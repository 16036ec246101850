"""Who is calling and under which public address: nothing that anybody may write decides it."""

import time
from ipaddress import ip_network

import pytest

from doubles.grants import signed_headers
from doubles.upstream import RecordingUpstream
from doubles.upstream_gateway import running_gateway
from mandat.enforcement.gateway.caller import Caller, CallerDesk
from mandat.enforcement.gateway.framing import FramingFault, Headers

PUBLIC = ("https://api.example", "http://127.0.0.1:8700", "https://api.example:8443")
PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
DESK = CallerDesk(PUBLIC, PROXIES)
ALL = tuple(url.encode() for url in PUBLIC)


def _identify(peer: str, *said: tuple[str, str], host: str = "api.example") -> Caller | FramingFault:
    headers: Headers = [(name.lower().encode(), value.encode()) for name, value in said]
    return DESK.identify(peer, host.encode(), headers, is_proxy=DESK.is_trusted(peer))


def _address(peer: str, *said: tuple[str, str]) -> str:
    caller = _identify(peer, *said)
    assert isinstance(caller, Caller)
    return caller.address


def test_what_a_stranger_says_about_itself_counts_for_nothing() -> None:
    said = (("X-Forwarded-For", "10.1.1.1"), ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "evil.example"))
    caller = _identify("203.0.113.9", *said)
    assert caller == Caller("203.0.113.9", ALL, "https://api.example")


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.1, 203.0.113.9", "203.0.113.9"),
        ("198.51.100.1,203.0.113.9,10.2.2.2", "203.0.113.9"),
        ("10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("rubbish, 203.0.113.9", "203.0.113.9"),
    ],
)
def test_behind_trusted_proxies_the_right_most_stranger_is_the_caller(forwarded: str, address: str) -> None:
    assert _address("10.1.1.1", ("X-Forwarded-For", forwarded)) == address


def test_several_lines_are_one_list() -> None:
    assert (
        _address("10.1.1.1", ("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-For", "203.0.113.9")) == "203.0.113.9"
    )


@pytest.mark.parametrize("forwarded", ["rubbish", "", "203.0.113.9, ", "203.0.113.9;", "unknown", "1.2.3.4.5"])
def test_a_trusted_proxy_that_names_no_address_is_refused(forwarded: str) -> None:
    caller = _identify("10.1.1.1", ("X-Forwarded-For", forwarded))
    if forwarded == "":
        assert isinstance(caller, Caller) and caller.address == "10.1.1.1"
    else:
        assert isinstance(caller, FramingFault)


def test_a_trusted_proxy_that_says_nothing_is_the_caller_itself() -> None:
    assert _address("10.1.1.1") == "10.1.1.1"


def test_what_a_trusted_proxy_says_of_the_public_address_is_tried_first() -> None:
    said = (("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "shop.example:8443"))
    caller = _identify("10.1.1.1", *said, host="inner")
    assert caller == Caller("10.1.1.1", (b"https://shop.example:8443", *ALL), "https://shop.example:8443")


def test_a_trusted_proxy_may_keep_the_host_and_say_only_the_scheme() -> None:
    caller = _identify("10.1.1.1", ("X-Forwarded-Proto", "https"), host="shop.example")
    assert caller == Caller("10.1.1.1", (b"https://shop.example", *ALL), "https://shop.example")


@pytest.mark.parametrize(
    "said",
    [
        [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")],
        [("X-Forwarded-Proto", "https, http")],
        [("X-Forwarded-Proto", "gopher")],
        [("X-Forwarded-Host", "a"), ("X-Forwarded-Host", "b")],
        [("X-Forwarded-Host", "a, b")],
        [("X-Forwarded-Host", "a/b")],
        [("X-Forwarded-Host", "u@a")],
        [("X-Forwarded-Host", "a:123456")],
        [("X-Forwarded-Host", "a?b")],
        [("X-Forwarded-Host", "")],
    ],
)
def test_a_trusted_proxy_that_contradicts_itself_is_refused(said: list[tuple[str, str]]) -> None:
    assert isinstance(_identify("10.1.1.1", *said), FramingFault)


def test_the_host_chooses_among_the_public_urls_and_adds_none() -> None:
    chosen = _identify("203.0.113.9", host="API.example:8443")
    unknown = _identify("203.0.113.9", host="evil.example")
    assert isinstance(chosen, Caller) and isinstance(unknown, Caller)
    assert (chosen.base_urls[0], chosen.public_origin) == (b"https://api.example:8443", "https://api.example:8443")
    assert set(chosen.base_urls) == set(ALL)
    assert (unknown.base_urls, unknown.public_origin) == (ALL, "")


async def test_a_signature_over_another_address_is_refused_whatever_the_host_says() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        headers = signed_headers("GET", "http://evil.example/1.0/me", timestamp=int(time.time()))
        request = gateway.request("GET", "/1.0/me", headers=headers).replace(
            f"127.0.0.1:{gateway.port}".encode(), b"evil.example"
        )
        answer = await gateway.ask(request)
    assert (answer.status, answer.code, api.requests) == (400, "INVALID_SIGNATURE", [])


async def test_an_allowed_address_is_the_one_a_trusted_proxy_saw() -> None:
    async with RecordingUpstream() as api:
        proxies = (ip_network("127.0.0.1/32"),)
        async with running_gateway(api.address, trusted_proxies=proxies) as gateway:
            gateway.grants.add_grant("GET /*", allowed_networks=(ip_network("203.0.113.0/24"),))
            inside = await gateway.ask(gateway.signed("GET", "/1.0/me", extra="X-Forwarded-For: 203.0.113.9\r\n"))
            outside = await gateway.ask(gateway.signed("GET", "/1.0/me", extra="X-Forwarded-For: 198.51.100.1\r\n"))
            nobody = await gateway.ask(gateway.signed("GET", "/1.0/me", extra="X-Forwarded-For: me\r\n"))
    assert (inside.status, outside.status, outside.code, nobody.status) == (200, 403, "FORBIDDEN", 400)
    assert api.requests[0].get("x-mandat-caller-address") == "203.0.113.9"
