"""Endpoint and keys: arguments, then the environment, then ovh.conf."""

from pathlib import Path

import ovh.client
import pytest

from doubles.wire_api import AK, AS, CK
from mandat.client import Client, ConfigurationFault
from mandat.client.config import find_settings
from mandat.client.endpoints import ENDPOINTS, base_url

INI = """
[default]
endpoint=ovh-ca
[ovh-ca]
application_key=fromfile
application_secret=secretfromfile
consumer_key=
[http://127.0.0.1:8700/1.0]
application_key=localkey
"""


def test_the_names_and_addresses_are_python_ovhs() -> None:
    assert {name: url for name, url in ovh.client.ENDPOINTS.items() if name in ENDPOINTS} == ENDPOINTS
    assert len(ENDPOINTS) == 7


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("ovh-eu", "https://eu.api.ovh.com/1.0"),
        ("http://127.0.0.1:8700", "http://127.0.0.1:8700/1.0"),
        ("http://127.0.0.1:8700/1.0/", "http://127.0.0.1:8700/1.0"),
        ("https://api.example/v1", "https://api.example/v1"),
        ("https://gw.example/api", "https://gw.example/api/1.0"),
        ("http://[::1]:8700", "http://[::1]:8700/1.0"),
    ],
)
def test_an_endpoint_is_a_name_or_a_url_with_or_without_version(endpoint: str, base: str) -> None:
    assert base_url(endpoint) == base


@pytest.mark.parametrize(
    "endpoint",
    [
        "ovh-xx",
        "ftp://x/1.0",
        "http://",
        "http://u:p@h/",
        "http://h:99999/",
        "http://h/?a=1",
        "http://h/#x",
        "http://h h/",
    ],
)
def test_an_unusable_endpoint_is_refused_with_a_sentence(endpoint: str) -> None:
    with pytest.raises(ConfigurationFault, match="endpoint"):
        base_url(endpoint)


def test_arguments_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "ovh.conf"
    file.write_text(INI)
    environment = {"OVH_APPLICATION_KEY": "fromenv", "OVH_CONSUMER_KEY": "ckfromenv"}
    settings = find_settings(
        None, {"consumer_key": "argument"}, environment=environment, files=[file, tmp_path / "absent.conf"]
    )
    assert settings.base == "https://ca.api.ovh.com/1.0"
    assert settings.application_key == "fromenv"
    assert settings.application_secret == "secretfromfile"
    assert settings.consumer_key == "argument"


def test_an_empty_value_counts_as_absent_and_a_url_has_its_own_section(tmp_path: Path) -> None:
    file = tmp_path / "ovh.conf"
    file.write_text(INI)
    environment = {"OVH_ENDPOINT": "http://127.0.0.1:8700/1.0", "OVH_APPLICATION_KEY": ""}
    settings = find_settings(None, {}, environment=environment, files=[file])
    assert (settings.application_key, settings.application_secret) == ("localkey", None)


def test_a_named_file_wins_over_the_usual_ones_and_must_exist(tmp_path: Path) -> None:
    usual, named = tmp_path / "ovh.conf", tmp_path / "mine.conf"
    usual.write_text(INI)
    named.write_text("[ovh-ca]\napplication_key=mine\n")
    assert find_settings(None, {}, config_file=named, environment={}, files=[usual]).application_key == "mine"
    with pytest.raises(ConfigurationFault, match=r"absent\.conf"):
        find_settings("ovh-eu", {}, config_file=tmp_path / "absent.conf", environment={}, files=[])


def test_no_endpoint_anywhere_is_refused_with_the_ways_to_give_one() -> None:
    with pytest.raises(ConfigurationFault, match="OVH_ENDPOINT"):
        find_settings(None, {}, environment={}, files=[])


@pytest.mark.parametrize("key", ["with blank", "line\nbreak", "é", "x" * 300, "\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(ConfigurationFault, match="application secret") as caught:
        find_settings("ovh-eu", {"application_secret": key}, environment={}, files=[])
    assert key not in str(caught.value)


@pytest.mark.parametrize("content", ["no section\n", "[a]\n[a]\n", "\xff"])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ovh.conf"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationFault, match=r"ovh\.conf"):
        find_settings("ovh-eu", {}, environment={}, files=[file])


def test_a_signed_call_says_which_key_is_missing(tmp_path: Path) -> None:
    (tmp_path / "empty.conf").touch()
    client = Client("http://127.0.0.1:1", AK, AS, config_file=tmp_path / "empty.conf")
    with pytest.raises(ConfigurationFault, match="missing: consumer key"):
        client.get("/me")
    assert Client("http://127.0.0.1:1", AK, AS, CK).consumer_key == CK
