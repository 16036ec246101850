"""Who may speak for an account: only the gateway, by a valid assertion."""

import pytest

from doubles.assertions import APPLICATION_ID, CREDENTIAL_ID, AssertingGateway
from mandat.sandbox.store.database import open_database
from mandat.sandbox.store.ledger import list_calls
from support.sandbox import ALICE, BRUNO


def get_me(sandbox, headers):
    return sandbox.http.get("/1.0/me", headers=headers)


def assert_login_needed(answer):
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json() == {
        "class": "Client::Unauthorized",
        "message": "You must login first",
        "errorCode": "MISSING_CREDENTIAL",
        "httpCode": "401 Unauthorized",
    }


def test_the_account_is_the_asserted_one_whatever_plain_headers_say(sandbox):
    answer = sandbox.call("GET", "/me", account=ALICE, X_Mandat_Account=BRUNO)

    assert answer.json()["nichandle"] == ALICE


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Mandat-Account": ALICE, "X-Mandat-Credential": "9"},
        {"X-Mandat-Assertion": ""},
        {"X-Mandat-Assertion": "nonsense"},
        {"X-Mandat-Assertion": "e30.e30."},
        {"X-Mandat-Assertion": b"\xff\xfe"},
        {"X-Mandat-Assertion": "a" * 5000},
    ],
)
def test_without_a_readable_assertion_nothing_is_answered(sandbox, headers):
    assert_login_needed(get_me(sandbox, headers))


def test_an_assertion_for_another_upstream_is_refused(sandbox):
    assert_login_needed(get_me(sandbox, {"X-Mandat-Assertion": sandbox.gateway.assertion(ALICE, audience="billing")}))


def test_an_assertion_of_another_issuer_is_refused(sandbox):
    token = sandbox.gateway.assertion(ALICE, issuer="http://elsewhere.test")
    assert_login_needed(get_me(sandbox, {"X-Mandat-Assertion": token}))


def test_an_expired_assertion_is_refused(sandbox):
    assert_login_needed(get_me(sandbox, {"X-Mandat-Assertion": sandbox.gateway.assertion(ALICE, age_seconds=600)}))


def test_an_assertion_signed_with_another_key_is_refused(sandbox):
    stranger = AssertingGateway(sandbox.clock, seed=2)
    assert_login_needed(get_me(sandbox, {"X-Mandat-Assertion": stranger.assertion(ALICE)}))


def test_of_two_assertions_none_is_believed(sandbox):
    headers = [("X-Mandat-Assertion", sandbox.gateway.assertion(account)) for account in (ALICE, BRUNO)]
    assert_login_needed(get_me(sandbox, headers))


def test_an_unknown_route_is_not_told_from_a_known_one_without_an_assertion(sandbox):
    assert_login_needed(sandbox.http.get("/1.0/no/such/route"))
    assert_login_needed(sandbox.http.post("/1.0/"))


def test_while_keys_cannot_be_fetched_calls_fail_closed_and_then_heal(tmp_path, sandbox):
    from support.sandbox import RunningSandbox

    starting = RunningSandbox(tmp_path, sandbox.clock)
    try:
        starting.gateway.unreachable = True
        refused = starting.call("GET", "/me", account=ALICE)
        starting.gateway.unreachable = False
        healed = starting.call("GET", "/me", account=ALICE)
    finally:
        starting.stop()

    assert (refused.status_code, refused.json()["errorCode"]) == (503, "SERVICE_UNAVAILABLE")
    assert healed.status_code == 200


def test_the_ledger_has_every_believed_call_and_only_those(sandbox):
    account = "cc333-mandat"
    sandbox.call("GET", "/me", account=account, X_Ovh_QueryID="EU.test.1")
    sandbox.call("GET", "/domain/zone/bruno.example/record?fieldType=A", account=account)
    sandbox.http.get("/1.0/me", headers={"X-Mandat-Account": account})

    connection = open_database(sandbox.folder)
    entries = list_calls(connection, account)
    connection.close()

    assert [(entry.method, entry.path, entry.status, entry.query_id) for entry in entries] == [
        ("GET", "/1.0/me", 200, "EU.test.1"),
        ("GET", "/1.0/domain/zone/bruno.example/record?fieldType=A", 404, None),
    ]
    assert {(entry.application, entry.credential) for entry in entries} == {(APPLICATION_ID, CREDENTIAL_ID)}
