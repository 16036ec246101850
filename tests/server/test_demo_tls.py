"""The demo's certificate: strict clients accept it, it is kept while it is good, and it covers what was asked for."""

import ssl
import time
from pathlib import Path

import pytest

from mandat.server.demo.certificates import prepare_demo_tls
from mandat.server.problems import Problem
from mandat.server.processes.tls import TlsFiles, TlsIdentity
from support.handshake import shake_hands

HOSTS = ["127.0.0.1", "localhost", "eu.api.ovh.com", "::1", "bücher.example"]
DAY = 86_400.0


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return TlsFiles(tmp_path / "tls" / "certificate.pem", tmp_path / "tls" / "key.pem")


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return tmp_path / "tls" / "ca.pem"


def strict_client(authority: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


@pytest.mark.parametrize("host", HOSTS)
def test_a_strict_client_that_trusts_the_authority_accepts_every_host(
    files: TlsFiles, authority: Path, host: str
) -> None:
    prepare_demo_tls(files, authority, HOSTS, now=time.time())
    shake_hands(TlsIdentity(files).context, strict_client(authority), server_name=host)


def test_another_host_is_not_accepted(files: TlsFiles, authority: Path) -> None:
    prepare_demo_tls(files, authority, HOSTS, now=time.time())
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(TlsIdentity(files).context, strict_client(authority), server_name="other.example")


def test_a_good_certificate_is_kept_so_that_those_who_trust_it_need_not_do_so_again(
    files: TlsFiles, authority: Path
) -> None:
    prepare_demo_tls(files, authority, HOSTS, now=time.time())
    before = files.certificate.read_bytes(), files.key.read_bytes(), authority.read_bytes()
    prepare_demo_tls(files, authority, HOSTS, now=time.time() + 300 * DAY)
    assert (files.certificate.read_bytes(), files.key.read_bytes(), authority.read_bytes()) == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files, authority: files.key.unlink(),
        lambda files, authority: files.certificate.write_text("nonsense"),
        lambda files, authority: authority.unlink(),
        lambda files, authority: prepare_demo_tls(
            TlsFiles(authority.parent / "x.pem", files.key), authority.parent / "y.pem", HOSTS, now=time.time()
        ),
    ],
    ids=["no key", "no certificate", "no authority", "key of another"],
)
def test_what_is_spoilt_is_made_anew(files: TlsFiles, authority: Path, spoil) -> None:
    prepare_demo_tls(files, authority, HOSTS, now=time.time())
    spoil(files, authority)
    prepare_demo_tls(files, authority, HOSTS, now=time.time())
    shake_hands(TlsIdentity(files).context, strict_client(authority), server_name="localhost")


def test_other_hosts_or_an_approaching_end_mean_a_new_one(files: TlsFiles, authority: Path) -> None:
    made = []
    for hosts, days in ((HOSTS, 0), ([*HOSTS, "new.example"], 0), ([*HOSTS, "new.example"], 380)):
        prepare_demo_tls(files, authority, hosts, now=time.time() + days * DAY)
        made.append(files.certificate.read_bytes())
    assert len(set(made)) == 3


def test_only_the_owner_reads_the_key_and_the_authoritys_key_is_nowhere(files: TlsFiles, authority: Path) -> None:
    prepare_demo_tls(files, authority, HOSTS, now=time.time())
    assert files.key.stat().st_mode & 0o077 == 0
    assert sum("PRIVATE KEY" in file.read_text() for file in files.key.parent.iterdir()) == 1


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_host_that_cannot_be_is_named(files: TlsFiles, authority: Path, host: str) -> None:
    with pytest.raises(Problem, match="is no host name"):
        prepare_demo_tls(files, authority, [host], now=time.time())
    assert not files.key.exists()
