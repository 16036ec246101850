"""Real fronts, beyond the table: a listener that is down, and HTTP/2."""

import shutil
import subprocess

import pytest

from doors.calling import call
from doors.doors import FRONTS, DoorRunner
from doors.table import HOST, Case, Outcome, load_table

pytestmark = pytest.mark.fronts
GROUPED = [pytest.param(front, marks=pytest.mark.xdist_group(f"door-{front}")) for front in FRONTS]
TABLE = {case.name: case for case in load_table()}


@pytest.mark.parametrize("front", GROUPED)
def test_nothing_passes_while_the_listener_is_down(runner: DoorRunner, front: str) -> None:
    door = runner.front_alone(front)
    answer = call(door.port, TABLE["right: an exact rule"])
    assert answer.status in (502, 503)
    assert door.seen == []
    if front == "nginx":
        assert answer.code == "SERVICE_UNAVAILABLE"


@pytest.mark.xdist_group("door-envoy")
@pytest.mark.parametrize("is_signed", [True, False])
def test_a_body_that_http_2_does_not_announce_is_seen_all_the_same(runner: DoorRunner, is_signed: bool) -> None:
    curl = shutil.which("curl")
    if curl is None or "HTTP2" not in subprocess.run([curl, "-V"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("NOT TESTED: there is no curl with HTTP/2 on this machine")
    door = runner.door("envoy")
    # A case of the table with its keys; what is sent is our own.
    known = TABLE["sent: a GET with a body"]
    case = Case("h2", Outcome(), method="PUT", body=b'{"a":1}', number=known.number)
    if not is_signed:
        case.signed = {"body": b""}
    fields = [line for line in case.request().decode().split("\r\n")[1:] if line.lower().startswith("x-ovh-")]
    command = [curl, "--silent", "--http2-prior-knowledge", "--request", "PUT", "--upload-file", "-", "--header"]
    command += [f"Host: {HOST}", *(part for field in fields for part in ("--header", field))]
    command += ["--header", "Content-Length:", "--write-out", "%{http_code} %{http_version}", "--output", "-"]
    before = len(door.seen)
    url = f"http://127.0.0.1:{door.port}/1.0/me"
    said = subprocess.run([*command, "--interface", "127.0.0.2", url], input=case.body, capture_output=True, check=True)
    text = said.stdout.decode()
    if is_signed:
        assert text.endswith("200 2"), text
        assert door.seen[-1].body == case.body
    else:
        assert "INVALID_SIGNATURE" in text
        assert len(door.seen) == before
