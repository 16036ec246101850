"""The configuration file: how it is read, and how mistakes in it are named.

TOML, read once per start or reload. Every key but `public_urls` has a default; every key has a heading in
docs/reference/configuration.md (a test compares the two). Relative paths are relative to the file.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from mandat.server.configuration.checks import check_values
from mandat.server.configuration.values import (
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
)
from mandat.server.problems import Problem

__all__ = [
    "Config",
    "ForwardAuthConfig",
    "FreshnessConfig",
    "LimitsConfig",
    "LogConfig",
    "MetricsConfig",
    "PostgresConfig",
    "QuotasConfig",
    "RedisConfig",
    "RetentionConfig",
    "TlsConfig",
    "TracingConfig",
    "UpstreamConfig",
    "load_config",
]


def load_config(path: Path) -> Config:
    """Reads and checks the file.

    Raises:
        Problem: the file is missing, is not TOML, has an unknown key (the nearest known one is named) or a bad value.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Problem(f"There is no configuration file {path}; write one with `mandat init`.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise Problem(f"The configuration file {path} cannot be read: {fault}.") from None
    _refuse_unknown_keys(document, Config, where="")
    try:
        config = msgspec.convert(document, Config)
    except msgspec.ValidationError as fault:
        raise Problem(f"The configuration file {path} has a bad value: {fault}.") from None
    check_values(config)
    return config


def _refuse_unknown_keys(document: dict[str, Any], kind: type[msgspec.Struct], *, where: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in document.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.0)
            raise Problem(f"Unknown configuration key {where}{key}; the nearest known key is {where}{near[0]}.")
        if key == "upstream" and isinstance(value, list):
            for index, entry in enumerate(value):
                if isinstance(entry, dict):
                    _refuse_unknown_keys(entry, UpstreamConfig, where=f"upstream[{index}].")
        elif isinstance(value, dict) and isinstance(fields[key], type) and issubclass(fields[key], msgspec.Struct):
            _refuse_unknown_keys(value, fields[key], where=f"{key}.")
