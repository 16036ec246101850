"""Where a client finds its endpoint and keys: arguments, then the environment, then `ovh.conf`.

As OVHcloud's clients do: `OVH_ENDPOINT`, `OVH_APPLICATION_KEY`, `OVH_APPLICATION_SECRET`, `OVH_CONSUMER_KEY`; the INI
files `/etc/ovh.conf`, `~/.ovh.conf`, `./ovh.conf` (later ones win, a file given by name wins over all). An empty value
counts as absent. The section of an endpoint given as URL is that URL.
"""

import os
import re
from collections.abc import Mapping, Sequence
from configparser import Error as IniError
from configparser import RawConfigParser
from dataclasses import dataclass, field
from pathlib import Path

from mandat.client.endpoints import base_url
from mandat.client.errors import ConfigurationFault

KEY_NAMES = ("application_key", "application_secret", "consumer_key")
_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client works with. `base` has its version and no slash at the end; a key is None when nothing gives it."""

    base: str
    application_key: str | None = None
    application_secret: str | None = field(default=None, repr=False)
    consumer_key: str | None = field(default=None, repr=False)


def default_files() -> tuple[Path, ...]:
    """The files that are read without being named, weakest first."""
    return (Path("/etc/ovh.conf"), Path("~/.ovh.conf").expanduser(), Path("ovh.conf"))


def find_settings(
    endpoint: str | None,
    keys: Mapping[str, str | None],
    *,
    config_file: str | Path | None = None,
    environment: Mapping[str, str] = os.environ,
    files: Sequence[Path] | None = None,
) -> Settings:
    """The settings of a client.

    Args:
        endpoint: a name or URL; None looks for one.
        keys: by the names of KEY_NAMES; None or absent looks for one.
        config_file: a file that must exist, read besides the usual ones.
        environment: where `OVH_...` is looked up.
        files: instead of `default_files()`; absent ones are skipped.

    Raises:
        ConfigurationFault: no endpoint, an unusable one, a file that cannot be read, a key no header can carry.
    """
    ini = _read_files(default_files() if files is None else files, config_file)
    endpoint = endpoint or _look_up("default", "endpoint", environment=environment, ini=ini)
    if not endpoint:
        raise ConfigurationFault(
            "No endpoint. Give one as argument, in OVH_ENDPOINT, or as `endpoint` under [default] in ovh.conf."
        )
    found = {name: keys.get(name) or _look_up(endpoint, name, environment=environment, ini=ini) for name in KEY_NAMES}
    for name, value in found.items():
        if value is not None and not _KEY.fullmatch(value):
            raise ConfigurationFault(f"The {name.replace('_', ' ')} has characters that no key has.")
    return Settings(base_url(endpoint), **found)


def _read_files(files: Sequence[Path], config_file: str | Path | None) -> RawConfigParser:
    ini = RawConfigParser()
    for file in (*files, *([Path(config_file)] if config_file is not None else [])):
        try:
            if config_file is None or file != Path(config_file):
                ini.read(file, encoding="utf-8")
            else:
                ini.read_string(file.read_text("utf-8"), source=str(file))
        except (OSError, UnicodeDecodeError, IniError) as error:
            raise ConfigurationFault(f"{file} cannot be read: {error}") from error
    return ini


def _look_up(section: str, name: str, *, environment: Mapping[str, str], ini: RawConfigParser) -> str | None:
    return environment.get(f"OVH_{name.upper()}") or ini.get(section, name, fallback=None) or None
