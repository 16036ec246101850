"""What a node stands on before anything starts: folders, lock, certificate; and what a reload leaves alone."""

import os
from typing import IO

from mandat.server.configuration.reading import Config
from mandat.server.layout import Layout
from mandat.server.locks import take_lock
from mandat.server.problems import Problem
from mandat.server.processes.tls import TlsIdentity
from mandat.storage.postgres.node_epoch import create_epoch


def prepare_folders(layout: Layout) -> None:
    """Makes the folders of a node, for its user alone.

    Raises:
        Problem: one cannot be made or written to, or is somebody else's.
    """
    data = [layout.data] if layout.place is None else []
    keys = [layout.keys] if layout.key_sources is None else []
    for folder in (*data, *keys, layout.run, *([layout.access_log.parent] if layout.access_log else [])):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as fault:
            raise Problem(
                f"The folder {folder} cannot be made ({fault.strerror}); choose one you may write to."
            ) from None
        if not os.access(folder, os.W_OK | os.X_OK):
            raise Problem(f"The folder {folder} is not writable; give this user the right or choose another folder.")
    owner = layout.run.stat()
    if owner.st_uid != os.getuid():
        raise Problem(f"The folder {layout.run} belongs to somebody else; set `run` to a folder of your own.")
    layout.run.chmod(0o700)
    layout.leaving.unlink(missing_ok=True)
    if layout.place is not None:
        create_epoch(layout.epoch)


def lock_data(layout: Layout) -> IO[str]:
    """The lock that one supervisor holds on its data; on PostgreSQL, on its own folder.

    Raises:
        Problem: another supervisor holds it.
    """
    lock = take_lock(layout.lock)
    if lock is None and layout.place is not None:
        raise Problem(f"Another supervisor uses {layout.run}; stop it first, or give each node a `run` of its own.")
    if lock is None:
        raise Problem(
            f"Another supervisor serves the data in {layout.data}; stop it first, or use another `storage` folder."
        )
    return lock


def tls_identity(layout: Layout) -> TlsIdentity | None:
    """The certificate that callers by TLS are shown; None when there is no such listener. Raises Problem."""
    return None if layout.tls is None else TlsIdentity(layout.tls)


def refuse_fixed_changes(old: Config, new: Config) -> None:
    """Refuses what a reload cannot change.

    Raises:
        Problem: the configurations differ in what others hold on to.
    """
    if _fixed_values(old) != _fixed_values(new):
        raise Problem(
            "listen, tls.listen, forward_auth.listen, metrics, tracing (and log.access with it), storage,"
            " postgres, keys, gateway_keys, run and redis cannot change while running; restart for that."
        )


def _fixed_values(config: Config) -> tuple[object, ...]:
    return (
        config.listen,
        config.tls.listen,
        config.forward_auth.listen,
        config.metrics,
        config.tracing,
        config.log.access if config.tracing.endpoint else None,
        config.storage,
        config.postgres.gateway_url,
        config.postgres.ha,
        config.keys,
        config.gateway_keys,
        config.run,
        config.redis.url,
        config.redis.when_unreachable,
    )
