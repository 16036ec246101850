"""Key rotation as a command: takes the lock, runs the steps on the configured installation, running or not."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from mandat.authority.values import AuditEntry, AuditEvent
from mandat.server.configuration.reading import load_config
from mandat.server.layout import layout_of
from mandat.server.locks import take_lock
from mandat.server.nature import clock, entropy
from mandat.server.problems import Problem
from mandat.server.wiring import wire_authority
from mandat.storage.faults import StorageFault
from mandat.storage.keys.rotation import Rotated, Rotation

Kind = Literal["sealing", "signing"]


def rotate_keys(
    config_file: Path, kind: Kind, *, prepare_only: bool = False, at_step: Callable[[str], None] = lambda _: None
) -> Rotated | None:
    """Rotates one kind of key, or finishes a rotation that was cut off.

    Args:
        config_file: which installation.
        kind: "sealing" (application secrets) or "signing" (grants, applications, history).
        prepare_only: stop after the key files know the new key, so that `node.json` can be copied to other machines.
        at_step: told each step.

    Returns:
        What was done; None when it only prepared.

    Raises:
        Problem: keys or databases cannot be used, or another rotation runs.
    """
    config = load_config(config_file)
    layout = layout_of(config, config_file)
    wired = wire_authority(config, layout)
    lock = take_lock(layout.keys / "rotation.lock")
    if lock is None:
        wired.close()
        raise Problem("Another rotation of these keys is running; wait for it, or end it and start again.")
    rotation = Rotation(layout.keys, entropy, at_step=at_step)
    try:
        went_on = rotation.prepare_sealing() if kind == "sealing" else rotation.prepare_signing()
        if prepare_only:
            return None
        finish = rotation.finish_sealing if kind == "sealing" else rotation.finish_signing
        return asyncio.run(finish(wired.storage.rekeying, _audit(kind), went_on=went_on))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
    finally:
        lock.close()
        wired.close()


def _audit(kind: Kind) -> AuditEntry:
    return AuditEntry(
        account="",
        at=int(clock()),
        event=AuditEvent.KEYS_ROTATED,
        actor="operator",
        address="127.0.0.1",
        subject=f"keys:{kind}",
        details={},
    )
