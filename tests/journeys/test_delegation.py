"""From sign-up to refusal after revocation, over real HTTP, with the attempts that must fail on the way."""

import itertools
import os
import signal
import time
from collections.abc import Iterator

import dns.message
import dns.query
import dns.rdatatype
import httpx2
import pytest

from mandat.client import Client
from mandat.client.approval import ApprovalFailed, approve
from mandat.client.errors import InvalidCredential, InvalidSignature, NotGrantedCall, ServerFault
from mandat.protocol.signature import sign
from support.demo import Demo

_NAMES = itertools.count(int(time.time()) % 100_000)


@pytest.fixture
def anonymous(demo: Demo) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=demo.origin, timeout=20) as client:
        yield client


def signed_headers(
    demo: Demo, consumer_key: str, method: str, path: str, *, body: bytes = b"", at: int | None = None
) -> dict[str, str]:
    """The four headers of a call, made with the wire's own signature, at any time."""
    timestamp = int(time.time()) if at is None else at
    signature = sign(
        demo.application_secret,
        consumer_key,
        method=method,
        url=f"{demo.endpoint}{path}",
        body=body,
        timestamp=timestamp,
    )
    return {
        "X-Ovh-Application": demo.application_key,
        "X-Ovh-Consumer": consumer_key,
        "X-Ovh-Timestamp": str(timestamp),
        "X-Ovh-Signature": signature,
    }


def answers(demo: Demo, name: str, kind: str) -> list[str]:
    """What the sandbox's DNS says."""
    host, port = demo.dns
    reply = dns.query.udp(dns.message.make_query(name, kind), host, port=port, timeout=5)
    return sorted(str(item).strip('"') for rrset in reply.answer for item in rrset)


def test_a_customer_grants_uses_and_takes_back(demo: Demo) -> None:
    name = f"journey-{next(_NAMES)}"
    customer = demo.person("customer")
    client = demo.client()
    pending = client.request_permission(
        [("GET", "/me"), ("POST", f"/domain/zone/{demo.zone}/record"), ("POST", f"/domain/zone/{demo.zone}/refresh")],
        redirection="https://shop.example/back?order=1",
    )
    granted = demo.client(pending.consumer_key)
    with pytest.raises(InvalidCredential):
        granted.get("/me")

    outcome = approve(pending.validation_url, login=customer["login"], password=customer["password"])
    assert outcome.redirection == "https://shop.example/back?order=1"
    assert granted.get("/me")["nichandle"] == customer["account"]

    record = granted.post(f"/domain/zone/{demo.zone}/record", fieldType="TXT", subDomain=name, target="hello", ttl=60)
    assert record["target"] == "hello"
    assert answers(demo, f"{name}.{demo.zone}", "TXT") == []
    assert granted.post(f"/domain/zone/{demo.zone}/refresh") is None
    assert answers(demo, f"{name}.{demo.zone}", "TXT") == ["hello"]

    assert granted.post("/auth/logout") is None
    with pytest.raises(InvalidCredential):
        granted.get("/me")


def test_an_ungranted_zone_is_refused_and_the_refusal_names_the_missing_rule(demo: Demo) -> None:
    client = demo.client(demo.grant([("GET", f"/domain/zone/{demo.zone}/*")]))
    assert client.get(f"/domain/zone/{demo.zone}/record") is not None
    with pytest.raises(NotGrantedCall) as refusal:
        client.get("/domain/zone/other.example/record")
    assert str(refusal.value.missing_rule) == "GET /domain/zone/other.example/record"
    granted_too = demo.client(demo.grant([("GET", "/domain/zone/other.example/record")]))
    assert granted_too.get("/domain/zone/other.example/record") is not None


def test_the_second_customer_cannot_take_over_a_question_that_was_answered(demo: Demo) -> None:
    first, second = demo.person("customer", 0), demo.person("customer", 1)
    pending = demo.client().request_permission([("GET", "/me")])
    approve(pending.validation_url, login=first["login"], password=first["password"])
    with pytest.raises(ApprovalFailed):
        approve(pending.validation_url, login=second["login"], password=second["password"])
    assert demo.client(pending.consumer_key).get("/me")["nichandle"] == first["account"]


def test_a_refused_key_never_works(demo: Demo) -> None:
    customer = demo.person("customer")
    pending = demo.client().request_permission([("GET", "/me")], redirection="https://shop.example/back")
    outcome = approve(pending.validation_url, login=customer["login"], password=customer["password"], refuse=True)
    assert outcome.redirection is None
    with pytest.raises(InvalidCredential):
        demo.client(pending.consumer_key).get("/me")
    with pytest.raises(ApprovalFailed):
        approve(pending.validation_url, login=customer["login"], password=customer["password"])


def test_a_clock_ten_minutes_off_is_told_by_how_much_and_the_sdk_recovers(demo: Demo, anonymous: httpx2.Client) -> None:
    key = demo.grant([("GET", "/me")])
    late = anonymous.get("/1.0/me", headers=signed_headers(demo, key, "GET", "/me", at=int(time.time()) - 600))
    assert (late.status_code, late.json()["errorCode"]) == (400, "QUERY_TIME_OUT")
    assert 590 <= abs(int(late.json()["details"]["delta"])) <= 610

    slow = Client(
        endpoint=demo.endpoint,
        application_key=demo.application_key,
        application_secret=demo.application_secret,
        consumer_key=key,
        clock=lambda: time.time() - 600,
    )
    assert slow.get("/me")["nichandle"] == demo.person("customer")["account"]


def test_a_replayed_write_is_refused_and_its_effect_is_there_once(demo: Demo, anonymous: httpx2.Client) -> None:
    name = f"replay-{next(_NAMES)}"
    path = f"/domain/zone/{demo.zone}/record"
    key = demo.grant([("POST", path), ("GET", path)])
    body = b'{"fieldType":"TXT","subDomain":"%s","target":"once"}' % name.encode()
    headers = signed_headers(demo, key, "POST", path, body=body, at=int(time.time()))
    first = anonymous.post(f"/1.0{path}", headers=headers, content=body)
    assert first.status_code == 200, first.text

    deadline = time.monotonic() + 10
    while (again := anonymous.post(f"/1.0{path}", headers=headers, content=body)).status_code == 200:
        assert time.monotonic() < deadline, "the same signature is still admitted after the grace"
        time.sleep(0.5)
    assert (again.status_code, again.json()["errorCode"]) == (400, "INVALID_SIGNATURE")
    assert again.json()["details"]["reason"] == "a call with this signature was already made"
    records = demo.client(key).get(path, fieldType="TXT", subDomain=name)
    assert 1 <= len(records) <= 3


def test_a_wrong_secret_is_400_invalid_signature(demo: Demo) -> None:
    key = demo.grant([("GET", "/me")])
    wrong = Client(
        endpoint=demo.endpoint, application_key=demo.application_key, application_secret="x" * 32, consumer_key=key
    )
    with pytest.raises(InvalidSignature) as refusal:
        wrong.get("/me")
    assert refusal.value.status == 400


def test_a_credential_from_the_wrong_address_is_refused(demo: Demo) -> None:
    client = demo.client(demo.grant([("GET", "/me")], allowed_ips=["203.0.113.0/24"]))
    with pytest.raises(Exception, match="address") as refusal:
        client.get("/me")
    assert getattr(refusal.value, "status", None) == 403


def test_currentcredential_details_and_the_lists_tell_the_customer_the_truth(demo: Demo) -> None:
    rules = [("GET", "/me/api/*"), ("GET", "/me/api/credential"), ("PUT", "/me/api/*"), ("DELETE", "/me/api/*")]
    client = demo.client(demo.grant(rules))
    current = client.get("/auth/currentCredential")
    assert current["status"] == "validated"
    assert [(rule["method"], rule["path"]) for rule in current["rules"]] == rules
    assert client.get("/auth/details")["account"] == demo.person("customer")["account"]
    number = current["credentialId"]
    assert number in client.get("/me/api/credential", status="validated")
    assert client.get(f"/me/api/credential/{number}/application")["applicationKey"] == demo.application_key
    assert client.put(f"/me/api/credential/{number}", allowedIPs=["127.0.0.0/8"]) is None
    assert client.get(f"/me/api/credential/{number}")["allowedIPs"] == ["127.0.0.0/8"]
    assert client.delete(f"/me/api/credential/{number}") is None
    with pytest.raises(InvalidCredential):
        client.get("/auth/currentCredential")


def test_every_answer_has_a_query_id_and_time_is_bare_digits(anonymous: httpx2.Client) -> None:
    moment = anonymous.get("/1.0/auth/time")
    assert moment.content.isdigit()
    assert abs(int(moment.content) - time.time()) < 5
    for path in ("/1.0/auth/time", "/v1/auth/time", "/1.0/me", "/nowhere", "/1.0/", "/login"):
        assert anonymous.get(path).headers["X-Ovh-QueryID"]


def test_the_description_is_public_and_names_every_section(anonymous: httpx2.Client) -> None:
    index = anonymous.get("/1.0/").json()
    sections = {entry["path"] for entry in index["apis"]}
    assert {"/auth", "/me", "/domain"} <= sections
    for section in sections:
        document = anonymous.get(f"/1.0{section}.json").json()
        operations = [operation for entry in document["apis"] for operation in entry["operations"]]
        assert operations
        assert all("noAuthentication" in op and op["apiStatus"]["value"] for op in operations)
    paths = {entry["path"] for entry in anonymous.get("/1.0/me.json").json()["apis"]}
    assert {"/me", "/me/api/credential"} <= paths


def test_an_upstream_that_is_killed_and_comes_back_is_a_502_meanwhile_and_nothing_else(demo: Demo) -> None:
    client = demo.client(demo.grant([("GET", "/me")]))
    assert client.get("/me")
    os.kill(demo.pid_of("mandat.server.processes.sandbox"), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while True:
        try:
            assert client.get("/me")["nichandle"] == demo.person("customer")["account"]
            break
        except ServerFault as fault:
            assert fault.status == 502
            assert time.monotonic() < deadline, "the upstream did not come back"
            time.sleep(0.1)
