"""The guide's own shell commands, to the letter but for host and application key; and curl with signed calls."""

import json
import subprocess
import sys

import pytest

from mandat.client.approval import approve
from support.client_keys import KeyRing, Keys
from support.demo import Demo

pytestmark = pytest.mark.clients

GUIDE = """
export AK=F7gzxgxN5eqwuAsK
export REDIRECT_URL=https://webhook.site/586c652e-061e-453f-bd71-51912e33419d # usefull for debug

curl -H "Content-type: application/json" -H "X-Ovh-Application: $AK" -d '{"redirection": "$REDIRECT_URL", "accessRules": [{"method": "GET", "path": "/me"}]}' https://eu.api.ovh.com/1.0/auth/credential
"""  # noqa: E501 quoted


@pytest.fixture
def shell(debian_program):
    curl = debian_program("curl").parent

    def run(script: str) -> str:
        outcome = subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env={"PATH": f"{curl}:/usr/bin:/bin"},
        )
        return outcome.stdout

    return run


@pytest.fixture
def signed_curl(demo: Demo, shell):
    """curl with the headers of `mandat sign`: (status, JSON body)."""

    def call(keys: Keys, method: str, path: str, body: str = "") -> tuple[int, dict[str, object]]:
        url = demo.endpoint + path
        data = f"--data-binary '{body}'" if body else ""
        out = shell(
            f"{sys.executable} -m mandat.cli.main sign {method} '{url}' --body '{body}'"
            f" --application-key {keys.application_key} --application-secret {keys.application_secret}"
            f" --consumer-key {keys.consumer_key}"
            f" | curl -sS -X {method} -H @- {data} -w '\\n%{{http_code}}' '{url}'"
        )
        text, _, status = out.rpartition("\n")
        return int(status), json.loads(text)

    return call


def test_the_guides_commands_give_the_fields_and_the_flow_of_the_guide(demo: Demo, shell) -> None:
    script = GUIDE.replace("https://eu.api.ovh.com", demo.origin).replace("F7gzxgxN5eqwuAsK", demo.application_key)
    answer = json.loads(shell(script))
    assert sorted(answer) == ["consumerKey", "state", "validationUrl"]
    assert answer["state"] == "pendingValidation"
    assert len(answer["consumerKey"]) == 32
    base, _, token = answer["validationUrl"].partition("?credentialToken=")
    assert (base, len(token)) == (f"{demo.origin}/auth/", 64)
    customer = demo.person("customer")
    approval = approve(answer["validationUrl"], login=customer["login"], password=customer["password"])
    assert approval.redirection is None, "the literal $REDIRECT_URL is no place to go"
    assert demo.client(answer["consumerKey"]).get("/me")["nichandle"] == customer["account"]


def test_a_form_content_type_and_no_redirection_are_taken_too(demo: Demo, shell) -> None:
    body = '{"accessRules": [{"method": "GET", "path": "/me"}]}'
    answer = shell(
        f"curl -s -H 'X-Ovh-Application: {demo.application_key}' -d '{body}' {demo.endpoint}/auth/credential"
    )
    assert json.loads(answer)["state"] == "pendingValidation"


def test_a_signed_call_with_curl_is_answered(signed_curl, keys: KeyRing) -> None:
    status, zone = signed_curl(keys.granted(), "GET", "/domain/zone/example.org")
    assert (status, zone["name"]) == (200, "example.org")
    body = '{"fieldType": "TXT", "subDomain": "curl", "target": "caf\\u00e9 é", "ttl": 60}'
    status, record = signed_curl(keys.granted(), "POST", "/domain/zone/example.org/record", body)
    assert (status, record["target"]) == (200, "café é")


@pytest.mark.parametrize(
    ("condition", "status", "code", "message"),
    [
        ("ungranted", 403, "NOT_GRANTED_CALL", "This call has not been granted"),
        ("wrong_secret", 400, "INVALID_SIGNATURE", "Invalid signature"),
        ("revoked", 403, "INVALID_CREDENTIAL", "This credential is not valid"),
        ("pending", 403, "INVALID_CREDENTIAL", "This credential is not valid"),
    ],
)
def test_a_refusal_is_said_in_the_wires_words(
    signed_curl, keys: KeyRing, condition: str, status: int, code: str, message: str
) -> None:
    answer = signed_curl(getattr(keys, condition)(), "GET", "/domain/zone/example.org")
    assert answer[0] == status
    assert (answer[1]["errorCode"], answer[1]["message"]) == (code, message)
    assert str(answer[1]["httpCode"]).startswith(str(status))
