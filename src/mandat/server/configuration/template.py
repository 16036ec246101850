"""The commented configuration file that `mandat init` writes, and the one of a demo."""

from collections.abc import Sequence

import msgspec

TEMPLATE = """\
# Mandat: configuration. Every key is explained in docs/reference/configuration.md.
# Relative paths are relative to this file.

# Where the gateway listens for plain HTTP. Facing the internet: [tls] below, or a TLS front before it.
listen = "127.0.0.1:8700"

# Every address clients may have in mind when they sign a call: scheme://host[:port], without a path.
public_urls = ["http://127.0.0.1:8700", "http://localhost:8700"]

# Where customers meet the pages, when that is another address than the first of public_urls.
# pages_url = "https://login.example.com"

# The name shown on the pages.
name = "Mandat"

# A marketplace to point customers to on the start page.
# marketplace_url = "https://shop.example.com"

# Gateway processes: a number, or "auto" for one per processor.
workers = "auto"

# Proxies in front whose X-Forwarded-For, -Proto and -Host count. Empty: nobody's do.
trusted_proxies = []

# Folder of the databases; folder of the key files (back them up apart); folder of sockets.
# Instead of a folder, a PostgreSQL database that several nodes share (docs/guide/postgresql.md); its password comes
# from MANDAT_STORAGE_PASSWORD: storage = "postgresql://mandat@db.example.com/mandat"
# Keys may also come from the environment or from a command: keys = "env:NAME" and gateway_keys = "env:OTHER"
storage = "data"
keys = "keys"
run = "run"

# One block for each API behind the gateway. Calls below `prefix` (without /1.0) go to `url`.
# [[upstream]]
# prefix = "/domain"
# url = "http://127.0.0.1:8080"
# audience = "domain-api"        # what the signed assertion names as its audience; the prefix when left out
# encoded_slash = "refuse"       # or "opaque": %2F in a path reaches this API as sent
# timeout_seconds = 30.0
# describes = true               # it publishes /1.0/ and /1.0/SECTION.json; consent pages take their words from there

# A listener where nginx, Caddy, Envoy or Traefik ask about calls (`mandat deploy nginx` prints their side).
# [forward_auth]
# listen = "127.0.0.1:8705"
# trusted_peers = ["127.0.0.1"]  # the proxies that may ask; nobody else is answered
# style = "nginx"                # or "caddy", "envoy", "traefik"

# Where Prometheus finds /metrics, and others /healthz and /readyz. Off when left out.
# [metrics]
# listen = "127.0.0.1:8706"
# trusted_peers = []             # who may ask, when that is not only this machine

# Spans for a collector of traces, by OTLP over HTTP; needs `pip install 'mandat[tracing]'`. Off when left out.
# [tracing]
# endpoint = "http://collector.example.com:4318"
# sample = 1.0                   # of how many of the calls that bring no trace of their own

# HTTPS without a front before the gateway; all three keys. A renewed certificate is taken up by itself.
# [tls]
# listen = "0.0.0.0:443"
# certificate = "tls/fullchain.pem"
# key = "tls/privkey.pem"

# With storage on PostgreSQL: start only where commits are on two servers; let gateways read as a user of their own.
# [postgres]
# ha = true
# gateway_url = "postgresql://mandat_gateway@db.example.com/mandat"

# Where several nodes remember writes and count calls together; each by itself without it.
# [redis]
# url = "redis://cache.example.com:6379"
# when_unreachable = "refuse"    # or "per-node"

# How many calls may be made; nothing is limited when left out. Beyond it: 429 and Retry-After.
# [quotas]
# credential_per_minute = 600    # of one delegation, and credential_burst of them at once (a minute's worth)
# application_per_minute = 6000  # of one application, whoever it calls for
# account_per_minute = 3000      # for one account, whoever calls

[limits]
timestamp_window_seconds = 180   # how far a signature's time may be off, either way (30 to 300)
max_body_bytes = 1048576
body_budget_bytes = 67108864     # all bodies being received at once, per gateway process
pending_hours = 24               # how long a permission request waits for its answer

# [retention]                    # in days; 0 keeps for ever
# ended_credentials_days = 0     # delegations that were refused, revoked or ran out
# usage_days = 0                 # counters of what is no longer used
# calls_days = 30                # what was done with each key, minute by minute
# history_personal_days = 0      # who and from where in lines of history

[log]
access = "log/access.jsonl"      # a file, "-" for standard output, or "off"
level = "info"
"""


DEMO_TEMPLATE = """\
# Written anew by each start of `mandat demo`.
listen = "127.0.0.1:{port}"
public_urls = {public_urls}
name = "{name}"
marketplace_url = "http://localhost:{marketplace_port}"
workers = 2
storage = "data"
keys = "keys"
run = "run"

[tls]
listen = "127.0.0.1:{tls_port}"
certificate = "tls/certificate.pem"
key = "tls/key.pem"

[[upstream]]
prefix = "/me"
audience = "sandbox"
url = "http://127.0.0.1:{sandbox_port}"

[[upstream]]
prefix = "/domain"
audience = "sandbox"
url = "http://127.0.0.1:{sandbox_port}"

[[upstream]]
prefix = "/cloud"
audience = "sandbox"
url = "http://127.0.0.1:{sandbox_port}"

[[upstream]]
prefix = "/vps"
audience = "sandbox"
url = "http://127.0.0.1:{sandbox_port}"
"""


def demo_config(port: int, public_urls: Sequence[str]) -> str:
    """The configuration of a demo whose gateway listens on loopback at `port`; `public_urls` come on top of its own."""
    hosts = ("127.0.0.1", "localhost")
    own = [f"{scheme}://{host}:{port}" for scheme in ("http", "https") for host in hosts]
    by_tls = [f"https://{host}:{port + 4}" for host in hosts]
    urls = list(dict.fromkeys([*own, *by_tls, *(url.rstrip("/") for url in public_urls)]))
    return DEMO_TEMPLATE.format(
        port=port,
        marketplace_port=port + 1,
        sandbox_port=port + 2,
        tls_port=port + 4,
        public_urls=msgspec.json.encode(urls).decode(),
        name="Mandat demo",
    )
