"""Starts each door before something that records, all over the same grants and the same clock."""

import asyncio
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import uvloop
import waitress

from doors.recorder import RecordingAsgi, RecordingServer, RecordingWsgi, Seen
from doors.table import NOW, PUBLIC_URLS, Case
from doubles.grants import CountedUses, MemoryGrants
from doubles.upstream_gateway import PRIVATE_KEY, PUBLIC_KEY
from mandat.enforcement.access_log import AccessLog
from mandat.enforcement.asgi import AsgiDoor
from mandat.enforcement.assertion import AssertionSigner, jwks_document
from mandat.enforcement.doors.guard import Guard, GuardSettings
from mandat.enforcement.doors.local_replay import LocalReplay
from mandat.enforcement.forward_auth.door import ForwardAuthDoor
from mandat.enforcement.forward_auth.styles import STYLES
from mandat.enforcement.gateway.routes import RouteTable
from mandat.enforcement.gateway.run import Entrances, run_gateway
from mandat.enforcement.quotas.buckets import Buckets, Quota
from mandat.enforcement.quotas.leases import CallQuotas
from mandat.enforcement.quotas.node import OwnBuckets
from mandat.enforcement.settings import GatewaySettings, Upstream
from mandat.enforcement.wsgi import WsgiDoor
from mandat.server.deployment.rendering import render
from mandat.server.deployment.values import Api, Deployment
from mandat.server.processes.forward_auth import AskedServer
from support.ports import free_ports
from support.waiting import wait_for

PEERS = (ip_network("127.0.0.1/32"),)
FRONTS = ("nginx", "caddy", "envoy")
DOORS = ("gateway", "asgi", "asgi-h11", "wsgi", *FRONTS)
AUDIENCES = {"": "api", "/ip": "ip", "/v2": "two"}


def clock() -> float:
    return float(NOW)


@dataclass
class Door:
    """A running door: where to call, and what stood behind it saw."""

    name: str
    port: int
    seen: list[Seen]


class DoorRunner:
    """Starts doors on demand in a thread of its own; `close` ends what it started."""

    def __init__(self, cases: list[Case], folder: Path, quotas: tuple[Quota, ...] = ()) -> None:
        self._folder = folder
        self._quotas = quotas
        self._grants = MemoryGrants()
        for case in cases:
            case.populate(self._grants)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._doors: dict[str, Door] = {}
        self._ends: list[Callable[[], object]] = []
        self._tasks: list[Future[Any]] = []
        self._recorders: list[RecordingServer] = []

    def door(self, name: str) -> Door:
        """The door of that name, started when first asked for."""
        if name not in self._doors:
            starts = {
                "gateway": self._gateway,
                "asgi": lambda: self._asgi("httptools"),
                "asgi-h11": lambda: self._asgi("h11"),
                "wsgi": self._wsgi,
            }
            port, seen = starts[name]() if name in starts else self._front(name)
            self._doors[name] = Door(name, port, seen)
        return self._doors[name]

    def close(self) -> None:
        """Ends everything, last started first."""
        for end in reversed(self._ends):
            end()
        for task in self._tasks:
            task.result(15)
        self._run(_close(self._recorders))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _begin(self, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks.append(asyncio.run_coroutine_threadsafe(work, self._loop))

    def _counted(self) -> CallQuotas | None:
        """Quotas of one door, at a time that stands still."""
        if not self._quotas:
            return None
        return CallQuotas(self._quotas, OwnBuckets(Buckets(self._quotas), monotonic=clock), monotonic=clock)

    def _recorder(self) -> RecordingServer:
        recorder = RecordingServer()
        self._run(recorder.start())
        self._recorders.append(recorder)
        return recorder

    def _guard(self, **settings: Any) -> Guard:
        return Guard(
            GuardSettings(public_urls=PUBLIC_URLS, trusted_proxies=PEERS, opaque_prefixes=("/ip",), **settings),
            source=self._grants,
            replay=LocalReplay(window_seconds=180, clock=lambda: NOW - 1000, monotonic=time.monotonic),
            usage=CountedUses(),
            clock=clock,
            monotonic=time.monotonic,
            entropy=os.urandom,
            quotas=self._counted(),
        )

    def _upstreams(self, address: str) -> tuple[Upstream, ...]:
        return tuple(
            Upstream(
                name=audience,
                prefix=prefix,
                address=address,
                audience=audience,
                encoded_slash="opaque" if prefix == "/ip" else "refuse",
            )
            for prefix, audience in AUDIENCES.items()
        )

    def _gateway(self) -> tuple[int, list[Seen]]:
        recorder = self._recorder()
        return self._gateway_before(recorder), recorder.seen

    def _gateway_before(self, recorder: RecordingServer) -> int:
        address = f"http://127.0.0.1:{recorder.port}"
        stop = asyncio.Event()
        self._ends.append(lambda: self._loop.call_soon_threadsafe(stop.set))
        listener = socket.create_server(("127.0.0.1", 0))
        settings = GatewaySettings(
            public_urls=PUBLIC_URLS,
            authority=Upstream("authority", "", address, trusted=True),
            upstreams=self._upstreams(address),
            trusted_proxies=PEERS,
            jwks=jwks_document({"k1": PUBLIC_KEY}),
        )
        self._begin(
            run_gateway(
                settings,
                Entrances(listener),
                source=self._grants,
                replay=LocalReplay(window_seconds=180, clock=lambda: NOW - 1000, monotonic=time.monotonic),
                usage=CountedUses(),
                signer=AssertionSigner(PRIVATE_KEY, "k1", "mandat"),
                access_log=AccessLog(len),
                clock=clock,
                entropy=os.urandom,
                stop=stop,
                quotas=self._counted(),
            )
        )
        return int(listener.getsockname()[1])

    def _serve(self, server: uvicorn.Server) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        self._begin(server.serve(sockets=[listener]))
        self._ends.append(lambda: setattr(server, "should_exit", True))
        return int(listener.getsockname()[1])

    def _asgi(self, http: str) -> tuple[int, list[Seen]]:
        application = RecordingAsgi()
        config = uvicorn.Config(
            AsgiDoor(application, self._guard()),
            http=http,  # type: ignore[arg-type]
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
        )
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        return self._serve(uvicorn.Server(config)), application.seen

    def _wsgi(self) -> tuple[int, list[Seen]]:
        application = RecordingWsgi()
        logging.getLogger("waitress").setLevel(logging.CRITICAL)
        server = waitress.create_server(WsgiDoor(application, self._guard), host="127.0.0.1", port=0, threads=4)
        threading.Thread(target=server.run, daemon=True).start()
        self._ends.append(server.close)
        return int(server.effective_port), application.seen

    def asked(self, style: str) -> int:
        """The port of a forward-auth listener of its own."""
        address = "http://127.0.0.1:9"
        routes = RouteTable(Upstream("authority", "", address, trusted=True), self._upstreams(address), ())
        guard = self._guard()
        door = ForwardAuthDoor(
            guard,
            STYLES[style],
            routes=routes,
            signer=AssertionSigner(PRIVATE_KEY, "k1", "mandat"),
            access_log=AccessLog(len),
        )
        return self._serve(AskedServer(door, guard.is_trusted, on_ready=lambda: None))

    def front_alone(self, style: str) -> Door:
        """A front whose forward-auth listener is down."""
        port, seen = self._front(style, asked=free_ports(1))
        return Door(style, port, seen)

    def _front(self, style: str, *, asked: int | None = None) -> tuple[int, list[Seen]]:
        if not (Path(sys.executable).with_name(style).exists() or shutil.which(style)):
            pytest.skip(f"NOT TESTED: there is no {style} on this machine")
        recorder = self._recorder()
        port = free_ports(1)
        api = f"127.0.0.1:{recorder.port}"
        deployment = Deployment(
            listen=f"127.0.0.1:{port}",
            gateway=f"127.0.0.1:{self._gateway_before(recorder)}",
            asked=f"127.0.0.1:{asked or self.asked(style)}",
            apis=tuple(Api(name, prefix, api) for prefix, name in (("/ip", "ip"), ("/v2", "two"), ("", "rest"))),
            max_body_bytes=1_048_576,
        )
        folder = self._folder / f"{style}-{port}"
        folder.mkdir()
        command = {"nginx": nginx_command, "caddy": caddy_command, "envoy": envoy_command}[style](folder, deployment)
        log = (folder / "log").open("w")
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env={**os.environ, "HOME": str(folder)})
        self._ends.append(lambda: _end(process))

        def answers() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_for(answers, what=style, seconds=30)
        return port, recorder.seen


def nginx_command(folder: Path, deployment: Deployment) -> list[str]:
    """A minimal nginx around what `mandat deploy nginx` prints."""
    (folder / "mandat.conf").write_text(render("nginx", deployment))
    (folder / "nginx.conf").write_text(
        f"""daemon off; {"user root;" if os.getuid() == 0 else ""} worker_processes 1;
pid {folder}/pid; error_log stderr warn;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; include {folder}/mandat.conf; }}
"""
    )
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy_command(folder: Path, deployment: Deployment) -> list[str]:
    """Caddy with what `mandat deploy caddy` prints, without its administration port."""
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + render("caddy", deployment))
    program = str(Path(sys.executable).with_name("caddy"))
    return [program, "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def envoy_command(folder: Path, deployment: Deployment) -> list[str]:
    """Envoy with what `mandat deploy envoy` prints."""
    (folder / "envoy.yaml").write_text(render("envoy", deployment))
    program = str(Path(sys.executable).with_name("envoy"))
    return [
        program, "-c", str(folder / "envoy.yaml"), "--concurrency", "1", "--log-level", "warning",
        "--use-dynamic-base-id", "--disable-hot-restart",
    ]  # fmt: skip


async def _close(recorders: list[RecordingServer]) -> None:
    for recorder in recorders:
        await recorder.stop()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
