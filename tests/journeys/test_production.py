"""Every command of docs/guide/production.md, run on two nodes with PostgreSQL, a standby, Redis, nginx and Envoy.

The tests follow the page from top to bottom and need each other. Commands that fetch packages are the only ones that
are not run.
"""

import itertools
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest

from conftest import DebianProgram
from mandat.protocol.signature import sign
from support.certificates import make_certificate
from support.machines import Block, Machine, read_blocks
from support.ports import free_ports
from support.postgres_cluster import Cluster, programs
from support.redis import RedisServer
from support.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.fronts, pytest.mark.timeout(400), pytest.mark.xdist_group("production")]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "guide" / "production.md"
FETCHING = ("apt-get install", "python3 -m venv", "/opt/mandat/bin/pip install")
FRONTS = ("nginx", "envoy")
CALLER_ADDRESS = "127.0.0.2"
NODES = (("node-a", "http://10.0.0.11:8700"), ("node-b", "http://10.0.0.12:8700"))


@dataclass
class Production:
    """The machines of the page by name, and where the fronts are. `blocks` are what is still to be run."""

    machines: dict[str, Machine]
    fronts: dict[str, str]
    trusted: Path
    failures_before: int
    blocks: list[Block] = field(default_factory=lambda: read_blocks(PAGE))

    def follow(self, heading: str, *, most: int = 100) -> list[str]:
        """Runs blocks of the next section, which must be this one, at `most` so many; what each of them printed."""
        printed: list[str] = []
        assert self.blocks[0].heading == heading, "a section of the page is not run"
        while self.blocks and self.blocks[0].heading == heading and len(printed) < most:
            block = self.blocks.pop(0)
            printed += [self._run(name, block) for name in self._machines_of(block)]
        return printed

    def _machines_of(self, block: Block) -> list[str]:
        if block.where == ("packages",):
            lines = block.text.splitlines()
            assert all(line.startswith(FETCHING) for line in lines), f"must be run: {block.text}"
            return []
        return ["node-a", "node-b"] if block.where[0] == "both" else [block.where[0]]

    def _run(self, name: str, block: Block) -> str:
        try:
            return self.machines[name].run(block.text, as_mandat="mandat" in block.where[1:])
        except AssertionError as fault:
            raise AssertionError(f"{fault}\n{self._complaints()}") from None

    def _complaints(self) -> str:
        journals = [self.machines[node].root / "run/systemd/mandat.service.journal" for node, _ in NODES]
        lines = [line for journal in journals if journal.exists() for line in journal.read_text().splitlines()]
        return "\n".join([line for line in lines if '"info"' not in line][-10:])

    def nodes(self) -> list[str]:
        """Where the nodes themselves are."""
        return [self.machines[name].localised(url) for name, url in NODES]

    def caller(self, front: str, *, request: str = "request.json") -> "Caller":
        """The application of the page, calling by way of a front, with the delegation that it asked for in a file."""
        shop = self.machines["app"].environment
        asked = json.loads((self.machines["app"].root / "checkout" / request).read_text())
        return Caller(
            self.fronts[front],
            shop["OVH_APPLICATION_KEY"],
            shop["OVH_APPLICATION_SECRET"],
            asked["consumerKey"],
            self.trusted,
        )


class Caller:
    """An application with one delegation. Verifies the front's certificate, lies about where it is. For one thread."""

    def __init__(self, origin: str, key: str, secret: str, consumer_key: str, trusted: Path) -> None:
        self.origin, self._key, self._secret, self._consumer_key = origin, key, secret, consumer_key
        context = ssl.create_default_context(cafile=trusted)
        self._http = httpx2.Client(
            transport=httpx2.HTTPTransport(verify=context, local_address=CALLER_ADDRESS),
            headers={
                "X-Forwarded-For": "192.0.2.7",
                "X-Forwarded-Proto": "http",
                "X-Forwarded-Host": "elsewhere.example",
            },
            timeout=20,
        )

    def call(
        self, method: str = "GET", path: str = "/orders/1", body: bytes = b"", *, origin: str = ""
    ) -> httpx2.Response:
        """A signed call. It is signed for the front, also when it is sent to a node (`origin`)."""
        now, target = int(time.time()), f"/1.0{path}"
        signed = sign(
            self._secret, self._consumer_key, method=method, url=self.origin + target, body=body, timestamp=now
        )
        headers = {
            "X-Ovh-Application": self._key,
            "X-Ovh-Consumer": self._consumer_key,
            "X-Ovh-Timestamp": str(now),
            "X-Ovh-Signature": signed,
            "Content-Type": "application/json",
        }
        return self._http.request(method, (origin or self.origin) + target, headers=headers, content=body)


@dataclass
class Load:
    """Callers of both fronts, reading and writing in turn while the block lasts. `failed` says what went wrong."""

    production: Production
    answered: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        for front in FRONTS:
            self._threads.append(threading.Thread(target=self._call, args=(front,), daemon=True))
            self._threads[-1].start()
        self.wait_for_more(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def wait_for_more(self, more: int) -> None:
        """Returns when so many calls more were answered by way of each front."""
        enough = {front: self.answered[front] + more for front in FRONTS}
        wait_for(lambda: all(self.answered[front] >= enough[front] for front in FRONTS), what=f"{more} calls more")

    def _call(self, front: str) -> None:
        caller = self.production.caller(front)
        for number in itertools.count():
            if self._stop.wait(0.03):
                return
            method, body = ("POST", b'{"number":%d}' % number) if number % 2 else ("GET", b"")
            try:
                answer = caller.call(method, body=body)
            except httpx2.HTTPError as fault:
                self.failed.append(f"{front} {method}: {fault!r}")
                continue
            self.answered[front] += 1
            if answer.status_code != 200:
                self.failed.append(f"{front} {method}: {answer.status_code} {answer.text}")


class Orders(BaseHTTPRequestHandler):
    """The API behind the nodes."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET  # noqa: N815 - the server's own names

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def orders() -> Iterator[int]:
    """The port of an API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Orders)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def production(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    nginx = DebianProgram()("nginx")
    envoy = Path(sys.executable).with_name("envoy")
    if not envoy.exists():
        pytest.skip("NOT TESTED: there is no envoy on this machine")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mandat-production-")))
        cluster = Cluster()
        stack.callback(cluster.close)
        redis = RedisServer(tmp_path_factory.mktemp("production-redis"))
        stack.callback(redis.stop)
        upstream = stack.enter_context(orders())
        port = free_ports(8)
        certificate, key = make_certificate(folder / "tls")
        fronts = {"nginx": f"https://127.0.0.1:{port + 4}", "envoy": f"https://127.0.0.1:{port + 6}"}
        local = substitutes(cluster, redis, port, upstream, fronts)
        local |= {
            "/etc/(nginx|envoy)/tls/fullchain.pem": str(certificate),
            "/etc/(nginx|envoy)/tls/privkey.pem": str(key),
        }
        machines = {}
        for name in ("db", "cache", "node-a", "node-b", "nginx", "envoy", "app"):
            mine = local | {"https://api\\.example\\.com": fronts["envoy" if name == "envoy" else "nginx"]}
            trust = {"SSL_CERT_FILE": str(certificate), "CURL_CA_BUNDLE": str(certificate)}
            machines[name] = Machine(folder / name, postgres_programs(), mine, trust)
            machines[name].set_up(ROOT / "deploy")
        machines["db"].environment |= {"PGHOST": str(cluster.primary.sockets), "PGUSER": "postgres"}
        machines["node-b"].program("ssh", 'shift; echo "$@" | sed "s#/node-b/#/node-a/#g" | sh')
        machines["node-a"].program(
            "../opt/mandat/bin/ssh", f'test $1 = witness.example.com && shift && cd {folder} && exec "$@" > /dev/null'
        )
        install_fronts(machines, nginx, envoy)
        made = Production(machines, fronts, certificate, request.session.testsfailed)
        try:
            yield made
        finally:
            for name in ("nginx", "envoy"):
                machines[name].stop(name)
            for name, _ in NODES:
                machines[name].lose("mandat")


@pytest.fixture(autouse=True)
def step_by_step(request: pytest.FixtureRequest, production: Production) -> None:
    """What comes after a step that failed cannot work."""
    if request.session.testsfailed > production.failures_before:
        pytest.fail("a step before this one failed; see there")


def postgres_programs() -> list[Path]:
    return [programs() / name for name in ("psql", "createdb", "pg_dump", "pg_restore")]


def substitutes(
    cluster: Cluster, redis: RedisServer, port: int, upstream: int, fronts: dict[str, str]
) -> dict[str, str]:
    """What stands in the place of the page's addresses, as regular expressions."""
    hosts = f"{cluster.primary.sockets},{cluster.standby.sockets}"
    database = "postgresql://mandat@db1\\.example\\.com,db2\\.example\\.com/(\\w+)"
    checked = "}}\n            health_check_config: {port_value: "
    return {
        database + "\\?": f"postgresql://mandat@/\\1?host={hosts}&",
        database: f"postgresql://mandat@/\\1?host={hosts}",
        "redis://cache\\.example\\.com:6379": redis.url,
        "-h cache\\.example\\.com": f"-s {redis.url.removeprefix('unix://')}",
        "10\\.0\\.0\\.11, port_value: 8700": f"127.0.0.1, port_value: {port}",
        "10\\.0\\.0\\.12, port_value: 8700": f"127.0.0.1, port_value: {port + 1}",
        f"(?<={port}{checked})8706": str(port + 2),
        f"(?<={port + 1}{checked})8706": str(port + 3),
        "10\\.0\\.0\\.11:8700": f"127.0.0.1:{port}",
        "10\\.0\\.0\\.12:8700": f"127.0.0.1:{port + 1}",
        "10\\.0\\.0\\.11:8706": f"127.0.0.1:{port + 2}",
        "10\\.0\\.0\\.12:8706": f"127.0.0.1:{port + 3}",
        "10\\.0\\.0\\.21:8080": f"127.0.0.1:{upstream}",
        "10\\.0\\.0\\.5|10\\.0\\.0\\.0/24": "127.0.0.1",
        "listen 443": f"listen 127.0.0.1:{port + 4}",
        "listen 80": f"listen 127.0.0.1:{port + 5}",
        "0\\.0\\.0\\.0, port_value: 443": f"127.0.0.1, port_value: {port + 6}",
        "0\\.0\\.0\\.0, port_value: 80": f"127.0.0.1, port_value: {port + 7}",
        "public_urls = .*": f"public_urls = {json.dumps(list(fronts.values()))}",
        "-o mandat -g mandat ": "",
        "chown -R mandat:mandat": "true",
        "/bin/sleep 5": "/bin/sleep 2.5",
    }


def install_fronts(machines: dict[str, Machine], nginx: Path, envoy: Path) -> None:
    """What a Debian package of nginx and one of Envoy would bring."""
    root = machines["nginx"].root
    for folder in ("etc/nginx/conf.d", "var/log/nginx", "var/lib/nginx"):
        (root / folder).mkdir(parents=True)
    places = "".join(f"{kind}_temp_path {root}/var/lib/nginx/{kind};\n" for kind in ("client_body", "proxy", "fastcgi"))
    places += f"uwsgi_temp_path {root}/var/lib/nginx/u; scgi_temp_path {root}/var/lib/nginx/s;\n"
    (root / "etc/nginx/nginx.conf").write_text(
        f"daemon off; {'user root;' if os.getuid() == 0 else ''} worker_processes 1; pid {root}/run/nginx.pid;\n"
        f"error_log {root}/var/log/nginx/error.log;\n"
        f"events {{ worker_connections 256; }}\nhttp {{ {places} include {root}/etc/nginx/conf.d/*.conf; }}\n"
    )
    command = f"{nginx} -e {root}/var/log/nginx/error.log -c {root}/etc/nginx/nginx.conf"
    machines["nginx"].program("nginx", f'exec {command} "$@"')
    unit = f"ExecStart={command}\nExecReload=/bin/kill -HUP $MAINPID\n"
    (root / "etc/systemd/system/nginx.service").write_text(unit)
    root = machines["envoy"].root
    machines["envoy"].program("envoy", f'exec {envoy} "$@"')
    options = "--concurrency 1 --log-level warning --use-dynamic-base-id --disable-hot-restart"
    unit = f"ExecStart={envoy} -c {root}/etc/envoy/envoy.yaml {options}\n"
    (root / "etc/systemd/system/envoy.service").write_text(unit)


def test_units_are_such_as_systemd_accepts(tmp_path: Path, debian_program: DebianProgram) -> None:
    analyze = debian_program("systemd-analyze")
    units = [file for file in (ROOT / "deploy/systemd").iterdir() if file.suffix in {".service", ".timer"}]
    assert len(units) == 6
    for unit in units:
        # It wants to find the programs; whether they start is shown below.
        (tmp_path / unit.name).write_text(re.sub("/opt/mandat/bin/[a-z-]+", "/bin/true", unit.read_text()))
    command = [analyze, "verify", "--man=no", *(f"./{unit.name}" for unit in units)]
    checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_page_sets_up_two_nodes_behind_a_front(production: Production) -> None:
    standby = production.follow("The database")[0]
    assert "streaming" in standby
    production.follow("Both nodes")
    assert (production.machines["node-b"].root / "var/lib/mandat/keys/node.json").exists()
    production.follow("The front")
    for name in FRONTS:
        context = ssl.create_default_context(cafile=production.trusted)
        assert httpx2.get(f"{production.fronts[name]}/login", verify=context).status_code == 200


def test_an_application_is_granted_rights_and_calls_through_both_fronts(production: Production) -> None:
    production.follow("The first application", most=1)
    keys = json.loads((production.machines["node-a"].root / "var/lib/mandat/shop.json").read_text())
    production.machines["app"].environment |= {f"OVH_APPLICATION_{name.upper()}": keys[name] for name in keys}
    printed = production.follow("The first application")
    assert printed[-1].strip().endswith("{}")
    for name in FRONTS:
        caller = production.caller(name)
        assert caller.call().status_code == 200
        assert caller.call("POST", body=b'{"a":1}').status_code == 200
        assert caller.call("GET", "/orders/1?b=%2f&a=+%20").status_code == 200, "the target is passed on as signed"
        refused = caller.call("GET", "/me")
        assert (refused.status_code, refused.json()["errorCode"]) == (403, "NOT_GRANTED_CALL")
        assert caller.call("POST", body=b'"%s"' % (b"a" * 500_000)).status_code == 200
        refused = caller.call("POST", body=b'"%s"' % (b"a" * 1_500_000))
        assert (refused.status_code, refused.json()["errorCode"]) == (413, "BODY_TOO_LARGE")
        refused = caller.call("POST", body=b'"%s"' % (b"a" * 4_000_000))
        assert (refused.status_code, refused.json()["errorCode"]) == (413, "BODY_TOO_LARGE")


def test_a_node_sees_where_a_call_comes_from_and_not_what_the_caller_says(production: Production) -> None:
    for front in FRONTS:
        query_id = production.caller(front).call().headers["X-Ovh-QueryID"]

        def seen(query_id: str = query_id) -> list[str]:
            logs = [production.machines[name].root / "var/log/mandat/access.jsonl" for name, _ in NODES]
            lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
            return [line["address"] for line in lines if line["query_id"] == query_id]

        assert wait_for(seen, what="the access log") == [CALLER_ADDRESS]


def test_what_watches_a_node_reads_it_and_a_reload_is_not_noticed(production: Production) -> None:
    printed = production.follow("Watching")
    assert all("mandat_ready 1" in text for text in printed[:2])
    assert json.loads(printed[0].splitlines()[-1])["query_id"]


def test_the_backup_can_be_restored_and_the_witness_has_seen_the_end(production: Production) -> None:
    printed = production.follow("Backups, and a witness")
    assert "mandat-" in printed[0] and ".dump" in printed[0]
    heads = production.machines["node-a"].root.parent / "heads.json"
    assert json.loads(heads.read_text())


def test_r16_both_nodes_are_started_anew_under_load_and_no_call_fails(
    production: Production, capsys: pytest.CaptureFixture[str]
) -> None:
    with Load(production) as load:
        production.follow("Upgrading one node at a time")
        load.wait_for_more(20)
    with capsys.disabled():
        print(f"\nR16: both nodes started anew under load: answered {dict(load.answered)}, failed {len(load.failed)}")
    assert load.failed == []


def test_a_node_that_is_killed_costs_the_calls_under_way_at_most(
    production: Production, capsys: pytest.CaptureFixture[str]
) -> None:
    node_b = production.machines["node-b"]
    with Load(production) as load:
        node_b.lose("mandat")
        load.wait_for_more(40)
        lost = list(load.failed)
        production.follow("Losing a node")
        load.wait_for_more(20)
    with capsys.disabled():
        print(f"\na node killed under load: answered {dict(load.answered)}, lost {len(load.failed)}: {load.failed}")
    assert load.failed == lost, "nothing is lost when it comes back"
    assert len(lost) <= 2 * len(FRONTS), lost
    assert all("POST" in one for one in lost), "a GET goes to the other node"


ANOTHER_GRANT = """
export OVH_ENDPOINT={origin}/1.0
mandat request --rule "GET /orders/*" --json > {file}
mandat approve "$(sed 's/.*"validationUrl": *"\\([^"]*\\)".*/\\1/' {file})" \
  --login carla --password 'correct horse battery'
"""


def test_keys_rotate_on_both_nodes_and_no_call_fails(production: Production) -> None:
    with Load(production) as load:
        production.follow("Rotating keys")
        load.wait_for_more(20)
    assert load.failed == []
    for front, origin in production.fronts.items():
        file = f"{front}.json"
        production.machines["app"].run(ANOTHER_GRANT.format(origin=origin, file=file))
        caller = production.caller(front, request=file)
        assert [caller.call(origin=node).status_code for node in production.nodes()] == [200, 200], "a new grant"


def test_in_an_incident_everything_is_refused_on_both_nodes(production: Production) -> None:
    nodes, caller = production.nodes(), production.caller("nginx")
    assert [caller.call(origin=node).status_code for node in nodes] == [200, 200]
    production.follow("In an incident")
    assert production.blocks == [], "a section of the page is not run"
    wait_for(lambda: {caller.call(origin=node).status_code for node in nodes} == {403}, what="both nodes", seconds=6)


def test_without_a_node_a_front_says_so_in_the_wires_words(production: Production) -> None:
    for name, _ in NODES:
        production.machines[name].lose("mandat")
    for front in FRONTS:
        caller = production.caller(front)
        wait_for(lambda c=caller: c.call().status_code == 503, what=f"{front} to notice")
        answer = caller.call("POST", body=b"{}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.json() == {
            "class": "Server::ServiceUnavailable",
            "message": "No node answers, try again shortly",
            "errorCode": "SERVICE_UNAVAILABLE",
            "httpCode": "503 Service Unavailable",
        }
