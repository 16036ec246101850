"""Key rotation as a command: takes the lock, runs the steps on the configured installation, running or not.

Key files are replaced where they are. Keys that come from elsewhere cannot be: there each run goes as far as it gets
with the keys it finds, and says what the operator has to put into his store before the next (ADR 0011).
"""

import asyncio
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

from mandat.authority.values import AuditEntry, AuditEvent
from mandat.server.configuration.reading import load_config
from mandat.server.key_sources import node_keys
from mandat.server.layout import Layout, layout_of
from mandat.server.locks import take_lock
from mandat.server.nature import clock, entropy
from mandat.server.problems import Problem
from mandat.server.wiring import Wired, wire_authority
from mandat.storage.faults import StorageFault
from mandat.storage.keys.keyrings import create_keys, replace_authority_keys, replace_node_keys
from mandat.storage.keys.places import KeyFolder, KeysOutside
from mandat.storage.keys.rotation import Rotated, Rotation

Kind = Literal["sealing", "signing", "mac", "forms"]


class Unfinished(Exception):
    """The operator has to put documents into his store before the rotation can go on. `files`: in this order."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        super().__init__(*files)
        self.files = files


def rotate_keys(
    config_file: Path,
    kind: Kind,
    *,
    prepare_only: bool = False,
    into: Path | None = None,
    at_step: Callable[[str], None] = lambda _: None,
) -> Rotated | None:
    """Rotates one kind of key, or finishes a rotation that was cut off.

    Args:
        config_file: which installation.
        kind: "sealing" (application secrets), "signing" (grants, applications, history), "mac" (rows that only the
            authority reads) or "forms" (form tokens).
        prepare_only: stop after the key files know the new key, so that they can be copied to other machines. A MAC key
            takes two: accepted after the first, used after the second.
        into: where documents for the operator's store are written; needed when the keys are in one.
        at_step: told each step.

    Returns:
        What was done; None when it only prepared.

    Raises:
        Problem: keys or databases cannot be used, or another rotation runs.
        Unfinished: new documents are in `into`, for the operator's store.
    """
    config = load_config(config_file)
    layout = layout_of(config, config_file)
    _check_into(layout, into, prepare_only=prepare_only)
    with closing(wire_authority(config, layout)) as wired:
        try:
            layout.rotation_lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = take_lock(layout.rotation_lock)
            if lock is None:
                raise Problem("Another rotation of these keys is running; wait for it, or end it and start again.")
            with lock:
                if into is not None:
                    return _rotate_outside(wired, layout, kind, into, at_step)
                rotation = Rotation(KeyFolder(layout.keys, entropy), entropy, at_step=at_step)
                went_on = _prepare(rotation, kind)
                if prepare_only and kind == "mac" and went_on:
                    # Accepted everywhere by now: the second time, every authority comes to make MACs with it.
                    rotation.switch_mac()
                return None if prepare_only else _finish(rotation, wired, kind, went_on=went_on)
        except StorageFault as fault:
            raise Problem(fault.sentence) from None


def create_key_documents(folder: Path) -> None:
    """Makes the keys of a new installation, in `folder`: to leave them there, or to put them into a store.

    Raises:
        Problem: there are keys already, or the folder cannot be written.
    """
    try:
        create_keys(folder, entropy)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None


def _check_into(layout: Layout, into: Path | None, *, prepare_only: bool) -> None:
    if layout.key_sources is None and into is not None:
        raise Problem("The keys are in files, which are replaced where they are; leave --into out.")
    if layout.key_sources is not None and into is None:
        raise Problem(
            "The keys are not in files, so Mandat cannot replace them; name a folder with --into, where it writes what "
            "you put into your store."
        )
    if layout.key_sources is not None and prepare_only:
        raise Problem("Keys that are not in files are always prepared first; leave --prepare out.")


def _rotate_outside(wired: Wired, layout: Layout, kind: Kind, into: Path, at_step: Callable[[str], None]) -> Rotated:
    """As far as the keys in the store allow. Rows are touched only when both keys are in it, for everybody."""
    place = KeysOutside(wired.keys, node_keys(layout.keys, layout.key_sources))
    rotation = Rotation(place, entropy, at_step=at_step)
    went_on = _prepare(rotation, kind)
    if kind == "mac" and not place.authority_is_new:
        rotation.switch_mac()
    if files := _write(place, into):
        raise Unfinished(files)
    done = _finish(rotation, wired, kind, went_on=went_on)
    if files := _write(place, into):
        raise Finished(done, files)
    return done


class Finished(Unfinished):
    """The rows are done; `files` take the old key out of the operator's store."""

    def __init__(self, done: Rotated, files: tuple[Path, ...]) -> None:
        super().__init__(files)
        self.done = done


def _write(place: KeysOutside, into: Path) -> tuple[Path, ...]:
    """The documents that are new, the gateways' first: they must accept what the authority makes."""
    files: list[Path] = []
    if place.node_is_new or place.authority_is_new:
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.node_is_new:
        replace_node_keys(into, place.node(), entropy)
        files.append(into / "node.json")
    if place.authority_is_new:
        replace_authority_keys(into, place.authority(), entropy)
        files.append(into / "authority.json")
    return tuple(files)


def _prepare(rotation: Rotation, kind: Kind) -> bool:
    steps = {
        "sealing": rotation.prepare_sealing,
        "signing": rotation.prepare_signing,
        "mac": rotation.prepare_mac,
        "forms": rotation.prepare_forms,
    }
    return steps[kind]()


def _finish(rotation: Rotation, wired: Wired, kind: Kind, *, went_on: bool) -> Rotated:
    steps = {
        "sealing": rotation.finish_sealing,
        "signing": rotation.finish_signing,
        "mac": rotation.finish_mac,
        "forms": rotation.finish_forms,
    }
    return asyncio.run(steps[kind](wired.storage.rekeying, _audit(kind), went_on=went_on))


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
