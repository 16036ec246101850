"""The certificate files: what is refused with which sentence, and that a renewal is taken up or put off, never half."""

import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from mandat.server.problems import Problem
from mandat.server.processes.tls import TlsFiles, TlsIdentity
from support.certificates import common_name, make_certificate, write_key
from support.handshake import anyone, shake_hands


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return TlsFiles(*make_certificate(tmp_path, name="first"))


def shown_name(identity: TlsIdentity, server_name: str | None = None) -> str:
    der = shake_hands(identity.context, anyone(), server_name=server_name).getpeercert(binary_form=True)
    assert der is not None
    return common_name(der)


def replace(files: TlsFiles, folder: Path, *, name: str) -> None:
    """Puts a new pair into place, as an ACME client does."""
    certificate, key = make_certificate(folder, name=name)
    certificate.replace(files.certificate)
    key.replace(files.key)


def test_http_1_1_is_agreed_on_although_the_client_would_rather_have_2(files: TlsFiles) -> None:
    client = shake_hands(TlsIdentity(files).context, anyone(), server_name="localhost")
    assert client.selected_alpn_protocol() == "http/1.1"


def test_tls_1_2_will_do_and_1_1_will_not(files: TlsFiles) -> None:
    identity, old = TlsIdentity(files), anyone()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(identity.context, old, server_name=None).version() == "TLSv1.2"
    with pytest.warns(DeprecationWarning):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError):
        shake_hands(identity.context, old, server_name=None)


@pytest.mark.parametrize("server_name", [None, "localhost"])
def test_new_handshakes_get_the_new_certificate_after_a_refresh(
    files: TlsFiles, tmp_path: Path, server_name: str | None
) -> None:
    identity = TlsIdentity(files)
    replace(files, tmp_path / "new", name="second")
    assert shown_name(identity, server_name) == "first"
    assert identity.refresh()
    assert shown_name(identity, server_name) == "second"
    assert not identity.refresh()


def test_a_pair_that_is_replaced_one_after_the_other_is_taken_up_when_it_is_whole(
    files: TlsFiles, tmp_path: Path
) -> None:
    identity = TlsIdentity(files)
    certificate, key = make_certificate(tmp_path / "new", name="second")
    certificate.replace(files.certificate)
    with pytest.raises(Problem, match="does not belong to the certificate"):
        identity.refresh()
    assert not identity.refresh(), "said once"
    assert shown_name(identity) == "first"
    key.replace(files.key)
    assert identity.refresh()
    assert shown_name(identity) == "second"


def test_a_link_that_is_turned_round_is_a_renewal(tmp_path: Path) -> None:
    live = tmp_path / "live"
    make_certificate(tmp_path / "archive1", name="first")
    make_certificate(tmp_path / "archive2", name="second")
    live.symlink_to(tmp_path / "archive1")
    identity = TlsIdentity(TlsFiles(live / "cert.pem", live / "key.pem"))
    live.unlink()
    live.symlink_to(tmp_path / "archive2")
    assert identity.refresh()
    assert shown_name(identity) == "second"


def test_a_file_that_disappears_leaves_the_old_certificate(files: TlsFiles) -> None:
    identity = TlsIdentity(files)
    files.key.unlink()
    with pytest.raises(Problem, match=r"There is no TLS key file .*key\.pem; set tls\.key"):
        identity.refresh()
    assert shown_name(identity) == "first"


def test_a_missing_file_is_named(files: TlsFiles) -> None:
    files.certificate.unlink()
    with pytest.raises(Problem, match=r"There is no TLS certificate file .*cert\.pem; set tls\.certificate"):
        TlsIdentity(files)


def test_a_folder_in_place_of_a_file_cannot_be_read(files: TlsFiles) -> None:
    files.key.unlink()
    files.key.mkdir()
    with pytest.raises(Problem, match=r"key\.pem cannot be read \(Is a directory\)"):
        TlsIdentity(files)


@pytest.mark.skipif(os.geteuid() == 0, reason="NOT TESTED: root may read every file")
def test_a_file_of_somebody_else_cannot_be_read(files: TlsFiles) -> None:
    files.key.chmod(0)
    with pytest.raises(Problem, match=r"cannot be read \(Permission denied\); let this user read it"):
        TlsIdentity(files)


def test_a_key_of_another_certificate_is_refused(files: TlsFiles) -> None:
    write_key(files.key, ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(Problem, match="does not belong to the certificate"):
        TlsIdentity(files)


def test_a_key_with_a_passphrase_is_refused_without_asking_for_it(files: TlsFiles) -> None:
    write_key(files.key, ec.generate_private_key(ec.SECP256R1()), b"secret")
    with pytest.raises(Problem, match="protected by a passphrase"):
        TlsIdentity(files)


def test_files_given_the_wrong_way_round_are_noticed(files: TlsFiles) -> None:
    with pytest.raises(Problem, match="holds no certificate in PEM form"):
        TlsIdentity(TlsFiles(files.key, files.certificate))


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n"])
def test_a_file_that_is_no_certificate_is_refused(files: TlsFiles, text: str) -> None:
    files.certificate.write_text(text)
    with pytest.raises(Problem, match=r"holds no certificate|cannot be used"):
        TlsIdentity(files)
