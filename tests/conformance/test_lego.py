"""lego from Debian, unchanged: it gets a certificate from a local ACME server that asks the demo's DNS."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support.client_keys import KeyRing, Keys, Lookup
from support.demo import Demo
from support.ports import free_ports
from support.waiting import wait_for

pytestmark = pytest.mark.clients
RULES = [("POST", "/domain/zone/*"), ("DELETE", "/domain/zone/*")]
"""What lego's documentation asks for, and no more."""


@pytest.fixture(scope="module")
def acme(demo: Demo, debian_program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Debian's pebble on loopback: (directory URL, certificate to trust)."""
    folder = tmp_path_factory.mktemp("pebble")
    certificate, key = make_certificate(folder)
    port = free_ports(2)
    config = {
        "listenAddress": f"127.0.0.1:{port}",
        "managementListenAddress": f"127.0.0.1:{port + 1}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": 1,
        "tlsPort": 1,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    host, dns_port = demo.dns
    process = subprocess.Popen(
        [debian_program("pebble"), "-config", folder / "pebble.json", "-dnsserver", f"{host}:{dns_port}"],
        env={**os.environ, "PEBBLE_VA_NOSLEEP": "1"},
        stdout=(folder / "pebble.log").open("wb"),
        stderr=subprocess.STDOUT,
    )
    url = f"https://127.0.0.1:{port}/dir"

    def answers() -> bool:
        try:
            return httpx2.get(url, verify=False).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        wait_for(answers, what="pebble")
        yield url, certificate
    finally:
        process.terminate()
        process.wait(timeout=10)


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pebble")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def lego(demo: Demo, acme: tuple[str, Path], debian_program, tmp_path: Path):
    """Runs `lego run` for one name: (exit status, everything it printed, its folder)."""
    program = debian_program("lego")
    directory, certificate = acme
    host, port = demo.dns

    def run(keys: Keys, name: str) -> tuple[int, str, Path]:
        options = {
            "--email": "ops@example.org",
            "--server": directory,
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
                "LEGO_CA_CERTIFICATES": str(certificate),
                "OVH_ENDPOINT": demo.endpoint,
                "OVH_APPLICATION_KEY": keys.application_key,
                "OVH_APPLICATION_SECRET": keys.application_secret,
                "OVH_CONSUMER_KEY": keys.consumer_key,
            },
        )
        return outcome.returncode, outcome.stdout + outcome.stderr, tmp_path

    return run


def test_it_obtains_a_certificate_with_the_documented_rights_alone(
    lego, keys: KeyRing, lookup: Lookup, unique: str
) -> None:
    name = f"{unique}.example.org"
    status, said, folder = lego(keys.granted(RULES), name)
    assert status == 0, said
    certificate = x509.load_pem_x509_certificate((folder / "certificates" / f"{name}.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [name]
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
