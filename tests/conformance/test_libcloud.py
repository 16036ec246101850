"""apache-libcloud, unchanged: always https, always port 443, always OVHcloud's host names.

So the demo answers to those names: they are among its public URLs, in its certificate, and a proxy leads there.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mandat.client.approval import approve
from mandat.client.errors import UnknownRoute
from support.client_keys import KeyRing, Keys
from support.demo import Demo

pytestmark = pytest.mark.clients
PROGRAM = Path(__file__).parent / "libcloud_calls.py"
RULES = [(method, "/cloud/project*") for method in ("GET", "POST", "DELETE")]


@pytest.fixture
def run(demo: Demo, tunnel: str) -> Callable[..., dict[str, Any]]:
    """Does something with the driver in a process of its own; the environment says where to go and whom to trust."""

    def do(what: str, keys: Keys, *, project: str = "none", region: str = "") -> dict[str, Any]:
        three = [keys.application_key, keys.application_secret, keys.consumer_key]
        outcome = subprocess.run(
            [sys.executable, PROGRAM],
            input=json.dumps({"do": what, "keys": three, "project": project, "region": region}),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
            env={"PATH": os.environ["PATH"], "HTTPS_PROXY": tunnel, "SSL_CERT_FILE": str(demo.tls_authority)},
        )
        assert outcome.returncode == 0, outcome.stderr
        result: dict[str, Any] = json.loads(outcome.stdout)
        return result

    return do


@pytest.fixture(scope="session")
def project(keys: KeyRing) -> str:
    """A project of the customer's."""
    try:
        found: list[str] = keys.client(keys.granted(RULES)).get("/cloud/project")
    except UnknownRoute:
        pytest.skip("NOT TESTED: this sandbox has no /cloud/project")
    return found[0]


def test_without_a_consumer_key_it_asks_for_one_and_shows_where_to_confirm(run, demo: Demo) -> None:
    nobody = Keys(demo.application_key, demo.application_secret, "")
    said = run("ask", nobody, region="eu")
    assert said["error"] == "OvhException"
    found = re.search(r"'(https://eu\.api\.ovh\.com/auth/\S+)'.*ex_consumer_key='(\w+)'", said["message"])
    assert found is not None, said
    customer = demo.person("customer")
    url = found[1].replace("https://eu.api.ovh.com", demo.origin)
    approve(url, login=customer["login"], password=customer["password"])
    keys = Keys(demo.application_key, demo.application_secret, found[2])
    assert run("list_nodes", keys, region="eu")["code"] == 404, "permitted; there is just no such project"


def test_a_wrong_secret_is_its_own_exception(run, keys: KeyRing) -> None:
    said = run("list_nodes", keys.wrong_secret())
    assert said["error"] == "InvalidCredsError"
    assert "Signature validation failed" in said["message"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [("ungranted", "This call has not been granted"), ("revoked", "This credential is not valid")],
)
@pytest.mark.parametrize("region", ["", "eu"])
def test_another_refusal_keeps_its_status_and_words(
    run, keys: KeyRing, condition: str, message: str, region: str
) -> None:
    said = run("list_nodes", getattr(keys, condition)(), region=region)
    assert (said["error"], said["code"]) == ("BaseHTTPError", 403)
    assert message in said["message"]


def test_it_lists_regions_sizes_images_nodes_and_keys(run, keys: KeyRing, project: str) -> None:
    seen = run("look_round", keys.granted(RULES), project=project)
    assert "error" not in seen, seen
    answer = seen["answer"]
    assert answer["locations"]
    assert answer["sizes"] and answer["images"]
    assert answer["one size"] and answer["one image"]
    for name, ram, disk, bandwidth, extra in answer["sizes"]:
        assert name and ram > 0 and disk > 0 and bandwidth > 0
        assert extra["region"] == answer["locations"][0]
    assert {extra["visibility"] for _, extra in answer["images"]} <= {"public", "private"}


def test_a_node_comes_to_life_and_is_gone_when_it_is_destroyed(run, keys: KeyRing, project: str) -> None:
    seen = run("live", keys.granted(RULES), project=project, region="eu")
    assert "error" not in seen, seen
    assert seen["answer"]["state"] == "running"
    assert seen["answer"]["addresses"]
    assert "from-libcloud" not in seen["answer"]["left"]
