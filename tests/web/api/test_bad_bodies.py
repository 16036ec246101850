"""Every field of every body, wrong in every way: a clear 4xx in the wire's shape that names it, and nothing stored."""

import json
from typing import Any

from doubles.api_client import ApiClient, open_client, refusal
from doubles.authority import AuthorityWorld

RULE = {"method": "GET", "path": "/me"}

NOT_JSON: list[tuple[str, bytes]] = [
    ("empty", b""),
    ("no json", b"accessRules=1"),
    ("two values", b"{} {}"),
    ("cut", b'{"accessRules":['),
    ("duplicate keys", b'{"accessRules":[],"accessRules":[]}'),
    ("duplicate keys inside", b'{"accessRules":[{"method":"GET","method":"PUT","path":"/me"}]}'),
    ("nan", b'{"accessRules":NaN}'),
    ("infinity", b'{"accessRules":1e999}'),
    ("lone surrogate", b'{"accessRules":[{"method":"GET","path":"/\\ud800"}]}'),
    ("not utf-8", b'{"accessRules":"\xff"}'),
    ("utf-16", '{"accessRules":[]}'.encode("utf-16")),
    ("byte order mark", b"\xef\xbb\xbf{}"),
    ("raw control", b'{"accessRules":"\x00"}'),
    ("deep", b"[" * 100_000 + b"]" * 100_000),
    ("deep objects", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
    ("long number", b'{"accessRules":' + b"9" * 5_000 + b"}"),
]

BAD_FIELDS: list[tuple[Any, str]] = [
    (None, "body"),
    ([], "body"),
    ("text", "body"),
    (5, "body"),
    ({}, "accessRules"),
    ({"accessRules": None}, "accessRules"),
    ({"accessRules": {}}, "accessRules"),
    ({"accessRules": "GET /me"}, "accessRules"),
    ({"accessRules": 2**63}, "accessRules"),
    ({"accessRules": []}, "accessRules"),
    ({"accessRules": [RULE] * 257}, "accessRules"),
    ({"accessRules": [RULE, None]}, "accessRules[1]"),
    ({"accessRules": [RULE, "GET /me"]}, "accessRules[1]"),
    ({"accessRules": [RULE, []]}, "accessRules[1]"),
    ({"accessRules": [{"path": "/me"}]}, "accessRules[0].method"),
    ({"accessRules": [{"method": None, "path": "/me"}]}, "accessRules[0].method"),
    ({"accessRules": [{"method": 1, "path": "/me"}]}, "accessRules[0].method"),
    ({"accessRules": [{"method": ["GET"], "path": "/me"}]}, "accessRules[0].method"),
    ({"accessRules": [{"method": "PATCH", "path": "/me"}]}, "accessRules[0].method"),
    ({"accessRules": [{"method": "get", "path": "/me"}]}, "accessRules[0].method"),
    ({"accessRules": [{"method": "GET ", "path": "/me"}]}, "accessRules[0].method"),
    ({"accessRules": [RULE, RULE, {"method": "GET"}]}, "accessRules[2].path"),
    ({"accessRules": [{"method": "GET", "path": None}]}, "accessRules[0].path"),
    ({"accessRules": [{"method": "GET", "path": True}]}, "accessRules[0].path"),
    *[
        ({"accessRules": [RULE, {"method": "GET", "path": path}]}, "accessRules[1].path")
        for path in (
            "",
            "me",
            " /me",
            "\t/me",
            "/me ",
            "/m e",
            "/me\n",
            "/me\x00",
            "/me\x7f",
            "/mé",
            "/me\u202e",
            "/me/../vps",
            "/me/./x",
            "/me//x",
            "/me/%2e%2e/x",
            "/me?x=1",
            "/me#x",
            "/me;x",
            "/me\\x",
            "/me%zz",
            "/me%00",
            "/" + "a" * 2048,
            "/a" + "*a" * 9,
        )
    ],
    ({"accessRules": [RULE], "redirection": 5}, "redirection"),
    ({"accessRules": [RULE], "redirection": []}, "redirection"),
    ({"accessRules": [RULE], "redirection": "x" * 2049}, "redirection"),
    ({"accessRules": [RULE], "redirection": "é" * 1025}, "redirection"),
    ({"accessRules": [RULE], "redirection": "https://a.example/\r\nX: y"}, "redirection"),
    ({"accessRules": [RULE], "redirection": "\x00"}, "redirection"),
    ({"accessRules": [RULE], "allowedIPs": "192.0.2.1"}, "allowedIPs"),
    ({"accessRules": [RULE], "allowedIPs": {}}, "allowedIPs"),
    ({"accessRules": [RULE], "allowedIPs": []}, "allowedIPs"),
    ({"accessRules": [RULE], "allowedIPs": ["192.0.2.1"] * 257}, "allowedIPs"),
    ({"accessRules": [RULE], "allowedIPs": ["192.0.2.1", None]}, "allowedIPs[1]"),
    ({"accessRules": [RULE], "allowedIPs": [3232235777]}, "allowedIPs[0]"),
    ({"accessRules": [RULE], "allowedIPs": ["192.0.2.1", "192.0.2.1/24"]}, "allowedIPs[1]"),
    ({"accessRules": [RULE], "allowedIPs": ["300.0.0.1"]}, "allowedIPs[0]"),
    ({"accessRules": [RULE], "allowedIPs": ["192.0.2.1/33"]}, "allowedIPs[0]"),
    ({"accessRules": [RULE], "allowedIPs": [" 192.0.2.1"]}, "allowedIPs[0]"),
    ({"accessRules": [RULE], "allowedIPs": ["１92.0.2.1"]}, "allowedIPs[0]"),
    ({"accessRules": [RULE], "allowedIPs": ["x" * 100_000]}, "allowedIPs[0]"),
    ({"accessRules": [RULE], "allowedIps": ["192.0.2.1"]}, "allowedIPs"),
]

BAD_CHANGES: list[tuple[Any, str]] = [
    (None, "body"),
    ([], "body"),
    ({}, "allowedIPs"),
    ({"status": "validated"}, "allowedIPs"),
    ({"allowedIPs": "192.0.2.1"}, "allowedIPs"),
    ({"allowedIPs": []}, "allowedIPs"),
    ({"allowedIPs": ["192.0.2.1", 5]}, "allowedIPs[1]"),
    ({"allowedIPs": ["192.0.2.1/24"]}, "allowedIPs[0]"),
    ({"allowedIPs": None, "rules": []}, "rules"),
    ({"allowedIPs": None, "rules": [{"method": "GET", "path": "/*"}]}, "rules"),
    ({"allowedIPs": None, "expiration": "2099-01-01T00:00:00+00:00"}, "expiration"),
    ({"allowedIPs": None, "credentialId": 2}, "credentialId"),
    ({"allowedIPs": None, "credentialId": 2**63}, "credentialId"),
    ({"allowedIPs": None, "applicationId": "1"}, "applicationId"),
    ({"allowedIPs": None, "ovhSupport": True}, "ovhSupport"),
    ({"allowedIPs": None, "allowedIps": ["192.0.2.1"]}, "allowedIps"),
    ({"allowedIPs": None, "x" * 1000: 1}, "x" * 40),
]


async def test_a_question_that_is_not_one_strict_json_value_is_refused(api: ApiClient) -> None:
    for name, body in NOT_JSON:
        response = await api.ask(body)
        assert response.status_code == 400, name
        assert refusal(response)["details"]["field"] in {"body", "accessRules"}, name
        assert api.world.stores.requests.rows == {}, name


async def test_a_question_names_the_field_that_is_wrong(api: ApiClient) -> None:
    for document, field in BAD_FIELDS:
        response = await api.ask(json.dumps(document).encode())
        assert response.status_code == 400, document
        body = refusal(response)
        assert body["class"] == "Client::BadRequest"
        assert body["details"] == {"field": field}, document
        assert body["queryId"] == "EU.test-1.1"
        assert field.split("[", maxsplit=1)[0] in body["message"], document
        assert api.world.stores.requests.rows == {}, document


async def test_a_bad_list_of_rules_is_told_in_the_words_clients_know(api: ApiClient) -> None:
    message = refusal(await api.ask({"accessRules": "x"}))["message"]
    assert message.startswith("Body parameter accessRules isn't formated correctly")


async def test_a_change_that_is_not_one_strict_json_value_is_refused(api: ApiClient) -> None:
    for name, body in NOT_JSON:
        response = await api.signed("PUT", f"/1.0/me/api/credential/{api.credential.id}", body=body)
        assert response.status_code == 400, name
        refusal(response)
        assert api.world.stores.credentials.rows[api.credential.id] == api.credential, name


async def test_a_change_names_the_field_that_is_wrong(api: ApiClient) -> None:
    path = f"/1.0/me/api/credential/{api.credential.id}"
    for document, field in BAD_CHANGES:
        response = await api.signed("PUT", path, body=json.dumps(document).encode())
        assert response.status_code == 400, document
        assert refusal(response)["details"] == {"field": field}, document
        assert api.world.stores.credentials.rows[api.credential.id] == api.credential, document


async def test_a_compressed_body_is_refused(api: ApiClient) -> None:
    response = await api.ask({"accessRules": [RULE]}, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 400
    assert refusal(response)["details"] == {"field": "body"}


async def test_a_body_beyond_the_limit_is_refused_unread() -> None:
    async with open_client(AuthorityWorld(), max_body_bytes=1000) as api:
        response = await api.ask({"accessRules": [RULE], "redirection": "x" * 1000})
        assert response.status_code == 413
        assert refusal(response)["errorCode"] == "BODY_TOO_LARGE"
        assert api.world.stores.requests.rows == {}


async def test_the_largest_question_that_is_allowed_is_taken(api: ApiClient) -> None:
    rules = [{"method": "GET", "path": "/" + f"{number:04d}" * 511} for number in range(256)]
    assert (await api.ask({"accessRules": rules, "redirection": "x" * 2048})).status_code == 200
