"""What a configuration file can say, and what holds when it says nothing. Types only; the rest is `checks`."""

from typing import Literal

import msgspec

from mandat.server.configuration.addresses import split_address


class UpstreamConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One API behind the gateway: the calls below `prefix` go to `url`."""

    prefix: str
    url: str
    name: str = ""
    audience: str = ""
    encoded_slash: Literal["refuse", "opaque"] = "refuse"
    timeout_seconds: float = 30.0
    describes: bool = True


class TlsConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the gateway accepts TLS and what it shows there. All three or none."""

    listen: str = ""
    certificate: str = ""
    key: str = ""


class ForwardAuthConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where other people's proxies ask about calls, who may ask, and how they do. Off while `listen` is empty."""

    listen: str = ""
    trusted_peers: tuple[str, ...] = ()
    style: Literal["nginx", "caddy", "envoy", "traefik"] = "nginx"


class MetricsConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the node shows its metrics and whether it is ready, and to whom. Off while `listen` is empty."""

    listen: str = ""
    trusted_peers: tuple[str, ...] = ()


class TracingConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The collector that gets a span of each exchange, and of how many. Off while `endpoint` is empty."""

    endpoint: str = ""
    sample: float = 1.0


class FreshnessConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """On PostgreSQL: how often gateways look for changes, and how old their knowledge may get."""

    poll_seconds: float = 0.2
    bound_seconds: float = 5.0


class PostgresConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """On PostgreSQL: whether synchronous replication is demanded, and where gateways read; `storage` while empty."""

    ha: bool = False
    gateway_url: str = ""


class RedisConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The server on which all nodes remember writes and count calls; each node by itself while `url` is empty."""

    url: str = ""
    when_unreachable: Literal["refuse", "per-node"] = "refuse"


class QuotasConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How many calls may be made; 0 for as many as anybody likes. A burst of 0 is a minute's worth."""

    credential_per_minute: int = 0
    credential_burst: int = 0
    application_per_minute: int = 0
    application_burst: int = 0
    account_per_minute: int = 0
    account_burst: int = 0
    when_unreachable: Literal["per-node", "refuse"] = "per-node"


class LimitsConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Bounds. Each is explained in docs/reference/configuration.md."""

    timestamp_window_seconds: int = 180
    max_body_bytes: int = 1_048_576
    body_budget_bytes: int = 67_108_864
    failures_burst: int = 1_000
    failures_per_second: float = 10.0
    pending_per_address: int = 2_000
    pending_per_application: int = 20_000
    pending_hours: int = 24
    cached_grants: int = 200_000


class RetentionConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How long what has ended is kept, in days; 0 keeps it for ever."""

    ended_credentials_days: int = 0
    usage_days: int = 0
    calls_days: int = 30
    history_personal_days: int = 0


class LogConfig(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where the access log goes: a file, "-" for standard output, or "off"."""

    access: str = "log/access.jsonl"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file."""

    listen: str = "127.0.0.1:8700"
    public_urls: tuple[str, ...] = ()
    pages_url: str = ""
    name: str = "Mandat"
    marketplace_url: str = ""
    workers: int | Literal["auto"] = "auto"
    trusted_proxies: tuple[str, ...] = ()
    storage: str = "data"
    keys: str = "keys"
    gateway_keys: str = ""
    run: str = "run"
    tls: TlsConfig = TlsConfig()
    forward_auth: ForwardAuthConfig = ForwardAuthConfig()
    metrics: MetricsConfig = MetricsConfig()
    tracing: TracingConfig = TracingConfig()
    postgres: PostgresConfig = PostgresConfig()
    freshness: FreshnessConfig = FreshnessConfig()
    redis: RedisConfig = RedisConfig()
    quotas: QuotasConfig = QuotasConfig()
    limits: LimitsConfig = LimitsConfig()
    retention: RetentionConfig = RetentionConfig()
    log: LogConfig = LogConfig()
    upstream: tuple[UpstreamConfig, ...] = ()

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return split_address(self.listen)
