"""certbot itself, unchanged, as a person runs it: a certificate from a local authority that asks the demo's DNS.

Its plugin knows OVHcloud's host names alone and insists on their certificates, so it comes by TLS, see test_libcloud.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.acme import Acme
from support.certificates import names_in
from support.client_keys import KeyRing, Keys, Lookup
from support.demo import Demo

pytestmark = pytest.mark.clients


@pytest.fixture
def certbot(demo: Demo, acme: Acme, tunnel: str, tmp_path: Path):
    """Runs `certbot certonly` for names: (exit status, everything it printed, its folder of certificates)."""
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(acme.authority.read_text() + demo.tls_authority.read_text())

    def run(keys: Keys, *names: str) -> tuple[int, str, Path]:
        options = {
            "--server": acme.directory,
            "--config-dir": str(tmp_path / "config"),
            "--work-dir": str(tmp_path / "work"),
            "--logs-dir": str(tmp_path / "logs"),
            "--email": "ops@example.org",
            "--dns-ovh-credentials": str(_credentials(tmp_path, keys)),
            "--dns-ovh-propagation-seconds": "0",
            "--domains": ",".join(names),
        }
        flags = [word for pair in options.items() for word in pair]
        outcome = subprocess.run(
            [Path(sys.executable).with_name("certbot"), "certonly", "--dns-ovh", "--agree-tos", "-n", *flags],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "HTTPS_PROXY": tunnel,
                "NO_PROXY": "127.0.0.1",
                "REQUESTS_CA_BUNDLE": str(trusted),
            },
        )
        return outcome.returncode, outcome.stdout + outcome.stderr, tmp_path / "config" / "live"

    return run


def _credentials(folder: Path, keys: Keys) -> Path:
    file = folder / "ovh.ini"
    file.write_text(
        "dns_ovh_endpoint = ovh-eu\n"
        f"dns_ovh_application_key = {keys.application_key}\n"
        f"dns_ovh_application_secret = {keys.application_secret}\n"
        f"dns_ovh_consumer_key = {keys.consumer_key}\n"
    )
    file.chmod(0o600)
    return file


def test_it_obtains_a_certificate_for_a_name_and_everything_below_it(
    certbot, keys: KeyRing, lookup: Lookup, unique: str
) -> None:
    name = f"{unique}.example.org"
    status, said, live = certbot(keys.granted(), name, f"*.{name}")
    assert status == 0, said
    assert sorted(names_in(live / name / "fullchain.pem")) == [f"*.{name}", name]
    assert lookup(f"_acme-challenge.{name}", "TXT") == [], "it cleaned up"


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        ("ungranted", "Are your Application Key and Consumer Key values correct"),
        ("wrong_secret", "Is your Application Secret value correct"),
        ("revoked", "Are your Application Key and Consumer Key values correct"),
    ],
)
def test_a_refusal_ends_it_with_a_hint_at_the_keys(
    certbot, keys: KeyRing, condition: str, hint: str, unique: str
) -> None:
    status, said, _ = certbot(getattr(keys, condition)(), f"{unique}.example.org")
    assert status == 1
    assert hint in said
