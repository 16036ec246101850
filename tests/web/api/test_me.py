"""`/me/api/*`: own applications, and what the account has delegated."""

import pytest

from doubles.api_client import ApiClient, refusal

NULL = (200, b"null")


async def test_the_caller_lists_and_reads_its_own_applications(api: ApiClient) -> None:
    assert (await api.signed("GET", "/1.0/me/api/application", visitor=api.dana)).json() == [api.shop.id]
    assert (await api.signed("GET", "/1.0/me/api/application")).json() == []
    response = await api.signed("GET", f"/1.0/me/api/application/{api.shop.id}", visitor=api.dana)
    assert response.json() == {
        "applicationId": api.shop.id,
        "applicationKey": api.shop.key,
        "name": "Shop",
        "description": "Sells things",
        "status": "active",
    }


async def test_deleting_an_application_ends_its_delegations(api: ApiClient) -> None:
    path = f"/1.0/me/api/application/{api.shop.id}"
    response = await api.signed("DELETE", path, visitor=api.dana)
    assert (response.status_code, response.content) == NULL
    assert (await api.signed("GET", path, visitor=api.dana)).status_code == 404
    shown = await api.signed("GET", f"/1.0/me/api/credential/{api.credential.id}")
    assert shown.json()["status"] == "expired"
    assert (await api.signed("GET", f"/1.0/me/api/credential/{api.credential.id}/application")).status_code == 404


async def test_credentials_are_listed_as_ids_and_filtered(api: ApiClient) -> None:
    other = await api.delegate(api.alice)
    await api.delegate(api.dana)
    await api.signed("DELETE", f"/1.0/me/api/credential/{other.id}")
    for query, ids in [
        ("", [api.credential.id, other.id]),
        (f"?applicationId={api.shop.id}", [api.credential.id, other.id]),
        ("?applicationId=999", []),
        (f"?applicationId={2**64}", []),
        (f"?applicationId={'9' * 5000}", []),
        ("?status=validated", [api.credential.id]),
        ("?status=expired", [other.id]),
        ("?status=pendingValidation", []),
        ("?status=refused", []),
        ("?status=null&applicationId=null", [api.credential.id, other.id]),
        (f"?status=expired&applicationId={api.shop.id}", [other.id]),
    ]:
        response = await api.signed("GET", f"/1.0/me/api/credential{query}")
        assert (query[:60], response.status_code, response.json()) == (query[:60], 200, ids)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("applicationId=x", "applicationId"),
        ("applicationId=", "applicationId"),
        ("applicationId=-1", "applicationId"),
        ("applicationId=1.5", "applicationId"),
        ("applicationId=%D9%A1", "applicationId"),
        ("applicationId=1&applicationId=2", "applicationId"),
        ("status=nonsense", "status"),
        ("status=", "status"),
        ("status=VALIDATED", "status"),
        ("applicationid=1", "applicationid"),
        ("a%00b=1", "a?b"),
        ("status=%FF", "query"),
        ("&".join(f"x{number}=1" for number in range(40)), "query"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused_by_name(api: ApiClient, query: str, field: str) -> None:
    response = await api.signed("GET", f"/1.0/me/api/credential?{query}")
    assert response.status_code == 400
    assert refusal(response)["details"] == {"field": field}


async def test_the_customer_reads_the_application_behind_a_credential(api: ApiClient) -> None:
    response = await api.signed("GET", f"/1.0/me/api/credential/{api.credential.id}/application")
    assert response.json()["applicationKey"] == api.shop.key


async def test_deleting_a_credential_answers_null_as_often_as_it_is_asked(api: ApiClient) -> None:
    path = f"/1.0/me/api/credential/{api.credential.id}"
    for _ in range(2):
        response = await api.signed("DELETE", path)
        assert (response.status_code, response.content) == NULL
    assert (await api.signed("GET", path)).json()["status"] == "expired"
    assert [entry.event for entry in api.world.stores.audit].count("credential.revoked") == 1


async def test_allowed_addresses_are_set_and_lifted(api: ApiClient) -> None:
    path = f"/1.0/me/api/credential/{api.credential.id}"
    response = await api.signed("PUT", path, body=b'{"allowedIPs": ["192.0.2.7", "2001:db8::/32"]}')
    assert (response.status_code, response.content) == NULL
    assert (await api.signed("GET", path)).json()["allowedIPs"] == ["192.0.2.7/32", "2001:db8::/32"]
    assert (await api.signed("PUT", path, body=b'{"allowedIPs": null}')).content == b"null"
    assert (await api.signed("GET", path)).json()["allowedIPs"] is None


async def test_a_credential_can_be_sent_back_whole(api: ApiClient) -> None:
    path = f"/1.0/me/api/credential/{api.credential.id}"
    whole = (await api.signed("GET", path)).content
    assert (await api.signed("PUT", path, body=whole)).content == b"null"


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/me/api/credential/{}", "This credential does not exist"),
        ("PUT", "/me/api/credential/{}", "This credential does not exist"),
        ("DELETE", "/me/api/credential/{}", "This credential does not exist"),
        ("GET", "/me/api/credential/{}/application", "This credential does not exist"),
        ("GET", "/me/api/application/{}", "This application does not exist"),
        ("DELETE", "/me/api/application/{}", "This application does not exist"),
    ],
)
async def test_what_is_somebody_elses_answers_like_what_does_not_exist(
    api: ApiClient, method: str, path: str, message: str
) -> None:
    bruno = await api.world.visitor("bruno")
    answers = [
        await api.signed(method, "/1.0" + path.format(number), visitor=bruno, body=b'{"allowedIPs":null}')
        for number in (1, 424242, 2**63 - 1, 2**63, "9" * 5000, 0)
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert refusal(answers[0])["message"] == message
    assert set(api.world.stores.applications.rows) == {1}
    assert api.world.stores.credentials.rows[1].state.value == "validated"


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "%D9%A1", "1%20", "0x1", "1e3", "null"])
@pytest.mark.parametrize("path", ["credential/{}", "credential/{}/application", "application/{}"])
async def test_an_id_that_is_no_number_is_refused_by_name(api: ApiClient, path: str, number: str) -> None:
    response = await api.signed("GET", "/1.0/me/api/" + path.format(number))
    assert response.status_code == 400
    assert refusal(response)["details"]["field"] == path.split("/", maxsplit=1)[0] + "Id"


async def test_a_trailing_slash_routes_like_none(api: ApiClient) -> None:
    for path in ("/1.0/me/api/credential/", f"/v1/me/api/credential/{api.credential.id}/"):
        assert (await api.signed("GET", path)).status_code == 200
