"""R8 and R9: upstreams that hang or break off. The caller always learns of it, and nobody else does."""

import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from support.ports import free_ports
from support.waiting import wait_for
from torture.load import Customer, Installation
from torture.traffic import Traffic
from torture.upstreams import BREAKS, RULES, BadUpstream, section

FULL = os.environ.get("MANDAT_TORTURE") == "full"
TIMEOUT_SECONDS = 5.0 if FULL else 3.0
HUNG_CALLS = 100
STEADY_CALLS = 200 if FULL else 60
CASES = [(path, version) for path in BREAKS for version in ("HTTP/1.1", "HTTP/1.0") if FULL or path.endswith("small")]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Scene:
    """An installation with a good and a bad upstream, and a consumer key for both."""

    installation: Installation
    upstream: BadUpstream
    key: str


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with BadUpstream() as upstream:
        sections = section(upstream.port, "good") + section(upstream.port, "bad", timeout_seconds=TIMEOUT_SECONDS)
        installation = Installation.create(tmp_path_factory.mktemp("upstreams"), free_ports(1), more=sections)
        with installation.running():
            customer = Customer(installation)
            customer.log_in()
            key = customer.confirm(RULES)
            assert key is not None
            yield Scene(installation, upstream, key)
            customer.close()


@pytest.mark.parametrize("path", ["/bad/hang", "/bad/hang/body"])
def test_r8_a_hanging_upstream_ends_in_time_and_the_others_go_on(scene: Scene, path: str) -> None:
    with Traffic(scene.installation, [scene.key], "/good/one", per_second=100) as before:
        wait_for(lambda: len(before.seconds) >= STEADY_CALLS, what="calls")
    request = scene.installation.request(scene.key, path)
    began = time.monotonic()
    hung = [socket.create_connection(("127.0.0.1", scene.installation.port)) for _ in range(HUNG_CALLS)]
    for one in hung:
        one.sendall(request)
    with Traffic(scene.installation, [scene.key], "/good/two", per_second=100) as meanwhile:
        wait_for(lambda: len(meanwhile.seconds) >= STEADY_CALLS, what="calls while others hang")
        assert time.monotonic() - began < TIMEOUT_SECONDS
    ends = []
    for one in hung:
        one.settimeout(TIMEOUT_SECONDS + 20)
        outcome = _outcome(one)
        ends.append(time.monotonic() - began)
        assert outcome in ({"reset", "incomplete"} if path.endswith("body") else {"504"})
        one.close()
    assert meanwhile.lost == [] and meanwhile.statuses.keys() == {200}
    ratio = meanwhile.percentile(0.99) / before.percentile(0.99)
    print(f"R8 {path}: ended after {ends[0]:.2f} to {ends[-1]:.2f} s of {TIMEOUT_SECONDS}, p99 of others x{ratio:.2f}")
    assert ends[0] >= TIMEOUT_SECONDS * 0.97
    if FULL:
        assert ends[-1] <= TIMEOUT_SECONDS * 1.1
        assert ratio < 2 or meanwhile.percentile(0.99) < 0.01


@pytest.mark.parametrize(("path", "version"), CASES)
def test_r9_an_answer_that_breaks_off_is_never_a_whole_one(scene: Scene, path: str, version: str) -> None:
    log = scene.installation.folder / "log" / "access.jsonl"

    def reasons() -> list[str]:
        lines = [json.loads(one) for one in log.read_text().splitlines()]
        return [str(one.get("reason")) for one in lines if one["path"] == f"/1.0/bad/{path}"]

    # Which of the versions ran before on this installation depends on how the tests were shared out.
    before = len(reasons())
    request = scene.installation.request(scene.key, f"/bad/{path}").replace(b"HTTP/1.1", version.encode(), 1)
    with socket.create_connection(("127.0.0.1", scene.installation.port), timeout=20) as client:
        client.sendall(request)
        assert _outcome(client) in {"reset", "incomplete", "502"}
    written = wait_for(lambda: reasons()[before:], what="the line of the log")
    assert [reason.partition("_")[0] for reason in written] == ["upstream"]


def _outcome(client: socket.socket) -> str:
    """What a careful client makes of the answer: "200" only when it is whole by all that it was told."""
    answer = http.client.HTTPResponse(client)
    try:
        answer.begin()
        answer.read()
    except (http.client.IncompleteRead, http.client.BadStatusLine):
        return "incomplete"
    except ConnectionResetError:
        return "reset"
    return str(answer.status)


def test_an_answer_that_is_whole_counts_as_whole(scene: Scene) -> None:
    with socket.create_connection(("127.0.0.1", scene.installation.port), timeout=20) as client:
        client.sendall(scene.installation.request(scene.key, "/good/three"))
        assert _outcome(client) == "200"
