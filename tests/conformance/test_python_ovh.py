"""OVHcloud's own Python client, unchanged, against a running system."""

import ovh
import pytest

from mandat.client.approval import approve
from support.client_keys import KeyRing, Keys, Lookup
from support.demo import Demo

pytestmark = pytest.mark.clients
RULES = [("GET", "/me"), ("GET", "/domain/zone/*"), ("POST", "/domain/zone/*"), ("DELETE", "/domain/zone/*")]


@pytest.fixture
def connect(named_endpoint: str):
    def client(keys: Keys) -> ovh.Client:
        return ovh.Client(named_endpoint, keys.application_key, keys.application_secret, keys.consumer_key)

    return client


def test_the_whole_story_from_request_to_log_out(demo: Demo, named_endpoint: str) -> None:
    client = ovh.Client(named_endpoint, demo.application_key, demo.application_secret)
    request = client.new_consumer_key_request()
    request.add_recursive_rules(ovh.API_READ_ONLY, "/me")
    answer = request.request(redirect_url="https://shop.test/back", allowedIPs=["127.0.0.0/8"])
    assert sorted(answer) == ["consumerKey", "state", "validationUrl"]
    with pytest.raises(ovh.InvalidCredential, match="This credential is not valid"):
        client.get("/me")
    customer = demo.person("customer")
    approval = approve(answer["validationUrl"], login=customer["login"], password=customer["password"])
    assert approval.redirection == "https://shop.test/back"
    assert client.get("/me")["nichandle"] == customer["account"]
    credential = client.get("/auth/currentCredential")
    assert (credential["status"], credential["allowedIPs"]) == ("validated", ["127.0.0.0/8"])
    assert credential["rules"] == [{"method": "GET", "path": "/me"}, {"method": "GET", "path": "/me/*"}]
    assert client.get("/auth/details")["account"] == customer["account"]
    assert client.post("/auth/logout") is None
    with pytest.raises(ovh.InvalidCredential):
        client.get("/me")


def test_records_it_creates_are_in_the_dns(connect, keys: KeyRing, lookup: Lookup, unique: str) -> None:
    client = connect(keys.granted(RULES))
    created = client.post(
        "/domain/zone/example.org/record", fieldType="TXT", subDomain=unique, target='"grüße & <più>"', ttl=60
    )
    listed = client.get("/domain/zone/example.org/record", fieldType="TXT", subDomain=unique)
    assert listed == [created["id"]]
    assert client.post("/domain/zone/example.org/refresh") is None
    assert len(lookup(f"{unique}.example.org", "TXT")) == 1
    assert client.delete(f"/domain/zone/example.org/record/{created['id']}") is None
    client.post("/domain/zone/example.org/refresh")
    assert lookup(f"{unique}.example.org", "TXT") == []


def test_its_v1_paths_and_query_arguments_arrive(connect, keys: KeyRing) -> None:
    client = connect(keys.granted(RULES))
    assert client.get("/v1/me") == client.get("/me")
    assert client.get("/domain/zone/example.org/record", subDomain="no such é & +", fieldType="A") == []


def test_an_ungranted_call_is_its_own_exception_and_carries_the_query_id(connect, keys: KeyRing) -> None:
    with pytest.raises(ovh.NotGrantedCall, match="This call has not been granted") as caught:
        connect(keys.ungranted()).get("/domain/zone/example.org")
    assert caught.value.query_id


def test_a_wrong_secret_is_a_bad_parameter(connect, keys: KeyRing) -> None:
    with pytest.raises(ovh.BadParametersError, match="Invalid signature"):
        connect(keys.wrong_secret()).get("/me")


def test_a_revoked_key_is_an_invalid_credential(connect, keys: KeyRing) -> None:
    with pytest.raises(ovh.InvalidCredential, match="This credential is not valid"):
        connect(keys.revoked(RULES)).get("/me")


def test_unknown_keys_are_told_apart(connect, keys: KeyRing) -> None:
    good = keys.granted(RULES)
    with pytest.raises(ovh.NotCredential, match="This credential does not exist"):
        connect(Keys(good.application_key, good.application_secret, "x" * 32)).get("/me")
    with pytest.raises(ovh.InvalidKey, match="This application key is invalid"):
        connect(Keys("y" * 16, good.application_secret, good.consumer_key)).get("/me")


def test_what_does_not_exist_and_what_is_not_taken_are_told_apart(connect, keys: KeyRing) -> None:
    client = connect(keys.granted([("GET", "/*"), ("POST", "/*")]))
    with pytest.raises(ovh.ResourceNotFoundError, match="This service does not exist"):
        client.get("/domain/zone/nobodys.example")
    with pytest.raises(ovh.ResourceNotFoundError, match="invalid"):
        client.get("/no/such/route")
    with pytest.raises(ovh.BadParametersError):
        client.post("/domain/zone/example.org/record", fieldType="NOPE", target="x")
    with pytest.raises(ovh.BadParametersError, match="accessRules"):
        client.request_consumerkey([{"method": "GET", "path": "no slash"}])
