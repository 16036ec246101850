"""Callers who come by TLS: the address they used begins with https, whatever a Host header says."""

from ipaddress import ip_network

from mandat.enforcement.gateway.caller import Caller, CallerDesk

PUBLIC = ("http://api.example", "https://api.example", "http://plain.example")
PROXIES = (ip_network("10.0.0.0/8"),)
TLS_DESK = CallerDesk(PUBLIC, PROXIES, scheme="https")


def _origin(
    desk: CallerDesk, host: bytes, *, peer: str = "203.0.113.9", said: tuple[tuple[bytes, bytes], ...] = ()
) -> str:
    caller = desk.identify(peer, host, list(said), is_proxy=desk.is_trusted(peer))
    assert isinstance(caller, Caller)
    return caller.public_origin


def test_one_name_has_two_origins_and_the_listener_tells_them_apart() -> None:
    assert _origin(TLS_DESK, b"api.example") == "https://api.example"
    assert _origin(CallerDesk(PUBLIC, PROXIES), b"api.example") == "http://api.example"


def test_a_name_that_is_public_by_http_only_is_no_origin_of_a_tls_caller() -> None:
    assert _origin(TLS_DESK, b"plain.example") == ""


def test_a_plain_listener_may_stand_behind_a_front_that_takes_tls_off() -> None:
    desk = CallerDesk(("https://api.example",), ())
    assert _origin(desk, b"api.example") == "https://api.example"


def test_every_public_address_may_have_been_signed_all_the_same() -> None:
    caller = TLS_DESK.identify("203.0.113.9", b"api.example", [], is_proxy=False)
    assert isinstance(caller, Caller)
    assert caller.base_urls[0] == b"https://api.example"
    assert set(caller.base_urls) == {url.encode() for url in PUBLIC}


def test_a_trusted_proxy_that_names_only_the_host_used_the_listeners_scheme() -> None:
    said = ((b"x-forwarded-host", b"shop.example"),)
    assert _origin(TLS_DESK, b"internal", peer="10.0.0.1", said=said) == "https://shop.example"
    both = (*said, (b"x-forwarded-proto", b"http"))
    assert _origin(TLS_DESK, b"internal", peer="10.0.0.1", said=both) == "http://shop.example"
