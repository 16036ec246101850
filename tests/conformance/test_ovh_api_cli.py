"""ovh-api-cli, unchanged: it knows OVHcloud's host names alone and insists on their certificates.

So the demo answers to those names: they are among its public URLs, in its certificate, and a proxy leads there.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.client_keys import KeyRing, Keys
from support.demo import Demo

pytestmark = pytest.mark.clients
REQUIREMENT = Path(__file__).parent / "ovh-api-cli.txt"
RULES = [("GET", "/me"), ("GET", "/domain/zone/*"), ("POST", "/domain/zone/*"), ("GET", "/domain/zone")]


@pytest.fixture(scope="session")
def package(pytestconfig: pytest.Config) -> Path:
    """Its source, unpacked in pytest's cache and not installed: its installation writes into /etc."""
    folder = pytestconfig.cache.mkdir("ovh-api-cli")
    wanted = REQUIREMENT.read_text()
    if not (folder / "unpacked.txt").exists() or (folder / "unpacked.txt").read_text() != wanted:
        options = ["--no-deps", "--no-binary", ":all:", "--require-hashes", "--disable-pip-version-check", "-q"]
        outcome = subprocess.run(
            [sys.executable, "-m", "pip", "download", *options, "-d", folder, "-r", REQUIREMENT],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        if outcome.returncode:
            pytest.skip(f"NOT TESTED: ovh-api-cli could not be downloaded: {outcome.stderr[-300:]}")
        with tarfile.open(next(folder.glob("ovh_api_cli-*.tar.gz"))) as archive:
            archive.extractall(folder, filter="data")
        (folder / "unpacked.txt").write_text(wanted)
    return next(folder.glob("ovh_api_cli-*/ovh_api_cli")).parent


@pytest.fixture(scope="session")
def trusting_pip(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of pip, whose requests library it borrows, with the demo's authority in the trust store."""
    found = find_spec("pip")
    if found is None or found.origin is None:
        pytest.skip("NOT TESTED: ovh-api-cli borrows pip's requests library, and there is no pip here")
    folder = tmp_path_factory.mktemp("pip")
    shutil.copytree(
        Path(found.origin).parent, folder / "pip", ignore=shutil.ignore_patterns("__pycache__", "_internal")
    )
    with (folder / "pip" / "_vendor" / "certifi" / "cacert.pem").open("a") as trusted:
        trusted.write(demo.tls_authority.read_text())
    return folder


@pytest.fixture
def run(demo: Demo, package: Path, trusting_pip: Path, tunnel: str, tmp_path: Path):
    """Runs `ovhcli`, which says what the server said and then ends well; gives what it printed."""

    def ovhcli(keys: Keys, *arguments: str) -> str:
        credentials = {"AK": keys.application_key, "AS": keys.application_secret, "CK": keys.consumer_key}
        (tmp_path / ".ovhcli").write_text(json.dumps(credentials))
        outcome = subprocess.run(
            [sys.executable, "-m", "ovh_api_cli", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "PYTHONPATH": f"{trusting_pip}{os.pathsep}{package}",
                "HTTPS_PROXY": tunnel,
                # For its look at the description; its signed call asks pip's trust store.
                "REQUESTS_CA_BUNDLE": str(demo.tls_authority),
            },
        )
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stdout

    return ovhcli


def test_it_reads_and_changes_what_was_granted(run, demo: Demo, keys: KeyRing) -> None:
    good = keys.granted(RULES)
    assert json.loads(run(good, "GET", "/me"))["nichandle"] == demo.person("customer")["account"]
    assert "example.org" in json.loads(run(good, "GET", "/domain/zone"))
    assert json.loads(run(good, "POST", "/domain/zone/{zoneName}/refresh", "--zoneName=example.org")) is None


def test_its_completion_finds_paths_methods_arguments_and_values(run, keys: KeyRing) -> None:
    good, zone = keys.granted(RULES), "/domain/zone/{zoneName}"
    assert "/domain" in run(good, "--complete=/").split()
    assert "/domain/zone" in run(good, "--complete=/domain/z").split()
    assert "GET" in run(good, "--complete=", zone).split()
    assert "--zoneName=" in run(good, "--complete=--", zone, "GET").split()
    assert "--zoneName=example.org" in run(good, "--complete=--zoneName=", zone, "GET").split()


@pytest.mark.parametrize(
    ("condition", "code", "message"),
    [
        ("ungranted", "NOT_GRANTED_CALL", "This call has not been granted"),
        ("wrong_secret", "INVALID_SIGNATURE", "Invalid signature"),
        ("revoked", "INVALID_CREDENTIAL", "This credential is not valid"),
    ],
)
def test_a_refusal_is_printed_as_it_came(run, keys: KeyRing, condition: str, code: str, message: str) -> None:
    answer = json.loads(run(getattr(keys, condition)(), "GET", "/domain/zone"))
    assert answer["errorCode"] == code
    assert answer["message"].startswith(message)
