"""The bodies of the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mandat.protocol.access_rule import AccessRule
from mandat.protocol.messages import (
    FieldFault,
    PermissionRequestMessage,
    application_fields,
    credential_fields,
    details_fields,
    parse_allowed_networks,
    parse_permission_request,
    permission_answer_fields,
    wire_datetime,
)
from mandat.protocol.networks import parse_network
from vectors import cases


@pytest.mark.parametrize("case", cases("permission_requests"))
def test_a_request_is_read_or_refused_as_in_the_vector(case):
    message = parse_permission_request(case["body"])
    if "field" in case:
        assert message == FieldFault(case["field"], case["message"])
        return
    assert isinstance(message, PermissionRequestMessage), message
    assert [[rule.method, rule.path] for rule in message.rules] == case["rules"]
    assert message.redirection == case["redirection"]
    networks = message.allowed_networks
    assert (None if networks is None else [str(network) for network in networks]) == case["allowedIPs"]


def test_256_rules_are_accepted_and_one_more_is_not():
    rules = [{"method": "GET", "path": f"/x/{number}"} for number in range(257)]
    accepted = parse_permission_request({"accessRules": rules[:256]})
    assert isinstance(accepted, PermissionRequestMessage)
    assert len(accepted.rules) == 256
    refused = parse_permission_request({"accessRules": rules})
    assert isinstance(refused, FieldFault)
    assert (refused.field, refused.message[-19:]) == ("accessRules", "more than 256 rules")


def test_256_addresses_are_accepted_and_one_more_is_not():
    addresses = [f"192.0.2.{number}" for number in range(256)] + ["198.51.100.1"]
    assert len(parse_allowed_networks(addresses[:256])) == 256
    expected = FieldFault("allowedIPs", "Body parameter allowedIPs has more than 256 entries")
    assert parse_allowed_networks(addresses) == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["accessRules", "redirection", "allowedIPs", "method", "path"]), inner)
    ),
)


@given(json_values)
def test_no_body_makes_it_raise(document):
    assert isinstance(parse_permission_request(document), PermissionRequestMessage | FieldFault)


def test_allowed_addresses_are_parsed_alone_for_a_change_of_them():
    assert parse_allowed_networks(None) is None
    assert parse_allowed_networks(["192.0.2.1"]) == (parse_network("192.0.2.1"),)
    assert isinstance(parse_allowed_networks([]), FieldFault)


def test_the_answer_to_a_request_says_that_it_waits():
    assert permission_answer_fields(consumer_key="CK", validation_url="https://x/auth/?credentialToken=T") == {
        "validationUrl": "https://x/auth/?credentialToken=T",
        "consumerKey": "CK",
        "state": "pendingValidation",
    }


def test_a_credential_is_told_in_full():
    fields = credential_fields(
        credential_id=2**40,
        application_id=7,
        status="validated",
        rules=[AccessRule("GET", "/me")],
        creation=0,
        expiration=86_400,
        last_use=3_600,
        allowed_networks=[network for network in [parse_network("192.0.2.0/24")] if network],
    )
    assert fields == {
        "credentialId": 2**40,
        "applicationId": 7,
        "status": "validated",
        "rules": [{"method": "GET", "path": "/me"}],
        "creation": "1970-01-01T00:00:00+00:00",
        "expiration": "1970-01-02T00:00:00+00:00",
        "lastUse": "1970-01-01T01:00:00+00:00",
        "allowedIPs": ["192.0.2.0/24"],
        "ovhSupport": False,
    }


def test_what_a_credential_does_not_have_is_null():
    fields = credential_fields(
        credential_id=1,
        application_id=7,
        status="validated",
        rules=[],
        creation=0,
        expiration=None,
        last_use=None,
        allowed_networks=None,
    )
    assert {name for name, value in fields.items() if value is None} == {"expiration", "lastUse", "allowedIPs"}


def test_an_application_is_told_without_its_secret():
    fields = application_fields(application_id=7, application_key="AK", name="n", description="d", status="active")
    assert fields == {
        "applicationId": 7,
        "applicationKey": "AK",
        "name": "n",
        "description": "d",
        "status": "active",
    }


def test_details_name_the_account_and_the_routes():
    fields = details_fields(account="ab1-example", allowed_routes=[AccessRule("GET", "/me")])
    assert fields["account"] == "ab1-example"
    assert fields["method"] == "account"
    assert fields["allowedRoutes"] == [{"method": "GET", "path": "/me"}]
    assert fields["user"] is fields["roles"] is fields["description"] is None
    assert fields["identities"] == []


def test_details_of_a_user_say_so_and_no_list_of_routes_means_all():
    fields = details_fields(account="ab1-example", allowed_routes=None, user="jo", description="the admin")
    assert (fields["method"], fields["user"], fields["description"]) == ("user", "jo", "the admin")
    assert fields["allowedRoutes"] is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1_700_000_000, "2023-11-14T22:13:20+00:00"),
        (1_700_000_000.9, "2023-11-14T22:13:20+00:00"),
        (253_402_300_799, "9999-12-31T23:59:59+00:00"),
        (2**63, "9999-12-31T23:59:59+00:00"),
    ],
)
def test_times_have_an_offset_and_an_end(seconds, text):
    assert wire_datetime(seconds) == text
