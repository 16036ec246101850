"""The sections as OpenAPI: valid whatever the OVH document holds, complete, and with the words of the consent page."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV30SpecValidator

from doubles.api_client import MAIN_ORIGIN, OTHER_ORIGIN, ApiClient, refusal
from mandat.authority.catalogue import Catalogue
from mandat.authority.wording import rights_in_words
from mandat.protocol.access_rule import AccessRule
from mandat.sandbox.api.description import describe_section
from mandat.sandbox.api.operations import SECTIONS
from mandat.web.descriptions import own_documents
from mandat.web.descriptions.openapi import openapi_document

BASE = "https://api.example/1.0"
DOCUMENTS = {f"own-{name}": document for name, document in own_documents().items()} | {
    f"sandbox-{section.name}": describe_section(section, BASE) for section in SECTIONS
}


def faults(document: dict[str, Any]) -> list[str]:
    """What a maintained validator has against it. It also has to be JSON."""
    return [error.message for error in OpenAPIV30SpecValidator(json.loads(json.dumps(document))).iter_errors()]


def made(document: dict[str, Any], section: str = "x") -> dict[str, Any]:
    """The OpenAPI document, which must be valid."""
    result = openapi_document(section, document, base_url=BASE)
    assert faults(result) == []
    return result


def operation(path: str = "/x/{id}", method: str = "GET", **described: Any) -> dict[str, Any]:
    """A document with one operation."""
    return {"apis": [{"path": path, "operations": [{"httpMethod": method, **described}]}]}


def only(document: dict[str, Any]) -> dict[str, Any]:
    """The one operation of a document, as OpenAPI."""
    [operations] = made(document)["paths"].values()
    [found] = operations.values()
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_section_there_is_becomes_a_valid_document_with_every_operation(name: str) -> None:
    document = DOCUMENTS[name]
    result = made(document)
    said = {(method.upper(), path) for path, operations in result["paths"].items() for method in operations}
    assert said == {(each["httpMethod"], api["path"]) for api in document["apis"] for each in api["operations"]}
    assert set(document["models"]) <= set(result["components"]["schemas"])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_words_beside_a_rule_are_those_of_the_consent_page(name: str) -> None:
    catalogue = Catalogue({"x": DOCUMENTS[name]})
    for operations in made(DOCUMENTS[name])["paths"].values():
        for described in operations.values():
            if "x-mandat-rule" in described:
                rule = AccessRule(*described["x-mandat-rule"].split(" ", 1))
                [group] = rights_in_words([rule], catalogue).groups
                said = described["x-mandat-right"]
                assert (said["text"], said["effect"]) == (group.rights[0].text, group.effect.value)
                assert said["risks"] == sorted(group.rights[0].risks)


def test_operations_that_need_no_rule_name_none() -> None:
    paths = made(own_documents()["auth"])["paths"]
    assert [(path, method) for path, each in paths.items() for method in each if "x-mandat-rule" in each[method]] == []


def test_signed_calls_name_the_four_headers_and_open_ones_only_what_they_need() -> None:
    result = made(own_documents()["auth"])
    headers = {name: scheme["name"] for name, scheme in result["components"]["securitySchemes"].items()}
    signed, asked, time = (
        result["paths"][path][method]["security"]
        for path, method in [("/auth/details", "get"), ("/auth/credential", "post"), ("/auth/time", "get")]
    )
    assert {headers[name] for name in signed[0]} == {
        "X-Ovh-Application",
        "X-Ovh-Consumer",
        "X-Ovh-Timestamp",
        "X-Ovh-Signature",
    }
    assert (asked, time) == ([{"application": []}], [])


@pytest.mark.parametrize(
    ("value", "badge", "deprecated"),
    [
        ("PRODUCTION", {"color": "green", "label": "Stable"}, False),
        ("BETA", {"color": "blue", "label": "Stable"}, False),
        ("ALPHA", {"color": "orange", "label": "Stable"}, False),
        ("DEPRECATED", {"color": "red", "label": "Stable"}, True),
    ],
)
def test_badges_say_how_stable_an_operation_is(value: str, badge: dict[str, str], deprecated: bool) -> None:
    described = only(operation(apiStatus={"value": value, "description": "Stable"}))
    assert described["x-badges"] == [badge]
    assert described.get("deprecated", False) is deprecated


def test_actions_are_named_as_new_and_as_old_documents_have_them() -> None:
    described = only(operation(iamActions=["a:b/get", {"name": "c:d/get", "required": False}]))
    assert described["x-iam-actions"] == [
        {"name": "a:b/get", "required": True},
        {"name": "c:d/get", "required": False},
    ]


def test_parameters_go_where_they_belong() -> None:
    described = only(
        operation(
            "/x/{id}",
            "POST",
            parameters=[
                {"name": "id", "paramType": "path", "dataType": "long", "required": 1, "description": "Which"},
                {"name": "kind", "paramType": "query", "dataType": "string[]", "required": 0},
                {"name": "X-Mode", "paramType": "header", "dataType": "string"},
                {"name": "target", "paramType": "body", "dataType": "string", "required": True},
                {"name": "ttl", "paramType": "body", "dataType": "long", "required": False},
            ],
            responseType="void",
        )
    )
    assert [(each["in"], each["name"], each["required"]) for each in described["parameters"]] == [
        ("path", "id", True),
        ("query", "kind", False),
        ("header", "X-Mode", False),
    ]
    assert described["parameters"][1]["schema"] == {"type": "array", "items": {"type": "string"}}
    body = described["requestBody"]
    assert body["required"] is True
    assert body["content"]["application/json"]["schema"] == {
        "type": "object",
        "properties": {"target": {"type": "string"}, "ttl": {"type": "integer", "format": "int64"}},
        "required": ["target"],
    }
    assert described["responses"]["200"]["content"]["application/json"]["schema"]["enum"] == [None]


def test_a_body_parameter_without_a_name_is_the_whole_body() -> None:
    document = operation("/x", "PUT", parameters=[{"paramType": "body", "dataType": "x.Thing", "required": True}])
    document["models"] = {"x.Thing": {"properties": {"a": {"type": "string"}}}}
    schema = only(document)["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/x.Thing"}


def test_what_a_path_has_is_declared_and_what_it_has_not_is_left_out() -> None:
    parameters = [{"name": "other", "paramType": "path", "dataType": "long"}]
    described = only(operation("/x/{one}/y/{two}", parameters=parameters))
    assert [each["name"] for each in described["parameters"]] == ["one", "two"]


def test_two_templates_of_one_shape_become_one_path() -> None:
    document = operation("/x/{id}", "GET", description="Get")
    parameter = {"name": "name", "paramType": "path", "dataType": "uuid"}
    document["apis"] += operation("/x/{name}", "DELETE", description="Drop", parameters=[parameter])["apis"]
    paths = made(document)["paths"]
    assert {path: sorted(each) for path, each in paths.items()} == {"/x/{id}": ["delete", "get"]}
    assert paths["/x/{id}"]["delete"]["parameters"][0]["schema"]["format"] == "uuid"
    assert paths["/x/{id}"]["delete"]["x-mandat-rule"] == "DELETE /x/{name}"


def test_models_keep_what_their_properties_say() -> None:
    document = operation(responseType="x.Thing<long>[]")
    document["models"] = {
        "x.Thing": {
            "generics": ["T"],
            "properties": {
                "value": {"type": "T", "canBeNull": 1, "readOnly": 1, "required": 1},
                "more": {"type": "map[string]T[]"},
                "state": {"type": "x.State", "canBeNull": 1, "description": "How it is"},
                "odd": {"type": "x.Unknown"},
            },
        },
        "x.State": {"enum": ["on", "off", "on"], "enumType": "string"},
        "x.Number": {"enum": [5, 7], "enumType": "long"},
    }
    result = made(document)
    schemas = result["components"]["schemas"]
    answer = result["paths"]["/x/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer == {"type": "array", "items": {"$ref": "#/components/schemas/x.Thing_long"}}
    long = {"type": "integer", "format": "int64"}
    assert schemas["x.Thing_long"] == {
        "type": "object",
        "required": ["value"],
        "properties": {
            "value": {**long, "nullable": True, "readOnly": True},
            "more": {"type": "object", "additionalProperties": {"type": "array", "items": long}},
            "state": {
                "allOf": [{"$ref": "#/components/schemas/x.State"}],
                "nullable": True,
                "description": "How it is",
            },
            "odd": {},
        },
    }
    assert schemas["x.State"] == {"type": "string", "enum": ["on", "off"]}
    assert schemas["x.Number"] == {"type": "integer", "enum": [5, 7]}


@pytest.mark.parametrize("type_name", ["x.T<x.T<U>>", "x.T<U>[]", "map[string]x.T<x.T<U>>"])
def test_models_that_name_each_other_without_end_come_to_an_end(type_name: str) -> None:
    document = operation(responseType="x.T<long>")
    document["models"] = {"x.T": {"generics": ["U"], "properties": {"next": {"type": type_name}}}}
    assert len(made(document)["components"]["schemas"]) < 1_100


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["x.A", "x.B<long>", "T", "long", "void", "map[string]", "map[string]x.A[]", "x.C<T,U>", "<>"])
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["id", "a", "", "a b"]) | JSON_VALUES,
        "paramType": st.sampled_from(["path", "query", "body", "header", "form"]) | JSON_VALUES,
        "dataType": NAMES | JSON_VALUES,
        "required": st.booleans() | JSON_VALUES,
        "description": JSON_VALUES,
    },
)
OPERATIONS = st.fixed_dictionaries(
    {"httpMethod": st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "get", "TRACE"]) | JSON_VALUES},
    optional={
        "parameters": st.lists(PARAMETERS | JSON_VALUES, max_size=4) | JSON_VALUES,
        "responseType": NAMES | JSON_VALUES,
        "responseFullType": NAMES | JSON_VALUES,
        "apiStatus": st.fixed_dictionaries({"value": st.sampled_from(["BETA", "DEPRECATED", "?"])}) | JSON_VALUES,
        "iamActions": JSON_VALUES,
        "noAuthentication": JSON_VALUES,
        "description": JSON_VALUES,
    },
)
PATHS = st.sampled_from(["/x", "/x/{id}", "/x/{a}", "/x/{id}/{id}", "/x/{", "x", "/x?y", "/x/{a}-{b}", "//"])
MODELS = st.dictionaries(
    st.sampled_from(["x.A", "x.B", "x.C", "x A", "é", "T"]),
    st.fixed_dictionaries(
        {},
        optional={
            "generics": st.sampled_from([["T"], ["T", "U"], []]) | JSON_VALUES,
            "enum": JSON_VALUES,
            "enumType": JSON_VALUES,
            "properties": st.dictionaries(st.text(max_size=4), PARAMETERS, max_size=3) | JSON_VALUES,
            "description": JSON_VALUES,
        },
    )
    | JSON_VALUES,
)


@settings(max_examples=150, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "apis": st.lists(
                st.fixed_dictionaries(
                    {"path": PATHS | JSON_VALUES, "operations": st.lists(OPERATIONS | JSON_VALUES, max_size=3)}
                )
                | JSON_VALUES,
                max_size=4,
            )
            | JSON_VALUES,
            "models": MODELS | JSON_VALUES,
        }
    )
)
def test_an_upstreams_document_of_any_kind_becomes_a_valid_one(document: dict[str, Any]) -> None:
    made(document)


@pytest.mark.parametrize("version", ["1.0", "v1"])
async def test_it_is_asked_for_by_format_and_names_the_callers_own_way_in(api: ApiClient, version: str) -> None:
    headers = {"X-Mandat-Public-Origin": OTHER_ORIGIN}
    response = await api.http.get(f"/{version}/me.json?format=openapi3", headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json()["servers"] == [{"url": f"{OTHER_ORIGIN}/{version}"}]
    assert faults(response.json()) == []


async def test_the_index_has_the_address_of_every_format(api: ApiClient) -> None:
    index = (await api.http.get("/1.0/")).json()
    for entry in index["apis"]:
        assert list(entry["schemas"]) == ["json", "openapi3"]
        for schema in entry["schemas"].values():
            assert (await api.http.get("/1.0" + schema.format(path=entry["path"]))).status_code == 200


async def test_json_is_the_format_where_none_is_named(api: ApiClient) -> None:
    plain = await api.http.get("/1.0/me.json")
    for query in ("format=json", "format=null"):
        assert (await api.http.get(f"/1.0/me.json?{query}")).content == plain.content


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=yaml", "format"),
        ("format=", "format"),
        ("format=OPENAPI3", "format"),
        ("format=openapi3&format=json", "format"),
        ("Format=openapi3", "Format"),
        ("format=openapi3&x=1", "x"),
        ("format=%ff", "query"),
        ("format=openapi3%00", "format"),
        ("format=" + "x" * 4000, "format"),
        ("&".join(f"a{number}" for number in range(100)), "query"),
    ],
)
async def test_another_format_is_refused_by_name(api: ApiClient, query: str, field: str) -> None:
    response = await api.http.get(f"/1.0/me.json?{query}", headers={"X-Ovh-QueryID": "EU.test-1.1"})
    assert response.status_code == 400
    assert refusal(response)["details"] == {"field": field}


async def test_a_new_description_is_seen_at_once(api: ApiClient) -> None:
    async def words() -> str:
        document = (await api.http.get("/1.0/x.json?format=openapi3")).json()
        return str(document["paths"]["/x"]["get"]["x-mandat-right"]["text"])

    for said in ("Look at it", "Look at them"):
        api.world.catalogue.replace_source("x", {"x": operation("/x", description=said)})
        assert await words() == said


@pytest.mark.parametrize("version", ["1.0", "v1"])
async def test_the_index_answers_without_the_slash_as_with_it(api: ApiClient, version: str) -> None:
    with_slash = await api.http.get(f"/{version}/")
    without = await api.http.get(f"/{version}")
    assert (without.status_code, without.content) == (200, with_slash.content)
    assert without.json()["basePath"] == f"{MAIN_ORIGIN}/{version}"
