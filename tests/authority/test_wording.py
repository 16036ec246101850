"""Rights in words, and what the catalogue knows of the API."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.authority.catalogue import Catalogue
from mandat.authority.wording import COVERED_SHOWN, Right, rights_in_words
from mandat.core.rights import Effect, Risk
from mandat.core.rules import compile_rules
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.target import CanonicalTarget, parse_target
from mandat.web.descriptions import own_documents


def operation(method: str, description: str) -> dict[str, Any]:
    return {"httpMethod": method, "description": description}


DOMAIN: dict[str, Any] = {
    "apis": [
        {"path": "/domain/zone", "operations": [operation("GET", "List your zones")]},
        {"path": "/domain/zone/{zoneName}", "operations": [operation("GET", "Read the zone's properties")]},
        {
            "path": "/domain/zone/{zoneName}/record",
            "operations": [operation("GET", "List the records"), operation("POST", "Create a record in the zone.")],
        },
        {
            "path": "/domain/zone/{zoneName}/record/{id}",
            "operations": [
                operation("GET", "Read a record"),
                operation("PUT", "Change a record"),
                operation("DELETE", "Delete a record"),
            ],
        },
        {"path": "/domain/zone/{zoneName}/refresh", "operations": [operation("POST", "")]},
    ],
    "models": {},
}


CLOUD: dict[str, Any] = {
    "apis": [
        {
            "path": "/cloud/project/{serviceName}/instance",
            "operations": [operation("POST", "Create an instance in the cloud project")],
        }
    ]
}


@pytest.fixture
def catalogue() -> Catalogue:
    made = Catalogue(own_documents())
    made.replace_source("sandbox", {"domain": DOMAIN})
    return made


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("POST /cloud/project/8c95/instance", "Create an instance in the cloud project 8c95"),
        ("POST /cloud/project/*/instance", "Create an instance in the cloud project \u2013 any project"),
    ],
)
def test_a_parameter_called_service_name_is_named_after_what_it_follows(rule: str, words: str) -> None:
    assert right(Catalogue({"cloud": CLOUD}), rule).text == words


def right(catalogue: Catalogue, rule: str) -> Right:
    method, path = rule.split()
    [group] = rights_in_words([AccessRule(method, path)], catalogue).groups
    [only] = group.rights
    return only


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("POST /domain/zone/example.org/record", "Create a record in the zone example.org"),
        ("GET /domain/zone/example.org", "Read the zone's properties – zone example.org"),
        ("GET /domain/zone", "List your zones"),
        ("GET /domain/zone/", "List your zones"),
        ("DELETE /domain/zone/example.org/record/7", "Delete a record – zone example.org, record id 7"),
        ("DELETE /domain/zone/example.org/record/*", "Delete a record – zone example.org, any record id"),
        ("PUT /domain/zone/*/record/*", "Change a record – any zone, any record id"),
        ("DELETE /domain/zone/ex*", "Delete a record – zone ex*, any record id"),
        ("POST /domain/zone/example.org/refresh", "Create or start /domain/zone/{zoneName}/refresh – zone example.org"),
        ("GET /domain/zone/example.org/*", "Read anything below /domain/zone/example.org: 3 operations"),
        ("GET /domain*", "Read anything that begins with /domain: 4 operations"),
        ("GET /domain/*/record", "Read anything of the form /domain/*/record: 3 operations"),
        ("POST /*", "Create or start anything in the account: 4 operations"),
        ("DELETE *", "Delete anything in the account: 3 operations"),
        ("GET /sms", "Read /sms (the API does not describe such a call)"),
        ("PUT /sms/*", "Change anything below /sms (the API does not describe such a call)"),
        ("GET /ip/203.0.113.0%2F29", "Read /ip/203.0.113.0%2F29 (the API does not describe such a call)"),
    ],
)
def test_a_rule_is_said_in_the_words_of_the_api(catalogue: Catalogue, rule: str, words: str) -> None:
    assert right(catalogue, rule).text == words


def test_a_wildcard_lists_what_all_it_covers(catalogue: Catalogue) -> None:
    said = right(catalogue, "GET /domain/zone/example.org/*")
    assert said.covers == (
        "Read the zone's properties – zone example.org",
        "List the records – zone example.org",
        "Read a record – zone example.org, any record id",
    )
    assert said.covered == 3


def test_a_wildcard_lists_a_bounded_number_and_says_the_whole_one() -> None:
    many = [{"path": f"/big/op{number}", "operations": [operation("GET", f"Op {number}")]} for number in range(99)]
    said = right(Catalogue({"big": {"apis": many}}), "GET /big/*")
    assert len(said.covers) == COVERED_SHOWN
    assert said.covered == 99
    assert "99 operations" in said.text


def test_rights_are_grouped_by_what_they_do_and_marked_with_their_risks(catalogue: Catalogue) -> None:
    rules = [
        AccessRule("DELETE", "/domain/zone/example.org/record/*"),
        AccessRule("GET", "/*"),
        AccessRule("PUT", "/me/api/credential/*"),
        AccessRule("GET", "/domain/zone"),
        AccessRule("GET", "/*"),
    ]
    rights = rights_in_words(rules, catalogue)
    assert [group.effect for group in rights.groups] == [Effect.READ, Effect.CHANGE, Effect.DELETE]
    assert [[str(each.rule) for each in group.rights] for group in rights.groups] == [
        ["GET /*", "GET /domain/zone"],
        ["PUT /me/api/credential/*"],
        ["DELETE /domain/zone/example.org/record/*"],
    ]
    assert rights.risks == {Risk.WHOLE_ACCOUNT, Risk.CHANGES_ACCESS, Risk.DELETES}
    assert [group.rights[0].risks for group in rights.groups] == [
        {Risk.WHOLE_ACCOUNT},
        {Risk.CHANGES_ACCESS},
        {Risk.DELETES},
    ]
    assert [group.rights[0].service for group in rights.groups] == ["", "me", "domain"]


def test_rules_made_to_cost_are_said_plainly_and_quickly(catalogue: Catalogue) -> None:
    evil = [AccessRule("GET", f"*{'a' * 2000}{number}") for number in range(256)]
    started = time.perf_counter()
    rights = rights_in_words(evil, catalogue)
    assert time.perf_counter() - started < 5
    assert len(rights.groups[0].rights) == 256
    assert rights.groups[0].rights[-1].text.startswith("Read anything of the form *aaa")


PIECES = st.lists(st.sampled_from(["/", "*", "a", "ad", "da", "domain", "zone", "record", "{id}"]), max_size=9)
TEMPLATES = [each["path"] for each in DOMAIN["apis"]] + ["/a/{x}/d", "/{x}"]


@given(PIECES, st.sampled_from(TEMPLATES))
def test_no_call_that_a_rule_permits_is_missing_from_its_words(pieces: list[str], template: str) -> None:
    rule = AccessRule("GET", "/" + "".join(pieces))
    call = "/1.0" + template.replace("{zoneName}", "ad").replace("{id}", "da").replace("{x}", "a")
    documents = {"x": {"apis": [{"path": template, "operations": [operation("GET", "It")]}]}}
    for target in (parse_target(call.encode()), parse_target(call.encode() + b"/")):
        assert isinstance(target, CanonicalTarget)
        if compile_rules([rule]).match("GET", target) is not None:
            assert Catalogue(documents).covered(rule)


def test_an_operation_that_no_call_of_the_rule_reaches_is_not_claimed(catalogue: Catalogue) -> None:
    for path in (
        "/domain/zon",
        "/domain/zone//",
        "/domain/zone/a/b",
        "/domain/zone/*/nope/*/x",
        "/Domain/*",
    ):
        assert catalogue.covered(AccessRule("GET", path)) == [], path


def test_sections_of_the_same_name_are_joined_and_the_authoritys_words_win() -> None:
    catalogue = Catalogue(own_documents())
    own = {"path": "/me", "operations": [operation("GET", "Read your details")]}
    stolen = {"path": "/me/api/credential", "operations": [operation("GET", "Nothing to see")]}
    catalogue.replace_source("sandbox", {"me": {"apis": [own, stolen], "models": {"x.Y": {"id": "Y"}}}})
    document = catalogue.document("me")
    assert document is not None
    assert [api["path"] for api in document["apis"]].count("/me/api/credential") == 1
    assert "Nothing to see" not in str(document)
    assert "x.Y" in document["models"]
    assert "auth.ApiCredential" in document["models"]
    assert catalogue.sections() == ["auth", "me"]
    assert right(catalogue, "GET /me").text == "Read your details"


def test_a_replaced_description_takes_the_place_of_the_old_one(catalogue: Catalogue) -> None:
    before = catalogue.generation
    catalogue.replace_source("sandbox", {"domain": DOMAIN})
    assert catalogue.generation == before
    catalogue.replace_source("sandbox", {"vps": {"apis": []}})
    assert catalogue.generation > before
    assert catalogue.sections() == ["auth", "me", "vps"]
    assert catalogue.document("domain") is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"apis": None},
        {"apis": [None, 1, "x", {}]},
        {"apis": [{"path": 5}]},
        {"apis": [{"path": "no-slash", "operations": []}]},
        {"apis": [{"path": "/x", "operations": "GET"}]},
        {"apis": [{"path": "/x", "operations": [None, {"httpMethod": 1}, {"httpMethod": "GET", "description": 3}]}]},
        {"apis": [{"path": "/", "operations": [{"httpMethod": "GET"}]}], "models": []},
    ],
)
def test_a_description_that_is_not_as_expected_costs_only_its_own_words(document: dict[str, Any]) -> None:
    catalogue = Catalogue(own_documents())
    catalogue.replace_source("odd", {"x": document, "me": document})
    assert right(catalogue, "GET /me/api/application").text == "List the applications you registered"
    right(catalogue, "GET /x")
    right(catalogue, "GET /*")
