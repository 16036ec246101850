"""The description documents say what the API does: public, complete, and not drifting from behaviour."""

import pytest

from mandat.sandbox.api.operations import SECTIONS
from support.sandbox import ALICE

PRIMITIVES = {
    "string", "text", "long", "double", "boolean", "date", "datetime", "ip", "uuid", "void", "map[string]string",
}  # fmt: skip
NAMES = [section.name for section in SECTIONS]


@pytest.mark.parametrize("path", ["/1.0/", "/1.0", "/v1/", "/v1"])
def test_the_index_is_public_and_lists_the_sections(sandbox, path):
    answer = sandbox.http.get(path)

    assert answer.status_code == 200
    assert [entry["path"] for entry in answer.json()["apis"]] == ["/me", "/domain", "/cloud", "/vps"]
    assert answer.json()["basePath"] == f"{sandbox.origin}/{path.split('/')[1]}"
    assert answer.json()["apis"][0]["schema"] == "{path}.{format}"


def test_documents_show_the_public_origin_that_the_gateway_names(sandbox):
    named = sandbox.http.get("/1.0/domain.json", headers={"X-Mandat-Public-Origin": "https://api.example.com"})
    forged = sandbox.http.get("/1.0/domain.json", headers={"X-Mandat-Public-Origin": "javascript:alert(1)//"})

    assert named.json()["basePath"] == "https://api.example.com/1.0"
    assert forged.json()["basePath"] == f"{sandbox.origin}/1.0"


@pytest.mark.parametrize("path", ["/1.0/nothing.json", "/1.0/domain.yaml", "/1.0/cloud", "/1.0/.json", "/2.0/"])
def test_other_documents_do_not_exist(sandbox, path):
    headers = {"X-Mandat-Assertion": sandbox.gateway.assertion(ALICE)}

    assert sandbox.http.get(path).status_code == 401
    assert sandbox.http.get(path, headers=headers).status_code == 404


@pytest.mark.parametrize("section", NAMES)
def test_every_operation_has_what_ovh_tools_read(sandbox, section):
    document = sandbox.http.get(f"/1.0/{section}.json").json()

    assert document["resourcePath"] == f"/{section}"
    for resource in document["apis"]:
        assert resource["path"].startswith(f"/{section}")
        for operation in resource["operations"]:
            assert operation["noAuthentication"] is False
            assert operation["apiStatus"]["value"] == "PRODUCTION"
            assert operation["iamActions"][0]["required"] is True
            assert operation["description"][0].isupper()
            assert not operation["description"].endswith(".")
            names = {entry["name"] for entry in operation["parameters"] if entry["paramType"] == "path"}
            assert names == {part[1:-1] for part in resource["path"].split("/") if part.startswith("{")}


@pytest.mark.parametrize("section", NAMES)
def test_every_type_that_is_named_is_described(sandbox, section):
    document = sandbox.http.get(f"/1.0/{section}.json").json()
    operations = [operation for resource in document["apis"] for operation in resource["operations"]]
    named = {operation["responseType"] for operation in operations}
    named |= {entry["dataType"] for operation in operations for entry in operation["parameters"]}
    for model in document["models"].values():
        named |= {member["type"] for member in model.get("properties", {}).values()}

    assert {name.removesuffix("[]") for name in named} - PRIMITIVES == set(document["models"])


def test_every_described_operation_is_routed(sandbox):
    for section in SECTIONS:
        for resource in section.resources:
            path = resource.path.replace("{zoneName}", "nobody.example").replace("{id}", "5")
            for operation in resource.operations:
                answer = sandbox.call(operation.method, path, account=ALICE)
                assert answer.json() is None or "INVALID_URL" not in answer.text, (operation.method, path)


@pytest.mark.parametrize(
    ("below", "model"),
    [
        ("", "domain.zone.Zone"),
        ("/status", "domain.zone.Status"),
        ("/soa", "domain.zone.Soa"),
        ("/record/{id}", "domain.zone.Record"),
    ],
)
def test_answers_have_exactly_the_members_of_their_model(sandbox, zone, below, model):
    record = zone.add("A", "www", "192.0.2.1")
    described = sandbox.http.get("/1.0/domain.json").json()["models"][model]["properties"]

    answer = zone.call("GET", below.replace("{id}", str(record["id"]))).json()

    assert set(answer) == set(described)
    for name, value in answer.items():
        assert value is not None or described[name]["canBeNull"], name
