"""dns-lexicon, unchanged, against a running system."""

import pytest
import requests
from lexicon.client import Client
from lexicon.config import ConfigResolver
from lexicon.exceptions import AuthenticationError

from support.client_keys import KeyRing, Keys, Lookup

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore:Module lexicon:DeprecationWarning")]
ZONE = "example.org"


@pytest.fixture
def operate(lexicon_endpoint: str):
    def client(keys: Keys, zone: str = ZONE) -> Client:
        options = {
            "provider_name": "ovh",
            "domain": zone,
            "ttl": 60,
            "ovh": {
                "auth_entrypoint": lexicon_endpoint,
                "auth_application_key": keys.application_key,
                "auth_application_secret": keys.application_secret,
                "auth_consumer_key": keys.consumer_key,
            },
        }
        return Client(ConfigResolver().with_dict(options))

    return client


def test_it_creates_lists_updates_and_deletes_records(operate, keys: KeyRing, lookup: Lookup, unique: str) -> None:
    name = f"{unique}.{ZONE}"
    with operate(keys.granted()) as operations:
        assert operations.create_record("A", unique, "192.0.2.1")
        assert operations.create_record("A", unique, "192.0.2.1"), "a second time it finds its own record"
        assert lookup(name, "A") == ["192.0.2.1"]
        (record,) = operations.list_records("A", unique)
        assert (record["name"], record["content"], record["ttl"]) == (name, "192.0.2.1", 60)
        assert operations.update_record(record["id"], "A", unique, "192.0.2.2")
        assert lookup(name, "A") == ["192.0.2.2"]
        assert operations.delete_record(None, "A", unique)
    assert lookup(name, "A") == []


def test_an_ungranted_key_is_a_403(operate, keys: KeyRing) -> None:
    with pytest.raises(requests.HTTPError, match="403 Client Error: Forbidden"), operate(keys.ungranted()):
        pass


def test_a_wrong_secret_is_a_400(operate, keys: KeyRing) -> None:
    with pytest.raises(requests.HTTPError, match="400 Client Error: Bad Request"), operate(keys.wrong_secret()):
        pass


def test_a_revoked_key_is_a_403(operate, keys: KeyRing) -> None:
    with pytest.raises(requests.HTTPError, match="403 Client Error: Forbidden"), operate(keys.revoked()):
        pass


def test_a_zone_of_nobody_is_not_found(operate, keys: KeyRing) -> None:
    with pytest.raises(AuthenticationError, match=r"example\.net not found"), operate(keys.granted(), "example.net"):
        pass
