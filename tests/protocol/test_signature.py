"""The signature `$1$`, from both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.protocol.signature import is_signature, matching_secret, sign
from vectors import cases

KEY = "7kbG7Bk7S9Nt7ZSV"
SECRET = b"EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF"
CALL = {
    "consumer_key": b"MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1",
    "method": b"POST",
    "target": b"/1.0/vps/x/reboot?now=true",
    "body": b'{"a":1}',
    "timestamp": b"1700000000",
}


def signed(base_url: str, secret: bytes = SECRET) -> bytes:
    return sign(
        secret.decode(),
        CALL["consumer_key"].decode(),
        method=CALL["method"].decode(),
        url=base_url + CALL["target"].decode(),
        body=CALL["body"],
        timestamp=int(CALL["timestamp"]),
    ).encode()


@pytest.mark.parametrize("case", cases("signature"))
def test_a_call_gets_the_signature_of_the_vector(case):
    made = sign(
        case["application_secret"],
        case["consumer_key"],
        method=case["method"],
        url=case["url"],
        body=case["body"].encode(),
        timestamp=case["timestamp"],
    )
    assert made == case["signature"]


@pytest.mark.parametrize("case", cases("signature"))
def test_the_signature_of_the_vector_is_recognised(case):
    scheme, _, rest = case["url"].partition("://")
    host, _, path = rest.partition("/")
    found = matching_secret(
        case["signature"].encode(),
        secrets=[case["application_secret"].encode()],
        consumer_key=case["consumer_key"].encode(),
        method=case["method"].encode(),
        base_urls=[f"{scheme}://{host}".encode()],
        target=b"/" + path.encode(),
        body=case["body"].encode(),
        timestamp=str(case["timestamp"]).encode(),
    )
    assert found == 0


def test_each_active_secret_is_tried():
    bases = [b"https://api.example"]
    secrets = [b"old-secret", SECRET]
    assert matching_secret(signed("https://api.example", b"old-secret"), secrets=secrets, base_urls=bases, **CALL) == 0
    assert matching_secret(signed("https://api.example"), secrets=secrets, base_urls=bases, **CALL) == 1


def test_each_base_url_is_tried():
    bases = [b"https://api.example", b"http://127.0.0.1:8700"]
    assert matching_secret(signed("http://127.0.0.1:8700"), secrets=[SECRET], base_urls=bases, **CALL) == 0


def test_a_base_url_counts_without_its_port_too():
    bases = [b"https://api.example", b"https://localhost:8443"]
    assert matching_secret(signed("https://localhost"), secrets=[SECRET], base_urls=bases, **CALL) == 0


def test_a_base_url_without_a_port_does_not_count_with_one():
    bases = [b"https://localhost"]
    assert matching_secret(signed("https://localhost:8443"), secrets=[SECRET], base_urls=bases, **CALL) is None


def test_the_port_of_an_ipv6_address_is_told_from_the_address():
    bases = [b"http://[::1]:8700"]
    assert matching_secret(signed("http://[::1]"), secrets=[SECRET], base_urls=bases, **CALL) == 0


@pytest.mark.parametrize(
    ("secrets", "base_urls"),
    [([], [b"https://api.example"]), ([SECRET], []), ([b"another-secret"], [b"https://api.example"])],
    ids=["no secret", "no base URL", "another secret"],
)
def test_nothing_matches_without_the_right_secret_and_base_url(secrets, base_urls):
    made = signed("https://api.example")
    assert matching_secret(made, secrets=secrets, base_urls=base_urls, **CALL) is None


@pytest.mark.parametrize("field", list(CALL))
def test_every_field_is_covered(field):
    made = signed("https://api.example")
    changed = CALL | {field: CALL[field] + b"1"}
    assert matching_secret(made, secrets=[SECRET], base_urls=[b"https://api.example"], **changed) is None


@given(st.binary(max_size=60))
def test_no_arbitrary_bytes_are_a_signature(value):
    assert matching_secret(value, secrets=[SECRET], base_urls=[b"https://api.example"], **CALL) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"$1$" + b"0a" * 20, True),
        (b"$1$" + b"0A" * 20, False),
        (b"$1$" + b"0a" * 19 + b"0", False),
        (b"$1$" + b"0a" * 20 + b"\n", False),
        (b"$2$" + b"0a" * 20, False),
        (b"", False),
    ],
)
def test_a_signature_is_lower_case_hexadecimal_of_one_length(value, expected):
    assert is_signature(value) is expected
