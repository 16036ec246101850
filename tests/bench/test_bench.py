"""`make bench` in its smallest form: parts run, and a peer that answers wrongly or is missing is not passed over."""

import asyncio
import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from bench.api import BODY, LUA_MODULE
from bench.credentials import Keys, make_keys
from bench.decision import part as decision
from bench.figures import FULL, QUICK, TINY, Chart, Figure, Result, Size, at_least, at_most
from bench.gateway import part as gateway
from bench.load import check_answers, composed, run_wrk
from bench.middleware import part as middleware
from bench.plots import draw
from bench.report import keep, markdown, verdict
from bench.running import PeerMissing
from bench.storage import cold, touching

pytestmark = pytest.mark.xdist_group("bench")
REQUESTS = [composed(1, [])]
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="NOT TESTED: wrk is not installed")


@contextmanager
def answering(answer: Callable[[int], tuple[int, str]]) -> Iterator[int]:
    """A server that answers its nth request as `answer(n)` says; its port."""
    counted = iter(range(1 << 62))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, body = answer(next(counted))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Keys]:
    """A folder with an installation and its seeded credentials."""
    folder = tmp_path_factory.mktemp("bench")
    config = folder / "mandat.toml"
    config.write_text('public_urls = ["http://127.0.0.1:18999"]\n')
    return folder, make_keys(config, 200)


@pytest.mark.parametrize(
    "answer", [(404, BODY), (200, BODY.replace("x", "y")), (200, ""), (302, BODY)], ids=["404", "other", "empty", "302"]
)
def test_a_peer_that_answers_wrongly_is_not_measured(answer: tuple[int, str]) -> None:
    with answering(lambda _: answer) as port, pytest.raises(PeerMissing, match="answered wrongly"):
        check_answers(port, REQUESTS)


def test_a_peer_that_answers_rightly_is_measured() -> None:
    with answering(lambda _: (200, BODY)) as port:
        assert check_answers(port, REQUESTS) > len(BODY)


@needs_wrk
def test_a_peer_that_answers_wrongly_under_load_only_is_not_measured(tmp_path: Path) -> None:
    with (
        answering(lambda number: (200, BODY if number < 3 else "{}")) as port,
        pytest.raises(PeerMissing, match="under load"),
    ):
        run_wrk(port, REQUESTS, seconds=1, folder=tmp_path, connections=2)


def test_a_door_that_lets_a_forged_call_pass_is_not_measured(installed: tuple[Path, Keys]) -> None:
    _, keys = installed
    with answering(lambda _: (200, BODY)) as port:
        contender = gateway.Contender(gateway.LUA, port, 0)
        gateway.check_refusals([contender], keys)
    assert contender.missing.startswith("lets ")


def test_a_peer_that_cannot_be_had_is_said_loudly() -> None:
    def start() -> gateway.Running:
        raise PeerMissing("its program is not installed")

    with ExitStack() as stack:
        contender = gateway.started(stack, gateway.ENVOY, 1, start)
    result = Result(figures=[Figure("gateway / Envoy", (), goal=at_least(1.3), why=contender.missing)])
    text = markdown({"gateway": result}, FULL, command="make bench", machine=["Machine: one"])
    assert "| gateway / Envoy | **NOT MEASURED** | its program is not installed | ≥ 1.30 | |" in text


@pytest.mark.parametrize(
    ("figure", "size", "said"),
    [
        (Figure("a", (0.4, 0.5, 0.6), goal=at_least(0.45)), QUICK, "met"),
        (Figure("a", (0.4, 0.4, 0.6), goal=at_least(0.45)), QUICK, "**not met**"),
        (Figure("a", (2.1,), goal=at_most(2.0)), FULL, "**not met**"),
        (Figure("a", (1.0,), goal=at_most(3, needs_full=True)), QUICK, "needs the full run"),
        (Figure("a", (1.0,)), FULL, ""),
    ],
)
def test_goals_are_judged_by_the_median(figure: Figure, size: Size, said: str) -> None:
    assert verdict(figure, size) == said


def test_plots_are_the_same_bytes_for_the_same_values_and_have_no_scripts(tmp_path: Path) -> None:
    chart = Chart("rules", "Cost", "rules", "us", {"a call": [(1.0, 5.0), (256.0, 5.5)]})
    results = {"decision": Result(charts=[chart])}
    keep(markdown(results, QUICK, command="make bench", machine=[]), results, QUICK, tmp_path)
    drawn = (tmp_path / "quick-rules.svg").read_bytes()
    assert drawn == draw(chart)
    assert b"<svg" in drawn and b"<script" not in drawn
    assert "(quick-rules.svg)" in (tmp_path / "quick.md").read_text()


def test_the_decision_part_measures_every_peer(tmp_path: Path) -> None:
    result = decision.run(tmp_path, TINY)
    assert [figure.what for figure in result.figures if not figure.rounds] == []
    assert {chart.name for chart in result.charts} == {"rules", "credentials"}


def test_seeded_credentials_are_permitted_when_they_are_cold(installed: tuple[Path, Keys]) -> None:
    folder, keys = installed
    found = cold.measure(partial(cold.sqlite_source, folder), keys, TINY)
    assert all(cost > 0 for cost in found.medians)


def test_the_guard_is_measured_in_process(installed: tuple[Path, Keys]) -> None:
    folder, keys = installed
    costs = asyncio.run(middleware.in_process(folder, keys, 18_999, TINY))
    assert costs["guarded"][0] > costs["bare"][0]


@needs_wrk
def test_touching_sends_a_call_for_each_credential(installed: tuple[Path, Keys], tmp_path: Path) -> None:
    _, keys = installed
    with answering(lambda _: (200, BODY)) as port:
        touched = touching.touch(port, 1, keys, count=100, folder=tmp_path)
    assert touched.errors == 0
    assert touched.count == 100


@needs_wrk
def test_touching_stops_when_time_is_up(installed: tuple[Path, Keys], tmp_path: Path) -> None:
    _, keys = installed
    with answering(lambda _: (200, BODY)) as port:
        touched = touching.touch(port, 1, keys, count=100, folder=tmp_path, seconds=0)
    assert touched.count < 100


def test_memory_is_extrapolated_as_the_second_half_went_on() -> None:
    touched = touching.Touched(((0.0, 50.0), (10.0, 80.0), (20.0, 100.0)), errors=0, seconds=1)
    assert touched.bytes_at(10) == 80
    assert touched.bytes_at(40) == 140


@pytest.mark.slow
@needs_wrk
@pytest.mark.skipif(not LUA_MODULE.exists(), reason="NOT TESTED: libnginx-mod-http-lua is not installed")
def test_the_gateway_part_measures_mandat_and_the_same_checks_in_lua(tmp_path: Path) -> None:
    result = gateway.run(tmp_path, TINY, wanted=(gateway.LUA,))
    figures = {figure.what: figure for figure in result.figures}
    assert [what for what, figure in figures.items() if not figure.rounds] == []
    assert figures["gateway: errors in a round"].median == 0
