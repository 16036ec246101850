"""The certificate that callers by TLS are shown: read from two files, checked, and followed when they are renewed.

Each process that follows the files does so by itself, by looking at their dates: a renewal needs no signal. Only new
handshakes meet a new certificate; connections that exist keep theirs. What is listened on is `sockets`'
matter. Source: RFC 9325 (nothing below TLS 1.2), RFC 7301 (ALPN).
"""

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from mandat.server.problems import Problem

CHECK_SECONDS = 1.0
"""How often the dates of the files are looked at; two stat calls, some 5 us."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Two PEM files: the certificate with the chain that leads to its authority, and its private key."""

    certificate: Path
    key: Path


class TlsIdentity:
    """What a listener shows of itself. `context` stays the same object for life; behind it the certificate changes."""

    def __init__(self, files: TlsFiles) -> None:
        """
        Raises:
            Problem: the files cannot be used; the sentence says which, why, and what to do.
        """
        self._files = files
        self._seen = _marks(files)
        self._current = _load(files)
        self.context = _load(files)
        self.context.sni_callback = self._choose

    def refresh(self) -> bool:
        """Looks whether the files were changed, and shows the new certificate from now on when they can be used.

        Returns:
            Whether there is a new certificate.

        Raises:
            Problem: the files were changed and cannot be used; once for each change. The old certificate stays. Files
                that are replaced one after the other may cause this for a moment.
        """
        marks = _marks(self._files)
        if marks == self._seen:
            return False
        self._seen = marks
        self._current = _load(self._files)
        return True

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called in each handshake, with or without a server name in it."""
        connection.context = self._current


async def follow_files(identity: TlsIdentity) -> None:
    """Looks at the files again and again until it is cancelled. Says nothing: the supervisor does that for all."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            identity.refresh()
        except Problem:
            continue


def _marks(files: TlsFiles) -> tuple[tuple[int, int, int] | None, ...]:
    """What changes when a file is written, replaced or, as ACME clients do it, a link to it is turned round."""
    return tuple(_mark(file) for file in (files.certificate, files.key))


def _mark(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _load(files: TlsFiles) -> ssl.SSLContext:
    _check_readable(files.certificate, "certificate", marker="-----BEGIN CERTIFICATE-----")
    _check_readable(files.key, "key", marker="PRIVATE KEY-----")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The gateway speaks HTTP/1.1 alone; a client that asks for h2 first must not believe that it got it.
    context.set_alpn_protocols(["http/1.1"])

    def refuse_passphrase() -> NoReturn:
        raise Problem(
            f"The TLS key file {files.key} is protected by a passphrase, which nobody types on a restart; "
            "store it without one."
        )

    try:
        context.load_cert_chain(files.certificate, files.key, password=refuse_passphrase)
    except ssl.SSLError as fault:
        if fault.reason == "KEY_VALUES_MISMATCH":
            raise Problem(
                f"The TLS key file {files.key} does not belong to the certificate in {files.certificate}; "
                "give the two that were made together."
            ) from None
        raise Problem(
            f"The TLS files {files.certificate} and {files.key} cannot be used ({fault.reason or fault}); "
            "give a certificate chain and its key in PEM form."
        ) from None
    except OSError as fault:
        raise Problem(f"The TLS files cannot be read ({fault.strerror}).") from None
    return context


def _check_readable(file: Path, what: str, *, marker: str) -> None:
    try:
        text = file.read_text(encoding="latin-1")
    except FileNotFoundError:
        raise Problem(
            f"There is no TLS {what} file {file}; set tls.{what} to the file your certificate authority gave."
        ) from None
    except OSError as fault:
        raise Problem(
            f"The TLS {what} file {file} cannot be read ({fault.strerror}); let this user read it, or set tls.{what}."
        ) from None
    if marker not in text:
        raise Problem(f"The TLS {what} file {file} holds no {what} in PEM form; convert it, or set tls.{what}.")
