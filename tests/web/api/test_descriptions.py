"""The description documents and the list of open routes."""

from typing import Any

import pytest

from doubles.api_client import MAIN_ORIGIN, OTHER_ORIGIN, ApiClient
from mandat.web.api.routes import api_routers
from mandat.web.descriptions import own_documents
from mandat.web.routes import open_routes
from mandat.web.settings import PageSettings

STATUS = {"PRODUCTION", "BETA", "ALPHA", "DEPRECATED"}


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(api["path"], operation) for api in document["apis"] for operation in api["operations"]]


@pytest.mark.parametrize("version", ["1.0", "v1"])
async def test_the_index_names_every_section(api: ApiClient, version: str) -> None:
    api.world.catalogue.replace_source("sandbox", {"domain": {"apis": [], "description": "Domains and DNS"}})
    response = await api.http.get(f"/{version}/")
    assert response.status_code == 200
    body = response.json()
    assert body["basePath"] == f"{MAIN_ORIGIN}/{version}"
    assert [entry["path"] for entry in body["apis"]] == ["/auth", "/domain", "/me"]
    assert body["apis"][1] == {
        "path": "/domain",
        "schema": "{path}.{format}",
        "format": ["json"],
        "schemas": {"json": "{path}.json", "openapi3": "{path}.json?format=openapi3"},
        "description": "Domains and DNS",
    }


async def test_every_named_section_can_be_fetched_where_the_index_says(api: ApiClient) -> None:
    index = (await api.http.get("/1.0/", headers={"X-Mandat-Public-Origin": OTHER_ORIGIN})).json()
    for entry in index["apis"]:
        path = entry["schema"].format(path=entry["path"], format=entry["format"][0])
        assert index["basePath"] == f"{OTHER_ORIGIN}/1.0"
        document = (await api.http.get(f"/1.0{path}")).json()
        assert document["resourcePath"] == entry["path"]
        assert document["basePath"] == f"{MAIN_ORIGIN}/1.0"
        assert document["apiVersion"] == "1.0"


async def test_a_section_of_two_parts_is_found(api: ApiClient) -> None:
    api.world.catalogue.replace_source("x", {"dedicated/server": {"apis": [], "resourcePath": "/dedicated/server"}})
    assert (await api.http.get("/v1/dedicated/server.json")).json()["resourcePath"] == "/dedicated/server"


@pytest.mark.parametrize("path", ["/1.0/nope.json", "/1.0/me", "/1.0/.json", "/1.0/me.yaml", "/1.0/me.json.json"])
async def test_there_is_no_other_document(api: ApiClient, path: str) -> None:
    assert (await api.http.get(path)).status_code == 404


async def test_an_upstreams_part_of_me_stands_beside_the_authoritys(api: ApiClient) -> None:
    upstream = {"apis": [{"path": "/me", "operations": [{"httpMethod": "GET", "description": "Your details"}]}]}
    api.world.catalogue.replace_source("sandbox", {"me": upstream})
    paths = [item["path"] for item in (await api.http.get("/1.0/me.json")).json()["apis"]]
    assert paths[0] == "/me"
    assert "/me/api/credential/{credentialId}" in paths


def test_every_operation_of_ours_says_whether_it_is_open_and_how_stable_it_is() -> None:
    found = [pair for document in own_documents().values() for pair in operations(document)]
    assert len(found) == 13
    for path, operation in found:
        assert isinstance(operation["noAuthentication"], bool), path
        assert operation["apiStatus"]["value"] in STATUS
        assert operation["description"]
    opened = {path for path, operation in found if operation["noAuthentication"]}
    assert opened == {"/auth/credential", "/auth/time"}


def test_every_type_that_is_named_is_described() -> None:
    plain = {"string", "long", "boolean", "datetime", "ipBlock", "void"}
    for document in own_documents().values():
        models = document["models"]
        properties = [each for model in models.values() for each in model.get("properties", {}).values()]
        named = [each["type"] for each in properties]
        for _, operation in operations(document):
            named += [operation["responseType"], *(each["dataType"] for each in operation["parameters"])]
        assert {name.removesuffix("[]") for name in named} <= plain | set(models)
        for path, operation in operations(document):
            declared = {each["name"] for each in operation["parameters"] if each["paramType"] == "path"}
            assert declared == {part.strip("{}") for part in path.split("/") if part.startswith("{")}


async def test_our_descriptions_and_our_routes_are_the_same(api: ApiClient) -> None:
    described = {
        (operation["httpMethod"], path)
        for document in own_documents().values()
        for path, operation in operations(document)
    } - {("GET", "/auth/time")}  # the gateway answers it
    settings = PageSettings(public_origins=(MAIN_ORIGIN,), form_secret=b"x" * 32)
    for router in api_routers(api.world.authority, settings):
        routed = {
            (method, route.path_format.removeprefix(router.path).replace("_id}", "Id}"))
            for route in router.routes
            for method in getattr(route, "methods", ())
            if method != "OPTIONS" and not route.path_format.endswith("{name}") and route.path_format != router.path
        }
        assert routed == described


def test_the_open_routes_are_an_exact_list() -> None:
    routes = open_routes(["auth", "domain"])
    assert len(routes) == len(set(routes))
    api_routes = [route for route in routes if route[1].startswith(("/1.0", "/v1"))]
    assert sorted(route for route in api_routes if route[1].startswith("/1.0") and route[0] != "HEAD") == [
        ("GET", "/1.0"),
        ("GET", "/1.0/"),
        ("GET", "/1.0/auth.json"),
        ("GET", "/1.0/domain.json"),
        ("POST", "/1.0/auth/credential"),
    ]
    assert ("GET", "/login") in routes
    assert not any("*" in path or "{" in path for _, path in routes)
