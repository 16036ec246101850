"""`mandat serve` behind its own TLS: calls, pages, renewal under open connections, and starts that cannot be."""

import http.client
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from support.certificates import common_name, make_certificate
from support.ports import free_ports
from support.serving import Serving, configuration, serve_to_the_end, serving
from support.waiting import wait_for

pytestmark = pytest.mark.slow


@dataclass
class Secure:
    """A running server with a TLS listener."""

    running: Serving
    port: int
    certificate: Path
    key: Path

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def trust(self) -> ssl.SSLContext:
        """Trusts what lies in the certificate file now, and nothing else."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def shown_name(self) -> str:
        der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", self.port)))
        return common_name(der)

    def replace(self, folder: Path, name: str) -> None:
        certificate, key = make_certificate(folder, name=name)
        certificate.replace(self.certificate)
        key.replace(self.key)


def secure_configuration(folder: Path, port: int) -> Path:
    more = (
        f'public_urls = ["http://127.0.0.1:{port}", "https://127.0.0.1:{port + 1}"]\n'
        f'[tls]\nlisten = "127.0.0.1:{port + 1}"\ncertificate = "tls/cert.pem"\nkey = "tls/key.pem"\n'
    )
    config = configuration(folder, port)
    plain = [line for line in config.read_text().splitlines(keepends=True) if not line.startswith("public_urls")]
    config.write_text("".join(plain) + more)
    return config


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    port = free_ports(2)
    certificate, key = make_certificate(tmp_path / "tls", name="first")
    with serving(secure_configuration(tmp_path, port), port) as running:
        yield Secure(running, port + 1, certificate, key)


def test_the_same_calls_and_pages_are_there_by_https(secure: Secure) -> None:
    with httpx2.Client(verify=secure.trust()) as client:
        answer = client.get(f"{secure.origin}/1.0/auth/time")
        page = client.get(f"{secure.origin}/login")
    assert answer.json() > 1_700_000_000
    assert page.status_code == 200
    assert page.headers["set-cookie"].startswith("__Host-")
    assert "Secure" in page.headers["set-cookie"]
    assert httpx2.get(f"{secure.running.origin}/login").headers["set-cookie"].count("__Host-") == 0


def test_a_form_is_taken_by_https_and_refused_from_the_plain_origin(secure: Secure) -> None:
    form = {"login": "somebody", "password": "a long enough password"}
    with httpx2.Client(verify=secure.trust()) as client:
        own = client.post(f"{secure.origin}/login", data=form, headers={"Origin": secure.origin})
        other = client.post(f"{secure.origin}/login", data=form, headers={"Origin": secure.running.origin})
    assert "another site" not in own.text
    assert other.status_code == 403


def test_plain_http_on_the_tls_port_harms_nobody(secure: Secure) -> None:
    with socket.create_connection(("127.0.0.1", secure.port), timeout=5) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"HTTP/1.1 200" not in stranger.recv(4096)
    assert httpx2.get(f"{secure.origin}/1.0/auth/time", verify=secure.trust()).status_code == 200
    assert not [event for event in secure.running.events() if event["event"].startswith("process ended")]


def test_a_renewed_certificate_is_shown_to_new_connections_and_open_ones_go_on(secure: Secure, tmp_path: Path) -> None:
    open_one = http.client.HTTPSConnection("127.0.0.1", secure.port, context=secure.trust(), timeout=10)
    open_one.request("GET", "/1.0/auth/time")
    open_one.getresponse().read()
    tied = open_one.sock
    secure.replace(tmp_path / "new", "second")
    wait_for(lambda: {secure.shown_name() for _ in range(8)} == {"second"}, what="the new certificate in each worker")
    open_one.request("GET", "/1.0/auth/time")
    assert open_one.getresponse().status == 200
    assert open_one.sock is tied, "the same connection"
    wait_for(
        lambda: any(event["event"].startswith("new certificate, shown") for event in secure.running.events()),
        what="the line in the process log",
    )


def test_files_that_do_not_fit_leave_the_running_certificate_and_are_logged(secure: Secure, tmp_path: Path) -> None:
    make_certificate(tmp_path / "new", name="second")[1].replace(secure.key)
    wait_for(lambda: any("refused" in event["event"] for event in secure.running.events()), what="the line in the log")
    assert secure.shown_name() == "first"
    refusal = next(event for event in secure.running.events() if "refused" in event["event"])
    assert "does not belong to the certificate" in refusal["problem"]


def test_a_reload_takes_other_files_and_a_broken_one_is_refused(secure: Secure, tmp_path: Path) -> None:
    make_certificate(tmp_path / "elsewhere", name="third")
    config = secure.running.config
    text = config.read_text()
    config.write_text(text.replace('"tls/', '"nowhere/'))
    secure.running.process.send_signal(signal.SIGHUP)
    wait_for(
        lambda: any("no TLS certificate file" in event.get("problem", "") for event in secure.running.events()),
        what="the refusal",
    )
    assert secure.shown_name() == "first"
    config.write_text(text.replace('"tls/', '"elsewhere/'))
    secure.running.process.send_signal(signal.SIGHUP)
    wait_for(lambda: secure.shown_name() == "third", what="the other certificate", seconds=60)


def test_no_new_connection_is_lost_on_reloads(secure: Secure) -> None:
    stop, outcomes = threading.Event(), []
    context = secure.trust()

    def knock() -> None:
        while not stop.is_set():
            connection = http.client.HTTPSConnection("127.0.0.1", secure.port, context=context, timeout=10)
            try:
                connection.request("GET", "/1.0/auth/time", headers={"Connection": "close"})
                outcomes.append(connection.getresponse().status)
            except OSError as fault:
                outcomes.append(repr(fault))
            except http.client.HTTPException as fault:
                outcomes.append(repr(fault))
            finally:
                connection.close()

    visitors = [threading.Thread(target=knock) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    for number in range(1, 4):
        secure.running.process.send_signal(signal.SIGHUP)
        wait_for(
            lambda number=number: sum(event["event"] == "reloaded" for event in secure.running.events()) == number,
            what="the reload",
            seconds=60,
        )
    time.sleep(0.2)
    stop.set()
    for visitor in visitors:
        visitor.join()
    assert len(outcomes) > 100
    assert set(outcomes) == {200}


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda folder: (folder / "tls" / "cert.pem").unlink(), "There is no TLS certificate file"),
        (lambda folder: make_certificate(folder / "x")[1].replace(folder / "tls" / "key.pem"), "does not belong"),
        (lambda folder: (folder / "tls" / "key.pem").write_text("gibberish"), "holds no key in PEM form"),
    ],
)
def test_a_start_without_usable_files_is_one_sentence(tmp_path: Path, spoil, says: str) -> None:
    make_certificate(tmp_path / "tls")
    config = secure_configuration(tmp_path, free_ports(2))
    spoil(tmp_path)
    outcome = serve_to_the_end(config)
    assert outcome.returncode == 1
    assert says in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not (tmp_path / "data").exists(), "refused before anything was made"


def test_a_taken_tls_port_is_one_sentence(tmp_path: Path) -> None:
    make_certificate(tmp_path / "tls")
    port = free_ports(2)
    with socket.create_server(("127.0.0.1", port + 1)):
        outcome = serve_to_the_end(secure_configuration(tmp_path, port))
    assert outcome.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port + 1}" in outcome.stderr
    assert "tls.listen" in outcome.stderr
