"""`/auth/*`: field by field what clients read."""

import re

import pytest

from doubles.api_client import MAIN_ORIGIN, OTHER_ORIGIN, ApiClient, refusal
from mandat.authority.values import LastUse

ASK = {"accessRules": [{"method": "GET", "path": "/me"}]}


async def test_asking_answers_with_the_three_fields(api: ApiClient) -> None:
    response = await api.ask({**ASK, "redirection": "https://shop.example/back"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    body = response.json()
    assert set(body) == {"validationUrl", "consumerKey", "state"}
    assert body["state"] == "pendingValidation"
    assert re.fullmatch(r"[A-Za-z0-9]{32}", body["consumerKey"])
    assert re.fullmatch(MAIN_ORIGIN + r"/auth/\?credentialToken=[A-Za-z0-9]{64}", body["validationUrl"])
    assert body["consumerKey"] not in body["validationUrl"]
    [kept] = api.world.stores.requests.rows.values()
    assert kept.address == "203.0.113.5"


async def test_the_validation_url_is_on_the_origin_the_caller_used(api: ApiClient) -> None:
    response = await api.ask(ASK, headers={"X-Mandat-Public-Origin": OTHER_ORIGIN})
    assert response.json()["validationUrl"].startswith(f"{OTHER_ORIGIN}/auth/?credentialToken=")


@pytest.mark.parametrize(
    "body",
    [
        b'{"accessRules":[{"method":"GET","path":"/me"}],"redirection":null,"allowedIPs":null}',
        b'{ "accessRules" : [ { "path" : "/me", "method" : "GET" } ] }',
        b'{"accessRules":[{"method":"GET","path":"\\/me*"}],"redirection":"$REDIRECT_URL"}',
        b'{"accessRules":[{"method":"DELETE","path":"*"}],"allowedIPs":["192.0.2.0/24","2001:db8::1"]}',
        b'{"accessRules":[{"method":"GET","path":"/me"}],"redirection":"","somethingNew":[1,{"a":null}]}',
    ],
)
async def test_whatever_real_clients_send_is_taken(api: ApiClient, body: bytes) -> None:
    assert (await api.ask(body)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json;charset=utf-8"},
        {"Content-Type": "nonsense"},
        {"X-Ovh-Timestamp": "1800000000"},
        {"X-Ovh-Timestamp": "x", "X-Ovh-Signature": "$1$0", "X-Ovh-Consumer": "nobody"},
    ],
)
async def test_other_headers_do_not_matter(api: ApiClient, headers: dict[str, str]) -> None:
    assert (await api.ask(ASK, headers=headers)).status_code == 200


async def test_without_an_application_key_the_caller_is_told_to_send_one(api: ApiClient) -> None:
    response = await api.ask(ASK, key="")
    assert response.status_code == 401
    assert refusal(response)["message"] == "You must send your application key to request new credentials"


@pytest.mark.parametrize("key", ["unknownunknown00", "x", "é" * 8, "a b c d e", "'; drop table"])
async def test_an_unknown_application_key_is_invalid(api: ApiClient, key: str) -> None:
    response = await api.http.post("/1.0/auth/credential", headers={"X-Ovh-Application": key.encode()}, json=ASK)
    assert response.status_code == 403
    assert refusal(response)["errorCode"] == "INVALID_KEY"
    assert api.world.stores.requests.rows == {}


async def test_an_application_key_sent_twice_is_refused(api: ApiClient) -> None:
    headers = [("X-Ovh-Application", api.shop.key), ("X-Ovh-Application", api.shop.key)]
    response = await api.http.post("/1.0/auth/credential", headers=headers, json=ASK)
    assert response.status_code == 400
    assert refusal(response)["details"] == {"field": "X-Ovh-Application"}


async def test_the_current_credential_is_shown_in_all_its_fields(api: ApiClient) -> None:
    api.world.stores.usage.rows[api.credential.id] = LastUse(at=1800000100, address="203.0.113.5", calls=2)
    response = await api.signed("GET", "/1.0/auth/currentCredential")
    assert response.status_code == 200
    assert response.json() == {
        "credentialId": api.credential.id,
        "applicationId": api.shop.id,
        "status": "validated",
        "rules": [
            {"method": "GET", "path": "/domain/zone/example.org/*"},
            {"method": "POST", "path": "/domain/zone/example.org/record"},
        ],
        "creation": "2027-01-15T08:00:00+00:00",
        "expiration": "2027-01-15T09:00:00+00:00",
        "lastUse": "2027-01-15T08:01:40+00:00",
        "allowedIPs": None,
        "ovhSupport": False,
    }


async def test_details_say_for_which_account_the_caller_acts(api: ApiClient) -> None:
    body = (await api.signed("GET", "/v1/auth/details")).json()
    assert body["account"] == api.alice.user.account
    assert body["allowedRoutes"][0] == {"method": "GET", "path": "/domain/zone/example.org/*"}
    assert (body["method"], body["user"], body["roles"], body["identities"]) == ("account", None, None, [])


async def test_logging_out_answers_null_and_expires_the_credential(api: ApiClient) -> None:
    response = await api.signed("POST", "/1.0/auth/logout")
    assert (response.status_code, response.content) == (200, b"null")
    assert api.world.stores.credentials.rows[api.credential.id].state.value == "expired"
    assert api.world.stores.audit[-1].actor == f"application:{api.shop.key}"
    again = await api.signed("POST", "/1.0/auth/logout")
    assert again.status_code == 403
    assert refusal(again)["errorCode"] == "INVALID_CREDENTIAL"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/1.0/auth/currentCredential"),
        ("GET", "/1.0/auth/details"),
        ("POST", "/1.0/auth/logout"),
        ("GET", "/1.0/me/api/application"),
        ("GET", "/1.0/me/api/application/1"),
        ("DELETE", "/1.0/me/api/application/1"),
        ("GET", "/1.0/me/api/credential"),
        ("GET", "/1.0/me/api/credential/1"),
        ("PUT", "/1.0/me/api/credential/1"),
        ("DELETE", "/1.0/me/api/credential/1"),
        ("GET", "/1.0/me/api/credential/1/application"),
    ],
)
@pytest.mark.parametrize("missing", ["X-Mandat-Account", "X-Mandat-Application", "X-Mandat-Credential", "all"])
async def test_a_call_that_no_gateway_vouched_for_is_turned_away(
    api: ApiClient, method: str, path: str, missing: str
) -> None:
    headers = {
        "X-Mandat-Account": api.alice.user.account,
        "X-Mandat-Application": "1",
        "X-Mandat-Credential": str(api.credential.id),
    }
    headers = {} if missing == "all" else {name: value for name, value in headers.items() if name != missing}
    response = await api.http.request(method, path, headers=headers, content=b'{"allowedIPs":null}')
    assert response.status_code == 401
    assert refusal(response)["message"] == "You must login first"
    assert api.world.stores.credentials.rows[api.credential.id].state.value == "validated"


@pytest.mark.parametrize("text", ["x", "-1", "１", "1.0", "9" * 20, "9" * 10_000, str(2**63)])
async def test_an_identity_that_is_no_number_is_none(api: ApiClient, text: str) -> None:
    for name in ("X-Mandat-Application", "X-Mandat-Credential"):
        headers = {"X-Mandat-Account": "a", "X-Mandat-Application": "1", "X-Mandat-Credential": "1"}
        sent = {**headers, name: text}
        encoded = {key: value.encode() for key, value in sent.items()}
        assert (await api.http.get("/1.0/auth/details", headers=encoded)).status_code == 401


async def test_a_credential_of_another_account_is_none_of_the_callers(api: ApiClient) -> None:
    response = await api.signed("GET", "/1.0/auth/currentCredential", visitor=api.dana)
    assert response.status_code == 403
    assert refusal(response)["errorCode"] == "NOT_CREDENTIAL"
