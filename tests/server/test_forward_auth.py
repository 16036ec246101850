"""`mandat serve` with a forward-auth listener, and a real nginx that `mandat deploy nginx` configured in front."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doubles.grants import signed_headers
from doubles.upstream import Recorded, RecordingUpstream
from mandat.enforcement.assertion_verifier import Asserted, verify
from support.installed import APPLICATION_KEY, CLOCK_IS_RIGHT, SECRET, grant, register, revoke
from support.ports import free_ports
from support.serving import Serving, configuration, serving
from support.storage import Installation
from support.waiting import wait_for

pytestmark = [pytest.mark.fronts, pytest.mark.slow, pytest.mark.xdist_group("forward-auth")]


@dataclass
class Front:
    """nginx, what it stands before, and what reached the API."""

    origin: str
    mandat: Serving
    installation: Installation
    credential: Any
    seen: list[Recorded]

    def call(self, method: str, target: str, body: bytes = b"", *, consumer_key: str = "consumer1") -> httpx2.Response:
        headers = signed_headers(
            method,
            self.origin + target,
            body=body,
            timestamp=int(time.time()),
            consumer_key=consumer_key,
            key=APPLICATION_KEY,
            secret=SECRET,
        )
        return httpx2.request(method, self.origin + target, headers=headers, content=body, timeout=10)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Everything running."""
    nginx = shutil.which("nginx")
    if nginx is None:
        pytest.skip("NOT TESTED: nginx is not installed on this machine")
    folder = tmp_path_factory.mktemp("front")
    installation = Installation.create(folder)
    asyncio.run(register(installation))
    credential = asyncio.run(grant(installation, "consumer1", "ab1-notes", "GET /notes", "POST /notes"))
    first = free_ports(3)
    loop = asyncio.new_event_loop()
    upstream = RecordingUpstream()
    loop.run_until_complete(upstream.start())
    threading.Thread(target=loop.run_forever, daemon=True).start()
    more = f"""trusted_proxies = ["127.0.0.1"]
[forward_auth]
listen = "127.0.0.1:{first + 1}"
trusted_peers = ["127.0.0.1"]
style = "nginx"
[[upstream]]
prefix = "/notes"
url = "{upstream.address}"
describes = false
"""
    origin = f"http://127.0.0.1:{first + 2}"
    config = configuration(folder, first, more=more)
    config.write_text(config.read_text().replace('public_urls = ["', f'public_urls = ["{origin}", "'))
    with serving(config, first, environment=CLOCK_IS_RIGHT) as mandat:
        process = start_nginx(nginx, folder, config, first + 2)
        try:
            wait_for(lambda: answers(origin), what="nginx", seconds=20)
            yield Front(origin, mandat, installation, credential, upstream.requests)
        finally:
            process.terminate()
            process.wait(10)
            loop.call_soon_threadsafe(loop.stop)


def start_nginx(nginx: str, folder: Path, config: Path, port: int) -> "subprocess.Popen[bytes]":
    """With exactly what the command prints."""
    command = [sys.executable, "-m", "mandat.cli.main", "deploy", "nginx", "--config", str(config)]
    printed = subprocess.run([*command, f"--listen=127.0.0.1:{port}"], capture_output=True, text=True, check=True)
    (folder / "mandat.conf").write_text(printed.stdout)
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"""daemon off; {user} worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; include {folder}/mandat.conf; }}
"""
    )
    return subprocess.Popen([nginx, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")])


def answers(origin: str) -> bool:
    try:
        return httpx2.get(f"{origin}/1.0/auth/time", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


def test_a_granted_call_reaches_the_api_with_a_valid_assertion(front: Front) -> None:
    before = len(front.seen)
    answer = front.call("GET", "/1.0/notes?a=b%2Fc")
    assert answer.status_code == 200, answer.text
    (seen,) = front.seen[before:]
    assert seen.line == "GET /1.0/notes?a=b%2Fc HTTP/1.1"
    assert seen.get("x-ovh-signature") is None
    assert seen.get("x-mandat-account") == "ab1-notes"
    jwks = httpx2.get(f"{front.origin}/.well-known/mandat/jwks.json").json()
    issuer = front.origin
    asserted = verify(seen.get("x-mandat-assertion") or "", jwks, issuer=issuer, audience="notes", now=time.time())
    assert asserted == Asserted("ab1-notes", 1, front.credential.id)
    assert answer.headers["x-ovh-queryid"] == seen.get("x-ovh-queryid")


def test_a_call_with_a_body_goes_through_the_gateway_and_reaches_the_same_api(front: Front) -> None:
    before = len(front.seen)
    assert front.call("POST", "/1.0/notes", b'{"a":1}').status_code == 200
    (seen,) = front.seen[before:]
    assert (seen.method, seen.body, seen.get("x-mandat-account")) == ("POST", b'{"a":1}', "ab1-notes")


def test_a_refusal_is_the_wire_s(front: Front) -> None:
    answer = front.call("DELETE", "/1.0/notes")
    assert answer.status_code == 403
    assert answer.json()["errorCode"] == "NOT_GRANTED_CALL"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-ovh-queryid"] == answer.json()["queryId"]


def test_pages_and_the_authority_are_behind_the_same_front(front: Front) -> None:
    assert httpx2.get(f"{front.origin}/login").status_code == 200
    assert front.call("GET", "/1.0/auth/currentCredential").json()["status"] == "validated"


def test_nobody_else_may_ask(front: Front) -> None:
    transport = httpx2.HTTPTransport(local_address="127.0.0.2")
    with httpx2.Client(transport=transport) as client, pytest.raises(httpx2.TransportError):
        client.get(f"http://127.0.0.1:{front.mandat.port + 1}/")


def test_a_revocation_counts_for_the_next_question(front: Front) -> None:
    credential = asyncio.run(grant(front.installation, "consumer2", "ab2-notes", "GET /notes"))
    assert front.call("GET", "/1.0/notes", consumer_key="consumer2").status_code == 200
    asyncio.run(revoke(front.installation, credential))
    assert front.call("GET", "/1.0/notes", consumer_key="consumer2").json()["errorCode"] == "INVALID_CREDENTIAL"


def test_questions_are_answered_across_a_reload(front: Front) -> None:
    pids = front.mandat.pids("forward-auth-0")
    front.mandat.process.send_signal(signal.SIGHUP)

    def reloaded() -> bool:
        assert front.call("GET", "/1.0/notes").status_code == 200
        return any(event["event"] == "reloaded" for event in front.mandat.events())

    wait_for(reloaded, what="the reload", seconds=60)
    assert front.call("GET", "/1.0/notes").status_code == 200
    assert len(front.mandat.pids("forward-auth-0")) == len(pids) + 1
