"""Where everything lies on disk: one place that knows the names."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mandat.server.configuration.reading import Config
from mandat.server.key_sources import KeySources, folder_named, is_outside, parse_source
from mandat.server.problems import Problem
from mandat.server.processes.tls import TlsFiles
from mandat.storage.faults import StorageFault

if TYPE_CHECKING:
    from mandat.storage.postgres.place import PostgresPlace


GATEWAY_PASSWORD = "MANDAT_GATEWAY_PASSWORD"  # noqa: S105 - the name of a variable
"""Where the password of `postgres.gateway_url` is, in the environment."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one installation. `run` holds sockets and the lock and may be emptied while nothing runs.

    `place` is the PostgreSQL database; where there is one, `data` is never made and never looked at. `gateway_place` is
    the same database as gateways reach it, perhaps as a user with fewer rights. Where there are `key_sources`, the
    folder `keys` is never made and never looked at.
    """

    data: Path
    keys: Path
    run: Path
    access_log: Path | None
    tls: TlsFiles | None = None
    place: "PostgresPlace | None" = None
    gateway_place: "PostgresPlace | None" = None
    key_sources: KeySources | None = None

    def authority_socket(self, generation: int) -> Path:
        """Where the authority of this generation listens; a reload starts the next generation beside the old one."""
        return self.run / f"authority.{generation}.sock"

    def usage_socket(self, generation: int) -> Path:
        """Where the authority takes the gateways' reports."""
        return self.run / f"usage.{generation}.sock"

    @property
    def replay_socket(self) -> Path:
        """Where the supervisor answers replay admission."""
        return self.run / "replay.sock"

    @property
    def metrics_socket(self) -> Path:
        """Where the metrics process takes the other processes' reports."""
        return self.run / "metrics.sock"

    @property
    def quota_socket(self) -> Path:
        """Where the supervisor counts calls."""
        return self.run / "quotas.sock"

    @property
    def leaving(self) -> Path:
        """A file that says this node is to get no more calls: it works on, and is not ready. A start removes it."""
        return self.run / "leaving"

    @property
    def lock(self) -> Path:
        """Locked by the one supervisor of this data; on PostgreSQL, by the one of this node."""
        return (self.data if self.place is None else self.run) / "supervisor.lock"

    @property
    def rotation_lock(self) -> Path:
        """Locked by the one rotation of these keys on this node."""
        return (self.keys if self.key_sources is None else self.run) / "rotation.lock"

    @property
    def epoch(self) -> Path:
        """Where the authority tells the gateways of this node that grants changed (PostgreSQL only)."""
        return self.run / "epoch"


def layout_of(config: Config, config_file: Path) -> Layout:
    """The layout that `config`, read from `config_file`, describes.

    Raises:
        Problem: the URL of a PostgreSQL database cannot be used.
    """
    base = config_file.resolve().parent
    access = config.log.access
    place = _place(config.storage) if "://" in config.storage else None
    return Layout(
        data=base / config.storage,
        keys=base / folder_named(config.keys),
        run=_short_enough(base / config.run),
        access_log=None if access in {"-", "off"} else base / access,
        tls=TlsFiles(base / config.tls.certificate, base / config.tls.key) if config.tls.listen else None,
        place=place,
        key_sources=_key_sources(config),
        gateway_place=_gateway_place(config.postgres.gateway_url) if config.postgres.gateway_url else place,
    )


def _key_sources(config: Config) -> KeySources | None:
    if not is_outside(config.keys):
        return None
    return KeySources(parse_source("keys", config.keys), parse_source("gateway_keys", config.gateway_keys))


def _place(url: str) -> "PostgresPlace":
    from mandat.storage.postgres.place import parse_place  # noqa: PLC0415 - the driver, only where it is used

    try:
        return parse_place(url, password=os.environ.get("MANDAT_STORAGE_PASSWORD"))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


def _gateway_place(url: str) -> "PostgresPlace":
    from mandat.storage.postgres.place import parse_place  # noqa: PLC0415

    try:
        return parse_place(
            url,
            password=os.environ.get(GATEWAY_PASSWORD),
            setting="postgres.gateway_url",
            password_from=GATEWAY_PASSWORD,
        )
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


_LONGEST_SOCKET_FOLDER = 80
"""Linux allows 107 bytes for the path of a unix socket; the longest name in the folder needs 24."""


def _short_enough(run: Path) -> Path:
    if len(os.fsencode(run)) <= _LONGEST_SOCKET_FOLDER:
        return run
    mark = hashlib.sha256(os.fsencode(run)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"mandat-{os.getuid()}-{mark}"
