"""The demo's own certificate authority and certificate, so that clients that insist on https work on one machine.

The authority's key is thrown away when it has signed the one certificate: whoever trusts the authority trusts that
certificate and nothing else that could ever be made. Other host names therefore mean another authority.
Source: RFC 5280; the extensions are those that OpenSSL's strict mode wants.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mandat.server.problems import Problem
from mandat.server.processes.tls import TlsFiles

VALID = timedelta(days=397)
"""What browsers accept at most from authorities they know; ours need not be better."""

RENEW_BEFORE = timedelta(days=30)

_NAMES = {"authority": "Mandat demo authority", "server": "Mandat demo"}
_NO_USE = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
    False,
)


def prepare_demo_tls(files: TlsFiles, authority: Path, hosts: Sequence[str], *, now: float) -> None:
    """Sees to it that `files` hold a certificate for `hosts`, signed by what `authority` holds; keeps one that does.

    Args:
        files: where certificate and key belong; their folder is made when it is not there.
        authority: where clients find what to trust.
        hosts: names and addresses, each once.
        now: Unix seconds.

    Raises:
        Problem: one of `hosts` cannot stand in a certificate.
        OSError: the folder cannot be written.
    """
    wanted = [_general_name(host) for host in hosts]
    today = datetime.fromtimestamp(now, UTC)
    if _is_good(files, authority, wanted, today):
        return
    files.key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_certificate = _authority(authority_key, today)
    certificate = _certificate(key, wanted, authority_certificate, authority_key, today)
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    authority.write_bytes(authority_certificate.public_bytes(serialization.Encoding.PEM))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host.encode("idna").decode("ascii"))
    except ValueError:
        raise Problem(f'"{host}" in --public-url is no host name; write for example https://api.example.com.') from None


def _is_good(files: TlsFiles, authority: Path, wanted: Sequence[x509.GeneralName], now: datetime) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), password=None)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.read_bytes()))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        key.public_key() == certificate.public_key()
        and list(names) == list(wanted)
        and certificate.not_valid_after_utc > now + RENEW_BEFORE
    )


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = _name("authority")
    usage = x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **_NO_USE)
    return (
        _builder(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    names: Sequence[x509.GeneralName],
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    usage = x509.KeyUsage(digital_signature=True, key_cert_sign=False, crl_sign=False, **_NO_USE)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    return (
        _builder(_name("server"), authority.subject, key, now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_id, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(which: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAMES[which])])
