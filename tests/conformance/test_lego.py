"""lego from Debian, unchanged: it gets a certificate from a local ACME server that asks the demo's DNS."""

import subprocess
from pathlib import Path

import pytest

from support.acme import Acme
from support.certificates import names_in
from support.client_keys import KeyRing, Keys, Lookup
from support.demo import Demo

pytestmark = pytest.mark.clients
RULES = [("POST", "/domain/zone/*"), ("DELETE", "/domain/zone/*")]
"""What lego's documentation asks for, and no more."""


@pytest.fixture
def lego(demo: Demo, acme: Acme, debian_program, tmp_path: Path):
    """Runs `lego run` for one name: (exit status, everything it printed, its folder)."""
    program = debian_program("lego")
    host, port = demo.dns

    def run(keys: Keys, name: str, endpoint: str = demo.endpoint) -> tuple[int, str, Path]:
        options = {
            "--email": "ops@example.org",
            "--server": acme.directory,
            "--path": str(tmp_path),
            "--domains": name,
            "--dns": "ovh",
            "--dns.resolvers": f"{host}:{port}",
        }
        flags = [word for pair in options.items() for word in pair]
        outcome = subprocess.run(
            [program, "--accept-tos", *flags, "--dns.disable-cp", "run"],
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
            env={
                "HOME": str(tmp_path),
                "LEGO_CA_CERTIFICATES": str(acme.authority),
                "SSL_CERT_FILE": str(demo.tls_authority),
                "OVH_ENDPOINT": endpoint,
                "OVH_APPLICATION_KEY": keys.application_key,
                "OVH_APPLICATION_SECRET": keys.application_secret,
                "OVH_CONSUMER_KEY": keys.consumer_key,
            },
        )
        return outcome.returncode, outcome.stdout + outcome.stderr, tmp_path

    return run


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_it_obtains_a_certificate_with_the_documented_rights_alone(
    lego, demo: Demo, keys: KeyRing, lookup: Lookup, unique: str, scheme: str
) -> None:
    name = f"{unique}.example.org"
    endpoint = demo.endpoint if scheme == "http" else demo.tls_endpoint
    status, said, folder = lego(keys.granted(RULES), name, endpoint)
    assert status == 0, said
    assert names_in(folder / "certificates" / f"{name}.crt") == [name]
    assert lookup(f"_acme-challenge.{name}", "TXT") == [], "it cleaned up"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("ungranted", "This call has not been granted"),
        ("wrong_secret", "Invalid signature"),
        ("revoked", "This credential is not valid"),
    ],
)
def test_a_refusal_is_printed_in_the_servers_words(
    lego, keys: KeyRing, condition: str, message: str, unique: str
) -> None:
    status, said, _ = lego(getattr(keys, condition)(), f"{unique}.example.org")
    assert status != 0
    assert message in said
