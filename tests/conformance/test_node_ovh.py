"""OVHcloud's Node clients, both generations, unchanged: they speak nothing but HTTPS and sign without the port."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mandat.client.approval import approve
from support.client_keys import KeyRing, Keys, Lookup
from support.demo import Demo

pytestmark = pytest.mark.clients
HERE = Path(__file__).parent / "node"
RULES = [("GET", "/me"), ("GET", "/domain/zone/*"), ("POST", "/domain/zone/*"), ("DELETE", "/domain/zone/*")]
REFUSALS = [
    ("ungranted", 403, "This call has not been granted"),
    ("wrong_secret", 400, "Invalid signature"),
    ("revoked", 403, "This credential is not valid"),
    ("pending", 403, "This credential is not valid"),
]
Calls = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture(scope="session")
def modules(debian_program, pytestconfig: pytest.Config) -> Path:
    """The installed packages, in pytest's cache; their hashes stand in the lock file."""
    debian_program("node")
    npm = debian_program("npm")
    folder = pytestconfig.cache.mkdir("node-clients")
    lock = (HERE / "package-lock.json").read_bytes()
    if (folder / "installed.json").exists() and (folder / "installed.json").read_bytes() == lock:
        return folder / "node_modules"
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        outcome = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("NOT TESTED: npm could not install OVHcloud's Node clients in time")
    if outcome.returncode:
        pytest.skip(f"NOT TESTED: npm could not install OVHcloud's Node clients: {outcome.stderr[-300:]}")
    (folder / "installed.json").write_bytes(lock)
    return folder / "node_modules"


@pytest.fixture(params=["@ovhcloud/node-ovh", "ovh"], ids=["3.x", "2.x"])
def run(request: pytest.FixtureRequest, modules: Path, demo: Demo) -> Callable[..., dict[str, Any]]:
    """Makes calls in a Node process of their own, as docs/guide/real-clients.md says."""

    def calls(calls: Calls, *, keys: Keys, **options: Any) -> dict[str, Any]:
        told = {
            "package": str(modules / request.param),
            "options": {
                "host": "127.0.0.1",
                "port": demo.tls_port,
                "basePath": "/1.0",
                "appKey": keys.application_key,
                "appSecret": keys.application_secret,
                "consumerKey": keys.consumer_key or None,
                **options,
            },
            "calls": calls,
        }
        outcome = subprocess.run(
            ["node", HERE / "calls.js"],
            input=json.dumps(told),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": "/usr/bin:/bin:/usr/local/bin", "NODE_EXTRA_CA_CERTS": str(demo.tls_authority)},
        )
        assert outcome.returncode == 0, outcome.stderr
        result: dict[str, Any] = json.loads(outcome.stdout)
        return result

    return calls


def test_records_it_creates_are_in_the_dns(run, keys: KeyRing, lookup: Lookup, unique: str) -> None:
    good = keys.granted(RULES)
    record = {"fieldType": "TXT", "subDomain": unique, "target": '"grüße & <più> €"', "ttl": 60}
    zone = "/domain/zone/example.org"
    made = run([("POST", f"{zone}/record", record), ("POST", f"{zone}/refresh", {}), ("GET", "/me", {})], keys=good)[
        "outcomes"
    ]
    created = made[0]["answer"]
    assert created["target"] == record["target"]
    assert made[1] == {"answer": None}
    assert made[2]["answer"]["nichandle"]
    assert len(lookup(f"{unique}.example.org", "TXT")) == 1
    listed, removed, refreshed = run(
        [
            ("GET", f"{zone}/record", {"fieldType": "TXT", "subDomain": unique}),
            ("DELETE", f"{zone}/record/{{id}}", {"id": created["id"]}),
            ("POST", f"{zone}/refresh", {}),
        ],
        keys=good,
    )["outcomes"]
    assert listed == {"answer": [created["id"]]}
    assert removed == refreshed == {"answer": None}
    assert lookup(f"{unique}.example.org", "TXT") == []


def test_it_asks_for_rights_and_uses_them_once_they_are_confirmed(run, demo: Demo) -> None:
    nobody = Keys(demo.application_key, demo.application_secret, "")
    rules = [{"method": "GET", "path": "/me"}]
    asked = run([("POST", "/auth/credential", {"accessRules": rules, "redirection": None})], keys=nobody)["outcomes"][0]
    question = asked["answer"]
    assert question["validationUrl"].startswith(f"https://127.0.0.1:{demo.tls_port}/auth/?credentialToken=")
    customer = demo.person("customer")
    plain = question["validationUrl"].replace(f"https://127.0.0.1:{demo.tls_port}", demo.origin)
    approve(plain, login=customer["login"], password=customer["password"])
    keys = Keys(demo.application_key, demo.application_secret, question["consumerKey"])
    assert run([("GET", "/me", {})], keys=keys)["outcomes"][0]["answer"]["nichandle"] == customer["account"]


@pytest.mark.parametrize(("condition", "status", "message"), REFUSALS)
def test_a_refusal_arrives_with_its_status_and_words(
    run, keys: KeyRing, condition: str, status: int, message: str
) -> None:
    calls = [("GET", "/domain/zone/example.org", {})]
    outcome = run(calls, keys=getattr(keys, condition)())["outcomes"][0]
    assert outcome["error"] == status
    assert outcome["message"].startswith(message)


def test_its_warnings_come_from_the_published_description(run, keys: KeyRing) -> None:
    calls = [("GET", "/me", {}), ("GET", "/domain/zone/example.org/record", {}), ("GET", "/domain/nonsense", {})]
    said = run(calls, keys=keys.granted(RULES), apis=["me", "domain"])
    assert [list(outcome) for outcome in said["outcomes"]] == [["answer"], ["answer"], ["error", "message"]]
    assert said["warnings"] == ["[OVH] Your call /domain/nonsense was not found in the API schemas."]


def test_it_cannot_log_out_because_it_signs_no_path_with_auth_in_it(run, keys: KeyRing) -> None:
    """The guide says what to do instead."""
    outcome = run([("POST", "/auth/logout", {})], keys=keys.granted(RULES))["outcomes"][0]
    assert outcome == {"error": 401, "message": "You must login first"}
