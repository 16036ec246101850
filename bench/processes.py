"""The programs under measurement: a trivial API (nginx), nginx as a bare proxy before it, and Mandat before it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

BODY = json.dumps({"nichandle": "ab12345-mandat", "padding": "x" * 154})
"""200 bytes of JSON, as one small API answer."""


def wait_until_open(port: int, *, seconds: float = 30.0) -> None:
    """Waits until something listens on the loopback port."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port} after {seconds:.0f} s")


PROXY_CORE, LOAD_CORE = "0", "1"
"""The proxy under test has a core to itself; load generator and API share the other. Nobody gets more than his peer."""


def on_core(core: str, command: list[str]) -> list[str]:
    """The command, kept on one core with all it starts; as it is on a machine with one core or without taskset."""
    if (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        return command
    return ["taskset", "-c", core, *command]


@contextlib.contextmanager
def running(command: list[str], port: int, *, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a program for the length of the block, waiting until it listens."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        wait_until_open(port)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=20)


def nginx(folder: Path, name: str, server: str, port: int, *, core: str) -> contextlib.AbstractContextManager[object]:
    """One nginx with one worker and its access log on; `server` is the inside of its `http` block."""
    home = folder / name
    home.mkdir()
    config = home / "nginx.conf"
    config.write_text(
        f"""
worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {home}/access.log; keepalive_requests 1000000000;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  {server}
}}
"""
    )
    command = on_core(core, ["nginx", "-p", str(home), "-c", str(config)])
    return running(command, port, log=home / "output.log")


def trivial_api(folder: Path, port: int) -> contextlib.AbstractContextManager[object]:
    """Answers every call with the same 200 bytes."""
    return nginx(
        folder,
        "api",
        f"server {{ listen 127.0.0.1:{port}; access_log off; default_type application/json; return 200 '{BODY}'; }}",
        port,
        core=LOAD_CORE,
    )


def bare_proxy(folder: Path, port: int, api_port: int) -> contextlib.AbstractContextManager[object]:
    """nginx `proxy_pass` with pooled connections and nothing else."""
    return nginx(
        folder,
        "proxy",
        f"upstream api {{ server 127.0.0.1:{api_port}; keepalive 64; keepalive_requests 1000000000; }}"
        f"server {{ listen 127.0.0.1:{port};"
        " location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ''; } }",
        port,
        core=PROXY_CORE,
    )


def mandat(folder: Path, port: int, api_port: int, *, workers: int) -> contextlib.AbstractContextManager[object]:
    """`mandat serve` with everything on: access log, use counters, assertions, replay memory."""
    config = config_file(folder)
    config.write_text(
        f"""
listen = "127.0.0.1:{port}"
public_urls = ["http://127.0.0.1:{port}", "http://localhost:{port}"]
workers = {workers}
[limits]
pending_per_address = 1000000
pending_per_application = 1000000
[[upstream]]
prefix = "/domain"
url = "http://127.0.0.1:{api_port}"
describes = false
"""
    )
    command = [sys.executable, "-m", "mandat.cli.main", "serve", "--config", str(config)]
    return running(on_core(PROXY_CORE, command), port, log=folder / "mandat.log")


def config_file(folder: Path) -> Path:
    """The configuration of the measured Mandat."""
    return folder / "mandat.toml"
