"""Whether the values of a configuration can be meant, beyond their types: each mistake is one sentence with its key.

What passes here makes no other room raise. Reading the file and unknown keys are `reading`'s matter.
"""

import ipaddress
import math
import re
from collections.abc import Sequence

import msgspec

from mandat.enforcement.quotas.buckets import KINDS
from mandat.enforcement.settings import AUTHORITY_PREFIXES
from mandat.server.configuration.addresses import split_address, split_origin
from mandat.server.configuration.values import Config, LimitsConfig, QuotasConfig, RetentionConfig, UpstreamConfig
from mandat.server.key_sources import folder_named, is_outside, parse_source
from mandat.server.problems import Problem

MOST = 2**53
"""No limit is greater: beyond it JSON and floating point lose count, and no machine has as much of anything."""

FASTEST = 6_000_000
"""Calls per minute: more than a node makes, and slow enough for clocks that count microseconds."""

LARGEST_BURST = 1_000_000_000

LONGEST_DAYS = 36_500
"""A hundred years; whoever wants longer means for ever."""

_SEGMENTS = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,:@=-]+)+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def check_values(config: Config) -> None:
    """Looks at every value.

    Raises:
        Problem: the first that cannot be meant.
    """
    _check_listen("listen", config.listen)
    if not config.public_urls:
        raise Problem('public_urls is empty; list the addresses clients use, for example ["https://api.example.com"].')
    for url in config.public_urls:
        _check_origin("public_urls", url)
    if config.pages_url:
        _check_origin("pages_url", config.pages_url)
    _check_texts(config)
    _check_networks("trusted_proxies", config.trusted_proxies)
    if isinstance(config.workers, int) and not 1 <= config.workers <= 256:
        raise Problem(f'workers = {config.workers} is out of range; use 1 to 256 or "auto".')
    _check_tls(config)
    _check_forward_auth(config)
    _check_metrics(config)
    _check_tracing(config)
    _check_quotas(config.quotas)
    _check_limits(config.limits)
    _check_retention(config.retention)
    _check_storage(config)
    seen = set(AUTHORITY_PREFIXES)
    for upstream in config.upstream:
        _check_upstream(upstream, seen)
        seen.add(upstream.prefix)


def _check_storage(config: Config) -> None:
    if "://" in config.storage and not config.storage.startswith(("postgresql://", "postgres://")):
        raise Problem("`storage` is neither a folder nor a URL that begins with postgresql://.")
    _check_postgres(config)
    terms = config.freshness
    if not 0.01 <= terms.poll_seconds <= 60:
        raise Problem("freshness.poll_seconds must lie between 0.01 and 60.")
    if not 0 <= terms.bound_seconds <= 300:
        raise Problem("freshness.bound_seconds must lie between 0 and 300.")
    if 0 < terms.bound_seconds < 2 * terms.poll_seconds:
        raise Problem("freshness.bound_seconds must be 0 or at least twice freshness.poll_seconds.")


def _check_postgres(config: Config) -> None:
    asked = config.postgres
    if asked.gateway_url and not asked.gateway_url.startswith(("postgresql://", "postgres://")):
        raise Problem("postgres.gateway_url is no URL that begins with postgresql://.")
    for name in ("ha", "gateway_url"):
        if getattr(asked, name) and "://" not in config.storage:
            raise Problem(f"postgres.{name} is set, but storage is a folder; it needs a PostgreSQL URL in storage.")


def _check_listen(key: str, text: str) -> None:
    try:
        split_address(text)
    except ValueError:
        raise Problem(f'{key} = "{text}" is not HOST:PORT; write for example "127.0.0.1:8700".') from None


def _check_origin(key: str, url: str) -> None:
    try:
        split_origin(url)
    except ValueError as fault:
        raise Problem(f'"{url}" in {key} must be scheme://host[:port] without a path ({fault}).') from None


def _check_texts(config: Config) -> None:
    for key in ("storage", "keys", "run"):
        if not getattr(config, key):
            raise Problem(f"{key} is empty; name a folder.")
    _check_keys(config)
    if config.storage == folder_named(config.keys):
        raise Problem("storage and keys are the same folder; part them, so that a copy of one is worthless.")
    if not config.log.access:
        raise Problem('log.access is empty; name a file, or write "-" for standard output or "off".')
    if _CONTROLS.search(config.postgres.gateway_url):
        raise Problem("postgres.gateway_url has control characters in it; take them out.")
    for key in ("name", "marketplace_url", "storage", "keys", "gateway_keys", "run"):
        if _CONTROLS.search(getattr(config, key)):
            raise Problem(f"{key} has control characters in it; take them out.")
    if config.marketplace_url and not re.match(r"https?://[^/\s]", config.marketplace_url):
        raise Problem(f'marketplace_url = "{config.marketplace_url}" must begin with http:// or https://.')


def _check_keys(config: Config) -> None:
    if not is_outside(config.keys):
        folder = folder_named(config.keys)
        if folder == config.keys and re.match(r"[A-Za-z]+:", folder):
            raise Problem(f'keys = "{folder}" begins with none of "env:", "command:" and "file:"; write one of them.')
        if config.gateway_keys:
            raise Problem("gateway_keys is set, but keys is a folder, where the gateways' keys lie too; leave it out.")
        if not folder:
            raise Problem('keys = "file:" names no folder; name one.')
        return
    if not is_outside(config.gateway_keys):
        raise Problem(
            'gateway_keys must be "env:NAME" or "command:PROGRAM ARGUMENT...", as keys is: the gateways have keys of '
            "their own, and never get the authority's."
        )
    if config.gateway_keys == config.keys:
        raise Problem("keys and gateway_keys name the same place; gateways must not get the authority's keys.")
    parse_source("keys", config.keys)
    parse_source("gateway_keys", config.gateway_keys)


def _check_tls(config: Config) -> None:
    values = msgspec.structs.asdict(config.tls)
    missing = [f"tls.{name}" for name, value in values.items() if not value]
    if len(missing) == len(values):
        return
    if missing:
        raise Problem(f"tls.listen, tls.certificate and tls.key belong together; {' and '.join(missing)} is missing.")
    _check_listen("tls.listen", config.tls.listen)
    if split_address(config.tls.listen) == config.listen_address:
        raise Problem("tls.listen and listen are the same address; give TLS a port of its own.")
    if not any(url.startswith("https://") for url in config.public_urls):
        raise Problem("tls.listen is set, but no address in public_urls begins with https://; add the one clients use.")


def _check_forward_auth(config: Config) -> None:
    asked = config.forward_auth
    _check_networks("forward_auth.trusted_peers", asked.trusted_peers)
    if not asked.listen:
        if asked.trusted_peers:
            raise Problem("forward_auth.trusted_peers is set, but forward_auth.listen is not; set both or none.")
        return
    _check_listen("forward_auth.listen", asked.listen)
    if not asked.trusted_peers:
        raise Problem(
            'forward_auth.trusted_peers is empty; list the addresses of the proxies that may ask, such as "127.0.0.1".'
        )
    if split_address(asked.listen) == config.listen_address or asked.listen == config.tls.listen:
        raise Problem("forward_auth.listen is taken by the gateway; give it a port of its own.")


def _check_metrics(config: Config) -> None:
    shown = config.metrics
    _check_networks("metrics.trusted_peers", shown.trusted_peers)
    if not shown.listen:
        if shown.trusted_peers:
            raise Problem("metrics.trusted_peers is set, but metrics.listen is not; set both or none.")
        return
    _check_listen("metrics.listen", shown.listen)
    if not shown.trusted_peers and not _is_loopback(split_address(shown.listen)[0]):
        raise Problem(
            f'metrics.listen = "{shown.listen}" can be reached from elsewhere; listen on 127.0.0.1, or list who may'
            " ask in metrics.trusted_peers."
        )
    if shown.listen in {config.listen, config.tls.listen, config.forward_auth.listen}:
        raise Problem("metrics.listen is taken by another listener; give it a port of its own.")


def _check_tracing(config: Config) -> None:
    told = config.tracing
    # Said so, because "nan" is neither smaller nor greater than anything.
    if not 0 <= told.sample <= 1:
        raise Problem("tracing.sample must lie between 0 (only what callers trace) and 1 (every call).")
    if not told.endpoint:
        return
    origin, slash, path = told.endpoint.partition("://")[2].rstrip("/").partition("/")
    try:
        split_origin(f"{told.endpoint.partition('://')[0]}://{origin}")
    except ValueError as fault:
        raise Problem(f"tracing.endpoint must be scheme://host[:port][/path] ({fault}).") from None
    if slash and not _SEGMENTS.fullmatch(slash + path):
        raise Problem("tracing.endpoint must be scheme://host[:port][/path], without a query or blanks.")
    if config.log.access in {"-", "off"}:
        raise Problem("tracing.endpoint is set, but log.access is no file; spans are made from it, so name one.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_networks(key: str, blocks: Sequence[str]) -> None:
    for block in blocks:
        try:
            ipaddress.ip_network(block, strict=False)
        except ValueError:
            raise Problem(f'{key} has "{block}", which is no address or network in CIDR form.') from None


def _check_retention(retention: RetentionConfig) -> None:
    for name in retention.__struct_fields__:
        if not 0 <= getattr(retention, name) <= LONGEST_DAYS:
            raise Problem(f"retention.{name} must be 0 (kept for ever) or a number of days up to {LONGEST_DAYS}.")


def _check_quotas(quotas: QuotasConfig) -> None:
    for kind in KINDS:
        per_minute, burst = getattr(quotas, f"{kind}_per_minute"), getattr(quotas, f"{kind}_burst")
        if not 0 <= per_minute <= FASTEST:
            raise Problem(f"quotas.{kind}_per_minute must lie between 0 (as many as anybody likes) and {FASTEST}.")
        if not 0 <= burst <= LARGEST_BURST:
            raise Problem(f"quotas.{kind}_burst must lie between 0 (a minute's worth) and {LARGEST_BURST}.")
        if burst and not per_minute:
            raise Problem(f"quotas.{kind}_burst is set, but quotas.{kind}_per_minute is not; set both or none.")


def _check_limits(limits: LimitsConfig) -> None:
    if not 30 <= limits.timestamp_window_seconds <= 300:
        raise Problem("limits.timestamp_window_seconds must lie between 30 and 300.")
    for name in limits.__struct_fields__:
        # Said so, because "nan" is neither smaller nor greater than anything.
        if not 0 < getattr(limits, name) <= MOST:
            raise Problem(f"limits.{name} must be greater than 0, and a number that can be counted to.")


def _check_upstream(upstream: UpstreamConfig, taken: set[str]) -> None:
    prefix = upstream.prefix
    if not prefix.startswith("/") or prefix.endswith("/"):
        raise Problem(f'upstream.prefix = "{prefix}" must begin with "/" and not end with one.')
    if not _SEGMENTS.fullmatch(prefix) or {".", ".."} & set(prefix.split("/")):
        raise Problem(f'upstream.prefix = "{prefix}" can stand in no accepted path; use plain segments.')
    if prefix.split("/")[1] in {"1.0", "v1"}:
        raise Problem(f'upstream.prefix = "{prefix}" must be written without the version.')
    if prefix in taken or prefix.startswith(tuple(f"{own}/" for own in AUTHORITY_PREFIXES)):
        raise Problem(f'upstream.prefix = "{prefix}" is taken already.')
    try:
        scheme, _, _ = split_origin(upstream.url)
    except ValueError:
        scheme = ""
    if scheme != "http":
        raise Problem(f'upstream.url = "{upstream.url}" must be http://host[:port] without a path.')
    if not 0 < upstream.timeout_seconds < math.inf:
        raise Problem("upstream.timeout_seconds must be greater than 0, and finite.")
    for key in ("name", "audience"):
        if _CONTROLS.search(getattr(upstream, key)):
            raise Problem(f"upstream.{key} has control characters in it; take them out.")
