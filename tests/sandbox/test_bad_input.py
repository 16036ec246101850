"""What is refused, and how: a 4xx in the wire's shape that names the field; never a 5xx, nothing stored."""

import json

import pytest

from support.sandbox import ALICE

GOOD = {"fieldType": "A", "subDomain": "www", "target": "192.0.2.1", "ttl": 60}
NOT_TEXT = [5, 5.5, True, [], {}, ["192.0.2.1"], {"a": "192.0.2.1"}]
UNPRINTABLE = ["a\x00b", "a\nb", "a\x7fb", "\x85", "a\u2028b"]

BAD_MEMBERS = (
    [("fieldType", value) for value in [*NOT_TEXT, "", "a", "SOA", "TYPE65", " A", "A\n", "A" * 5000]]
    + [("target", value) for value in [*NOT_TEXT, *UNPRINTABLE, "", " ", "192.0.2.1 ", "192.0.2", "::1", "x" * 5000]]
    + [("target", "\u0661\u0669\u0662.0.2.1"), ("target", "0192.0.2.1"), ("target", "192.0.2.1/32")]
    + [("subDomain", value) for value in [*NOT_TEXT, *UNPRINTABLE, " ", ".", "..", "a..b", ".a", "a.", "a b", "@"]]
    + [("subDomain", value) for value in ["caf\u00e9", "a" * 64, "a." * 125 + "a", "a*", "a.*.b", "-a", "*.", "**"]]
    + [("ttl", value) for value in ["60", "", True, False, 60.0, 1e3, [], {}, -1, 1, 59, 1 << 31, 1 << 63, 10**400]]
)


def refused(answer, field, status=400):
    """Asserts the shape of a refusal that names `field`."""
    body = answer.json()
    assert answer.status_code == status, body
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert set(body) == {"class", "message", "errorCode", "httpCode", "details"}
    assert body["details"] == {"field": field}
    assert len(body["message"]) < 600
    return body["message"]


def shown(value):
    text = ascii(value)
    return text if len(text) < 30 else f"{text[:27]}..."


@pytest.fixture(scope="module")
def shared_zone(sandbox):
    """One zone for all refused calls; at the end it has only what it was seeded with."""
    path = "/domain/zone/zone118.example"
    yield path
    assert len(sandbox.call("GET", f"{path}/record", account=ALICE).json()) == 2


@pytest.mark.parametrize(("name", "value"), BAD_MEMBERS, ids=shown)
def test_a_wrong_member_of_a_new_record_is_named(sandbox, shared_zone, name, value):
    answer = sandbox.call("POST", f"{shared_zone}/record", account=ALICE, body=GOOD | {name: value})

    assert name in refused(answer, name)


@pytest.mark.parametrize("name", ["fieldType", "target"])
@pytest.mark.parametrize("null", [True, False])
def test_a_missing_member_is_named_and_null_is_missing(sandbox, shared_zone, name, null):
    body = GOOD | {name: None} if null else {key: value for key, value in GOOD.items() if key != name}

    answer = sandbox.call("POST", f"{shared_zone}/record", account=ALICE, body=body)

    assert refused(answer, name) == f"Body parameter {name} is missing"


@pytest.mark.parametrize("name", ["fieldtype", "Target", "id", "zone", "", "x" * 1000, "\u00e9", "a\nb", "\u202e"])
def test_an_unknown_member_is_named_and_the_known_ones_are_listed(sandbox, shared_zone, name):
    answer = sandbox.call("POST", f"{shared_zone}/record", account=ALICE, body=GOOD | {name: "x"})

    message = refused(answer, ascii(name[:40]))
    assert "fieldType, subDomain, target, ttl" in message
    assert message.isascii()
    assert message.isprintable()


BODIES = {
    "no JSON": b"{",
    "trailing bytes": json.dumps(GOOD).encode() + b"x",
    "two values": json.dumps(GOOD).encode() * 2,
    "duplicate key": b'{"fieldType":"A","fieldType":"A","target":"192.0.2.1"}',
    "NaN": b'{"fieldType":"A","target":"192.0.2.1","ttl":NaN}',
    "infinity": b'{"fieldType":"A","target":"192.0.2.1","ttl":1e999}',
    "not UTF-8": b'{"fieldType":"A","target":"\xff"}',
    "lone surrogate": b'{"fieldType":"TXT","target":"\\ud800"}',
    "lone surrogate as key": b'{"\\ud800":1}',
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000,
    "long number": b'{"fieldType":"A","target":"192.0.2.1","ttl":' + b"9" * 5000 + b"}",
    "array": json.dumps([GOOD]).encode(),
    "text": b'"A"',
    "number": b"5",
    "true": b"true",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("below", ["/record", "/refresh"])
def test_a_body_that_is_not_one_strict_json_object_is_refused(sandbox, shared_zone, below, body):
    answer = sandbox.call("POST", shared_zone + below, account=ALICE, body=body)

    assert answer.status_code == 400, answer.text
    assert answer.json()["details"]["field"] in ("body", "ttl", "'\\ud800'")


def test_an_empty_body_where_one_is_needed_names_what_is_missing(sandbox, shared_zone):
    refused(sandbox.call("POST", f"{shared_zone}/record", account=ALICE), "fieldType")


@pytest.mark.parametrize("body", [None, {}, {"ttl": None}])
def test_a_change_must_change_something(sandbox, shared_zone, body):
    refused(sandbox.call("PUT", f"{shared_zone}/soa", account=ALICE, body=body), "body")


def test_a_body_beyond_the_limit_is_refused(sandbox, shared_zone):
    answer = sandbox.call("POST", f"{shared_zone}/record", account=ALICE, body=b" " * 1_048_577)

    assert (answer.status_code, answer.json()["errorCode"]) == (413, "BODY_TOO_LARGE")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server", ""),
        ("server", "two words"),
        ("server", "caf\u00e9.example"),
        ("server", 5),
        ("email", ""),
        ("email", "@example.org"),
        ("email", "a b@example.org"),
        ("email", "a@"),
        ("email", "a" * 64 + "@example.org"),
        ("email", "a@" + "a." * 126 + "a"),
        ("server", "a." * 128),
        ("serial", -1),
        ("serial", 1 << 32),
        ("serial", "1"),
        ("refresh", 0),
        ("expire", 1 << 31),
        ("nxDomainTtl", -5),
        ("ttl", True),
        ("ttl", 0),
    ],
)
def test_a_wrong_member_of_the_soa_is_named(sandbox, shared_zone, name, value):
    before = sandbox.call("GET", f"{shared_zone}/soa", account=ALICE).json()

    answer = sandbox.call("PUT", f"{shared_zone}/soa", account=ALICE, body={name: value})

    refused(answer, name)
    assert sandbox.call("GET", f"{shared_zone}/soa", account=ALICE).json() == before


@pytest.mark.parametrize(
    "record_id",
    [
        "0x5",
        "-1",
        "+5",
        "5.0",
        "1e3",
        "abc",
        "05",
        "9" * 20,
        str(1 << 63),
        "%D9%A5",
        "%FF",
        "%00",
        "5%20",
    ],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_record_id_is_a_plain_64_bit_number(sandbox, shared_zone, method, record_id):
    body = {"ttl": 60} if method == "PUT" else None

    answer = sandbox.call(method, f"{shared_zone}/record/{record_id}", account=ALICE, body=body)

    refused(answer, "id")


def test_the_largest_id_is_looked_for(sandbox, shared_zone):
    answer = sandbox.call("GET", f"{shared_zone}/record/{(1 << 63) - 1}", account=ALICE)

    assert (answer.status_code, answer.json()["message"]) == (404, "This record does not exist")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("fieldType=a", "fieldType"),
        ("fieldType=", "fieldType"),
        ("fieldType=A&fieldType=A", "fieldType"),
        ("subDomain=a%00", "subDomain"),
        ("subDomain=" + "a" * 5000, "subDomain"),
        ("unknown=1", "'unknown'"),
        ("FieldType=A", "'FieldType'"),
        ("fieldType", "query"),
        ("subDomain=%FF", "query"),
        ("&".join(["subDomain=a"] * 100), "query"),
    ],
)
def test_a_wrong_query_is_refused_by_name(sandbox, shared_zone, query, field):
    refused(sandbox.call("GET", f"{shared_zone}/record?{query}", account=ALICE), field)


@pytest.mark.parametrize("path", ["/me", "/domain/zone", "/domain/zone/zone118.example/soa"])
def test_a_query_where_none_is_known_is_refused(sandbox, path):
    refused(sandbox.call("GET", f"{path}?x=1", account=ALICE), "'x'")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/cloud"),
        ("GET", "/me/"[:-1] + "/api"),
        ("POST", "/me"),
        ("DELETE", "/domain/zone/zone118.example"),
        ("PATCH", "/domain/zone/zone118.example/soa"),
        ("OPTIONS", "/me"),
        ("GET", "/domain/zone/zone118.example/record/5/more"),
        ("GET", "/domain/zone//record"),
        ("GET", "/domain/zone/zone118.example//"),
        ("GET", "/Domain/zone"),
        ("GET", "/domain/%7Aone"),
    ],
)
def test_an_unknown_route_is_refused(sandbox, method, path):
    answer = sandbox.call(method, path, account=ALICE)

    assert (answer.status_code, answer.json()["errorCode"]) == (404, "INVALID_URL")


@pytest.mark.parametrize("path", ["/2.0/me", "/v2/me", "/me", "/1.0x/me", "//1.0/me"])
def test_other_versions_have_no_routes(sandbox, path):
    headers = {"X-Mandat-Assertion": sandbox.gateway.assertion(ALICE)}

    assert sandbox.http.get(f"{sandbox.origin}{path}", headers=headers).status_code == 404


@pytest.mark.parametrize("name", ["zone118.example%2Frecord", "ZONE118.example", "zone118.example.", "%20", "*", "'"])
def test_a_zone_is_only_found_by_its_exact_name(sandbox, name):
    answer = sandbox.call("GET", f"/domain/zone/{name}", account=ALICE)

    assert (answer.status_code, answer.json()["message"]) == (404, "This service does not exist")


def test_a_refusal_carries_the_query_id_of_the_exchange(sandbox):
    answer = sandbox.call("GET", "/nothing", account=ALICE, X_Ovh_QueryID="EU.ext-1.0.1.x")

    assert answer.json()["queryId"] == "EU.ext-1.0.1.x"
