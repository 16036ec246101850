"""Mandat's own SDK and command line, by TLS: question, confirmation, call, and an authority nobody trusts."""

import json
import os
import subprocess
import sys

import pytest

from support.client_keys import KeyRing
from support.demo import Demo

pytestmark = pytest.mark.clients


@pytest.fixture
def mandat(demo: Demo):
    """Runs the command line: (exit status, standard output, standard error)."""

    def run(*words: str, consumer_key: str = "", trusting: bool = True) -> tuple[int, str, str]:
        environment = {
            **os.environ,
            "OVH_ENDPOINT": demo.tls_endpoint,
            "OVH_APPLICATION_KEY": demo.application_key,
            "OVH_APPLICATION_SECRET": demo.application_secret,
            "OVH_CONSUMER_KEY": consumer_key,
        }
        if trusting:
            environment["SSL_CERT_FILE"] = str(demo.tls_authority)
        command = [sys.executable, "-m", "mandat.cli.main", *words]
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
        return outcome.returncode, outcome.stdout, outcome.stderr

    return run


def test_the_whole_story_never_leaves_tls(mandat, demo: Demo) -> None:
    status, said, complaint = mandat("request", "--rule", "GET /me", "--json")
    assert status == 0, complaint
    question = json.loads(said)
    assert question["validationUrl"].startswith(demo.tls_endpoint.removesuffix("1.0"))
    customer = demo.person("customer")
    login = ("--login", customer["login"], "--password", customer["password"])
    assert mandat("approve", question["validationUrl"], *login)[0] == 0
    status, said, complaint = mandat("call", "GET", "/me", consumer_key=question["consumerKey"])
    assert status == 0, complaint
    assert json.loads(said)["nichandle"] == customer["account"]


def test_a_key_confirmed_by_http_is_as_good_by_tls(mandat, keys: KeyRing) -> None:
    assert mandat("call", "GET", "/me", consumer_key=keys.granted([("GET", "/me")]).consumer_key)[0] == 0


def test_without_trust_in_the_demos_authority_nothing_is_sent(mandat) -> None:
    status, _, complaint = mandat("call", "GET", "/me", consumer_key="x" * 32, trusting=False)
    assert status != 0
    assert "certificate" in complaint
