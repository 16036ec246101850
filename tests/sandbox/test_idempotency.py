"""Idempotency-Key on creating calls: one effect, however often the call is made."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.sandbox import BRUNO

BODY = {"fieldType": "A", "subDomain": "www", "target": "192.0.2.1"}


def create(zone, key, body=BODY, path="/record"):
    return zone.call("POST", path, body=body, Idempotency_Key=key)


def ids_of_www(zone):
    return zone.call("GET", "/record?subDomain=www").json()


def test_a_repetition_gets_the_same_answer_and_creates_nothing(zone):
    first = create(zone, "step-1")

    assert create(zone, "step-1").content == first.content
    assert ids_of_www(zone) == [first.json()["id"]]


def test_a_trailing_slash_and_the_alias_of_the_version_are_the_same_route(zone):
    first = create(zone, "step-1")
    headers = {"X-Mandat-Assertion": zone.sandbox.gateway.assertion("aa111-mandat"), "Idempotency-Key": "step-1"}

    slashed = create(zone, "step-1", path="/record/")
    same_body = json.dumps(BODY).encode()
    aliased = zone.sandbox.http.post(f"/v1/domain/zone/{zone.name}/record", content=same_body, headers=headers)

    assert slashed.content == first.content
    assert aliased.content == first.content
    assert ids_of_www(zone) == [first.json()["id"]]


def test_the_key_with_another_body_is_a_conflict_that_changes_nothing(zone):
    create(zone, "step-1")

    answer = create(zone, "step-1", BODY | {"target": "192.0.2.2"})

    assert (answer.status_code, answer.json()["errorCode"]) == (409, "CONFLICT")
    assert len(ids_of_www(zone)) == 1


def test_the_answer_is_given_again_even_when_the_record_is_gone(zone):
    first = create(zone, "step-1")
    zone.call("DELETE", f"/record/{first.json()['id']}")

    assert create(zone, "step-1").content == first.content
    assert ids_of_www(zone) == []


def test_a_refused_call_does_not_use_up_its_key(zone):
    assert create(zone, "step-1", BODY | {"target": "no address"}).status_code == 400

    assert create(zone, "step-1").status_code == 200


def test_keys_of_different_zones_and_accounts_do_not_meet(zone, sandbox):
    first = create(zone, "step-1").json()["id"]
    path = "/domain/zone/bruno.example/record"

    second = sandbox.call("POST", path, account=BRUNO, body=BODY, Idempotency_Key="step-1").json()["id"]

    assert first != second


def test_a_key_is_forgotten_after_a_day(zone, sandbox):
    first = create(zone, "step-1").json()["id"]

    sandbox.clock.advance(86_399)
    assert create(zone, "step-1").json()["id"] == first
    sandbox.clock.advance(1)
    assert create(zone, "step-1").json()["id"] != first


def test_without_a_key_each_call_creates(zone):
    zone.add("A", "www", "192.0.2.1")
    zone.add("A", "www", "192.0.2.1")

    assert len(ids_of_www(zone)) == 2


def test_of_many_at_once_one_creates(zone):
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: create(zone, "step-1").content, range(32)))

    assert len(set(answers)) == 1
    assert len(ids_of_www(zone)) == 1


@pytest.mark.parametrize("key", ["", "k" * 256, "caf\u00e9", "a\tb"])
def test_an_unusable_key_is_refused_by_name(zone, key):
    answer = create(zone, key.encode())

    assert answer.status_code == 400
    assert answer.json()["details"] == {"field": "Idempotency-Key"}


def test_two_keys_are_refused(zone):
    headers = [
        ("X-Mandat-Assertion", zone.sandbox.gateway.assertion("aa111-mandat")),
        ("Idempotency-Key", "one"),
        ("Idempotency-Key", "two"),
    ]

    answer = zone.sandbox.http.post(f"/1.0/domain/zone/{zone.name}/record", json=BODY, headers=headers)

    assert answer.json()["details"] == {"field": "Idempotency-Key"}
