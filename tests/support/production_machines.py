"""The machines of docs/guide/production.md on loopback: PostgreSQL with a standby, Redis, an API, both fronts."""

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from conftest import DebianProgram
from support.certificates import make_certificate
from support.machines import Machine
from support.ports import free_ports
from support.postgres_cluster import Cluster, programs
from support.production import NODES, ROOT, Production
from support.redis import RedisServer


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


@contextmanager
def production_machines(folder: Path, *, failures_before: int) -> Iterator[Production]:
    """All of them, below a folder with a short path; nodes and fronts are for the page to start, and are ended here."""
    nginx = DebianProgram()("nginx")
    envoy = Path(sys.executable).with_name("envoy")
    if not envoy.exists():
        pytest.skip("NOT TESTED: there is no envoy on this machine")
    with ExitStack() as stack:
        cluster = Cluster()
        stack.callback(cluster.close)
        (folder / "redis").mkdir()
        redis = RedisServer(folder / "redis")
        stack.callback(redis.stop)
        port, upstream = free_ports(8), stack.enter_context(orders())
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
            tools = [programs() / tool for tool in ("psql", "createdb", "pg_dump", "pg_restore")]
            machines[name] = Machine(folder / name, tools, mine, trust)
            machines[name].set_up(ROOT / "deploy")
        machines["db"].environment |= {"PGHOST": str(cluster.primary.sockets), "PGUSER": "postgres"}
        reach_each_other(machines)
        install_fronts(machines, nginx, envoy)
        try:
            yield Production(machines, fronts, certificate, failures_before)
        finally:
            for front in fronts:
                machines[front].stop(front)
            for name, _ in NODES:
                machines[name].lose("mandat")


def reach_each_other(machines: dict[str, Machine]) -> None:
    """`ssh` from node b to node a, and from node a to the witness, who is a file beside the machines."""
    machines["node-b"].program("ssh", 'shift; echo "$@" | sed "s#/node-b/#/node-a/#g" | sh')
    outside = machines["node-a"].root.parent
    machines["node-a"].program(
        "../opt/mandat/bin/ssh", f'test $1 = witness.example.com && shift && cd {outside} && exec "$@" > /dev/null'
    )


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
