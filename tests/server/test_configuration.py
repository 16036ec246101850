"""The configuration file: what is refused, and that the documentation knows every key."""

import re
from pathlib import Path

import msgspec
import pytest

from mandat.server.configuration.reading import (
    Config,
    ForwardAuthConfig,
    FreshnessConfig,
    LimitsConfig,
    LogConfig,
    MetricsConfig,
    PostgresConfig,
    QuotasConfig,
    RedisConfig,
    RetentionConfig,
    TlsConfig,
    TracingConfig,
    UpstreamConfig,
    load_config,
)
from mandat.server.configuration.template import TEMPLATE, demo_config
from mandat.server.problems import Problem

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
GOOD = 'public_urls = ["http://127.0.0.1:8700"]\n'


def write(folder: Path, text: str) -> Path:
    file = folder / "mandat.toml"
    file.write_text(text)
    return file


def test_the_template_is_a_valid_configuration(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, TEMPLATE)).listen_address == ("127.0.0.1", 8700)


def test_a_demo_lists_both_loopback_names_and_what_was_asked_for(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, demo_config(9000, ["https://eu.api.ovh.com/"])))
    assert config.public_urls[0] == "http://127.0.0.1:9000"
    assert {"http://localhost:9000", "https://eu.api.ovh.com"} < set(config.public_urls)
    assert {upstream.url for upstream in config.upstream} == {"http://127.0.0.1:9002"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lisen = 1\n" + GOOD, "nearest known key is listen"),
        (GOOD + "[limits]\nmax_body_byte = 1\n", "limits.max_body_bytes"),
        (GOOD + '[[upstream]]\nprefx = "/a"\nurl = "http://h"\n', r"upstream\[0\].prefix"),
        (GOOD + 'workers = "many"\n', "workers"),
        (GOOD + "workers = 0\n", "1 to 256"),
        (GOOD + 'listen = "nowhere"\n', "HOST:PORT"),
        (GOOD + 'listen = "127.0.0.1:99999"\n', "HOST:PORT"),
        ("name = 'x'\n", "public_urls is empty"),
        ('public_urls = ["ftp://host"]\n', "scheme://host"),
        ('public_urls = ["https://host/1.0"]\n', "without a path"),
        (GOOD + 'trusted_proxies = ["10.0.0.0/99"]\n', "trusted_proxies"),
        (GOOD + "[limits]\ntimestamp_window_seconds = 10\n", "between 30 and 300"),
        (GOOD + "[limits]\nmax_body_bytes = 0\n", "max_body_bytes must be greater than 0"),
        (GOOD + "[quotas]\ncredential_per_minute = -1\n", "quotas.credential_per_minute must lie between 0"),
        (GOOD + "[quotas]\naccount_per_minute = 6000001\n", "quotas.account_per_minute must lie between 0"),
        (GOOD + "[quotas]\naccount_per_minute = 1.5\n", "quotas.account_per_minute"),
        (GOOD + "[quotas]\napplication_per_minute = 1\napplication_burst = -1\n", "quotas.application_burst must lie"),
        (GOOD + "[quotas]\napplication_burst = 1\n", "quotas.application_per_minute is not"),
        (GOOD + "[quotas]\nper_minute = 1\n", "quotas.account_per_minute"),
        (GOOD + '[quotas]\nwhen_unreachable = "silently"\n', "quotas.when_unreachable"),
        (GOOD + "[retention]\nusage_days = -1\n", "retention.usage_days must be 0"),
        (GOOD + "[retention]\nusage = 1\n", "nearest known key is retention.usage_days"),
        (GOOD + '[[upstream]]\nprefix = "/me/api"\nurl = "http://h"\n', "taken already"),
        (GOOD + '[[upstream]]\nprefix = "domain"\nurl = "http://h"\n', 'must begin with "/"'),
        (GOOD + '[[upstream]]\nprefix = "/domain"\nurl = "https://h/x"\n', "http://host"),
        (GOOD + '[[upstream]]\nprefix = "/a"\nurl = "http://h"\nencoded_slash = "maybe"\n', "encoded_slash"),
        (GOOD + '[tls]\nlisten = "127.0.0.1:8443"\n', "tls.certificate and tls.key is missing"),
        (GOOD + '[tls]\nlisten = "443"\ncertificate = "c"\nkey = "k"\n', "tls.listen"),
        (GOOD + '[tls]\nlisten = "127.0.0.1:8700"\ncertificate = "c"\nkey = "k"\n', "same address"),
        (GOOD + '[tls]\nlisten = "127.0.0.1:8443"\ncertificate = "c"\nkey = "k"\n', "https://"),
        (GOOD + '[tls]\ncert = "c"\n', "nearest known key is tls.certificate"),
        (GOOD + '[forward_auth]\nlisten = "127.0.0.1:8705"\n', "trusted_peers is empty"),
        (GOOD + '[forward_auth]\nlisten = "x"\ntrusted_peers = ["::1"]\n', "forward_auth.listen"),
        (GOOD + '[forward_auth]\nlisten = "127.0.0.1:1"\ntrusted_peers = ["x"]\n', "forward_auth.trusted_peers"),
        (GOOD + '[forward_auth]\ntrusted_peers = ["::1"]\n', "set both or none"),
        (GOOD + '[forward_auth]\nlisten = "127.0.0.1:8700"\ntrusted_peers = ["::1"]\n', "taken by the gateway"),
        (GOOD + '[forward_auth]\nstyle = "apache"\n', "style"),
        (GOOD + '[metrics]\nlisten = "8706"\n', "metrics.listen"),
        (GOOD + '[metrics]\nlisten = "0.0.0.0:8706"\n', "can be reached from elsewhere"),
        (GOOD + '[metrics]\nlisten = "node.example:8706"\n', "can be reached from elsewhere"),
        (GOOD + '[metrics]\nlisten = "127.0.0.1:8700"\n', "taken by another listener"),
        (GOOD + '[metrics]\ntrusted_peers = ["::1"]\n', "set both or none"),
        (GOOD + '[metrics]\nlisten = "127.0.0.1:8706"\ntrusted_peers = ["x"]\n', "metrics.trusted_peers"),
        ('public_urls = ["http://[::1"]\n', "scheme://host"),
        ('public_urls = ["http://user@host"]\n', "scheme://host"),
        ('public_urls = ["http://host:99999"]\n', "between 1 and 65535"),
        ('public_urls = ["http://host#x"]\n', "scheme://host"),
        ('public_urls = ["HTTPS://host"]\n', "lower-case"),
        ('public_urls = ["http://bücher.example"]\n', "host in ASCII"),
        (GOOD + 'pages_url = "http://a b"\n', "in pages_url"),
        (GOOD + 'marketplace_url = "javascript:alert(1)"\n', "marketplace_url"),
        (GOOD + 'name = "a\\u0000b"\n', "name has control characters"),
        (GOOD + 'storage = ""\n', "storage is empty"),
        (GOOD + 'storage = "keys"\n', "the same folder"),
        (GOOD + 'listen = ":8700"\n', "HOST:PORT"),
        (GOOD + 'listen = "127.0.0.1:８７００"\n', "HOST:PORT"),
        (GOOD + '[log]\naccess = ""\n', "log.access is empty"),
        (GOOD + "[limits]\nfailures_per_second = nan\n", "failures_per_second"),
        (GOOD + "[limits]\nmax_body_bytes = 9999999999999999999999\n", "max_body_bytes"),
        (GOOD + '[[upstream]]\nprefix = "/a"\nurl = "http://[::1"\n', "upstream.url"),
        (GOOD + '[[upstream]]\nprefix = "/a"\nurl = "http://user@h"\n', "upstream.url"),
        (GOOD + '[[upstream]]\nprefix = "/a"\nurl = "http://h"\ntimeout_seconds = nan\n', "timeout_seconds"),
        (GOOD + '[[upstream]]\nprefix = "/a"\nurl = "http://h"\nname = "a\\nb"\n', "upstream.name"),
        (GOOD + '[[upstream]]\nprefix = "/a/../b"\nurl = "http://h"\n', "no accepted path"),
        (GOOD + '[[upstream]]\nprefix = "/a%2Fb"\nurl = "http://h"\n', "no accepted path"),
        (GOOD + '[[upstream]]\nprefix = "/1.0/a"\nurl = "http://h"\n', "without the version"),
        (GOOD + '[[upstream]]\nprefix = "/auth/x"\nurl = "http://h"\n', "taken already"),
        (GOOD + 'storage = "mysql://db/mandat"\n', "begins with postgresql://"),
        (GOOD + "[postgres]\nha = true\n", "postgres.ha is set, but storage is a folder"),
        (GOOD + '[postgres]\ngateway_url = "postgresql://db/m"\n', "postgres.gateway_url is set, but storage"),
        (GOOD + 'storage = "postgresql://db/m"\n[postgres]\ngateway_url = "db"\n', "begins with postgresql://"),
        (GOOD + "[freshness]\npoll_seconds = 0\n", "freshness.poll_seconds must lie"),
        (GOOD + "[freshness]\nbound_seconds = -1\n", "freshness.bound_seconds must lie"),
        (GOOD + "[freshness]\nbound_seconds = 0.3\n", "twice freshness.poll_seconds"),
        (GOOD + '[redis]\nwhen_unreachable = "maybe"\n', "redis.when_unreachable"),
        (GOOD + '[tracing]\nendpoint = "collector:4318"\n', "tracing.endpoint must be scheme"),
        (GOOD + '[tracing]\nendpoint = "grpc://collector:4317"\n', "tracing.endpoint must be scheme"),
        (GOOD + '[tracing]\nendpoint = "http://me:secret@collector"\n', "tracing.endpoint must be scheme"),
        (GOOD + '[tracing]\nendpoint = "http://collector/a?token=1"\n', "without a query"),
        (GOOD + '[tracing]\nendpoint = "http://collector:4318"\n[log]\naccess = "-"\n', "log.access is no file"),
        (GOOD + "[tracing]\nsample = 1.5\n", "tracing.sample must lie"),
        (GOOD + "[tracing]\nsample = nan\n", "tracing.sample must lie"),
        ("this is not toml", "cannot be read"),
    ],
)
def test_a_mistake_is_named_with_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(Problem, match=says):
        load_config(write(tmp_path, text))


@pytest.mark.parametrize(
    "endpoint", ["http://collector:4318", "https://[::1]:4318/", "https://traces.example/otlp/v2/"]
)
def test_a_collector_may_have_a_path(tmp_path: Path, endpoint: str) -> None:
    assert load_config(write(tmp_path, f'{GOOD}[tracing]\nendpoint = "{endpoint}"\n')).tracing.endpoint == endpoint


def test_a_missing_file_points_to_init(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="mandat init"):
        load_config(tmp_path / "none.toml")


def test_every_key_has_a_heading_in_the_reference_and_every_heading_is_a_key() -> None:
    sections = {
        "forward_auth": ForwardAuthConfig,
        "freshness": FreshnessConfig,
        "limits": LimitsConfig,
        "log": LogConfig,
        "metrics": MetricsConfig,
        "postgres": PostgresConfig,
        "quotas": QuotasConfig,
        "redis": RedisConfig,
        "retention": RetentionConfig,
        "tls": TlsConfig,
        "tracing": TracingConfig,
        "upstream": UpstreamConfig,
    }
    keys = {field.name for field in msgspec.structs.fields(Config)} - set(sections)
    for section, kind in sections.items():
        keys |= {f"{section}.{field.name}" for field in msgspec.structs.fields(kind)}
    headings = re.findall(r"^#{2,3} ([a-z_.]+)$", REFERENCE.read_text(), flags=re.MULTILINE)
    assert set(headings) == keys
