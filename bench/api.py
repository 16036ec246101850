"""What stands behind every proxy: nginx that answers each call with the same 200 bytes of JSON."""

import contextlib
import json
import subprocess
from pathlib import Path

from bench.machine import LOAD_CORE, on_core
from bench.running import PeerMissing, running

BODY = json.dumps({"nichandle": "ab12345-mandat", "padding": "x" * 154})
"""200 bytes of JSON, as one small API answer."""

LUA_MODULE = Path("/usr/lib/nginx/modules/ngx_http_lua_module.so")
_NDK_MODULE = LUA_MODULE.with_name("ndk_http_module.so")

Running = contextlib.AbstractContextManager[subprocess.Popen[bytes]]


def nginx(folder: Path, name: str, inside_http: str, port: int, *, core: str, needs_lua: bool = False) -> Running:
    """One nginx with one worker and its access log on.

    Raises:
        PeerMissing: its Lua module is wanted and not installed.
    """
    if needs_lua and not LUA_MODULE.exists():
        raise PeerMissing("its Lua module is not installed (Debian package libnginx-mod-http-lua)")
    modules = f"load_module {_NDK_MODULE}; load_module {LUA_MODULE};" if needs_lua else ""
    home = folder / name
    home.mkdir()
    config = home / "nginx.conf"
    config.write_text(
        f"""{modules}
worker_processes 1; daemon off; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log {home}/access.log; keepalive_requests 1000000000;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  {inside_http}
}}
"""
    )
    command = on_core(core, ["nginx", "-p", str(home), "-c", str(config)])
    return running(command, port, log=home / "output.log")


def trivial_api(folder: Path, port: int, *, body: str = BODY) -> Running:
    """Answers every call with the same body."""
    server = (
        f"server {{ listen 127.0.0.1:{port}; access_log off; default_type application/json; return 200 '{body}'; }}"
    )
    return nginx(folder, f"api-{port}", server, port, core=LOAD_CORE)
