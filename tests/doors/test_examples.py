"""The worked examples, each on a real server, over a real installation."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doubles.grants import signed_headers
from support.installed import APPLICATION_KEY, SECRET, grant, register, revoke
from support.ports import free_ports
from support.storage import Installation
from support.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]
EXAMPLES = Path(__file__).parents[2] / "examples"
ORIGIN = "https://notes.example"
RULES = ("GET /notes", "POST /notes")
SERVERS = {
    "fastapi-uvicorn": ["uvicorn", "fastapi_app:app", "--no-proxy-headers", "--log-level=warning", "--port={port}"],
    "django-uvicorn": ["uvicorn", "django_app:asgi_application", "--no-proxy-headers", "--port={port}"],
    "django-gunicorn": ["gunicorn", "--workers=1", "--threads=4", "--bind=127.0.0.1:{port}", "django_app:application"],
    "flask-gunicorn": ["gunicorn", "--workers=1", "--preload", "--bind=127.0.0.1:{port}", "flask_app:app"],
    "flask-waitress": ["waitress-serve", "--listen=127.0.0.1:{port}", "flask_app:app"],
}


@dataclass
class Example:
    """A running example and the installation it reads."""

    url: str
    installation: Installation

    def call(self, method: str, target: str, body: bytes = b"", **keys: Any) -> httpx2.Response:
        """One signed call; the address that is signed is not the one that is called, as behind a TLS front."""
        made = {"consumer_key": "consumer1", "key": APPLICATION_KEY, "secret": SECRET, "timestamp": int(time.time())}
        headers = signed_headers(method, ORIGIN + target, body=body, **{**made, **keys})
        return httpx2.request(method, self.url + target, headers=headers, content=body, timeout=10)


@pytest.fixture(params=SERVERS, scope="module")
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """One example on one server."""
    folder = tmp_path_factory.mktemp("example")
    installation = Installation.create(folder)
    asyncio.run(register(installation))
    port = free_ports(1)
    program, *arguments = SERVERS[request.param]
    found = shutil.which(program, path=str(Path(sys.executable).parent))
    assert found is not None, f"{program} is not installed"
    environment = {
        "MANDAT_DATA": str(installation.data),
        "MANDAT_KEYS": str(installation.keys_folder),
        "MANDAT_PUBLIC_URL": ORIGIN,
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [found, *(argument.format(port=port) for argument in arguments)],
            cwd=EXAMPLES,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
        )
    running = Example(f"http://127.0.0.1:{port}", installation)
    try:
        wait_for(lambda: is_up(process, running.url, folder / "log"), what=request.param, seconds=30)
        asyncio.run(grant(installation, "consumer1", "ab1-notes", *RULES))
        yield running
    finally:
        process.terminate()
        process.wait(15)


def is_up(process: "subprocess.Popen[bytes]", url: str, log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return httpx2.get(f"{url}/health", timeout=2).status_code == 200
    except httpx2.TransportError:
        return False


def test_a_granted_call_is_answered_for_the_account_that_granted_it(example: Example) -> None:
    note = b'{"text": "caf\xc3\xa9"}'
    assert example.call("POST", "/1.0/notes", note).json() is None
    answer = example.call("GET", "/1.0/notes?since=1")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"account": "ab1-notes", "application": 1, "notes": [{"text": "caf\u00e9"}]}
    assert answer.headers["x-ovh-queryid"].count(".") == 4
    assert answer.headers["cache-control"] == "no-cache, no-store"


def test_what_was_not_granted_is_refused_in_the_words_of_the_wire(example: Example) -> None:
    answer = example.call("GET", "/1.0/other")
    assert answer.status_code == 403
    assert answer.json()["errorCode"] == "NOT_GRANTED_CALL"
    assert answer.json()["details"]["missingRule"] == "GET /other"
    assert answer.json()["queryId"] == answer.headers["x-ovh-queryid"]


def test_a_wrong_secret_and_no_signature_are_refused(example: Example) -> None:
    assert example.call("GET", "/1.0/notes", secret="another").json()["errorCode"] == "INVALID_SIGNATURE"
    assert httpx2.get(f"{example.url}/1.0/notes").json()["errorCode"] == "MISSING_CREDENTIAL"


def test_a_write_with_the_same_signature_passes_at_most_three_times(example: Example) -> None:
    when = int(time.time()) + 1
    answers = [example.call("POST", "/1.0/notes", b"{}", timestamp=when).status_code for _ in range(5)]
    assert answers.count(200) == 3
    assert answers[3:] == [400, 400]


def test_the_next_call_after_a_revocation_is_refused(example: Example) -> None:
    credential = asyncio.run(grant(example.installation, "consumer2", "ab2-notes", *RULES))
    assert example.call("GET", "/1.0/notes", consumer_key="consumer2").json()["account"] == "ab2-notes"
    asyncio.run(revoke(example.installation, credential))
    answer = example.call("GET", "/1.0/notes", consumer_key="consumer2")
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "INVALID_CREDENTIAL")


def test_paths_that_are_neither_granted_nor_open_do_not_exist(example: Example) -> None:
    assert httpx2.get(f"{example.url}/docs").json()["errorCode"] == "INVALID_URL"
    assert httpx2.get(f"{example.url}/1.0/auth/time").text.isdigit()
