"""Backups: the three databases as of one moment, in one tar file, while everything runs. Keys are never in it.

One moment: for the instant in which the three read transactions begin, both durable files are locked for writing. So
no grant is there without its history, and no answered request without its credential. Source: ADR 0008, threats.md 3.5.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mandat.storage.engine.files import FILES, GRANTS, REQUESTS, connect_reader, connect_writer
from mandat.storage.engine.migration import HEADS, check_migrated
from mandat.storage.faults import StorageFault

FORMAT = 1
MANIFEST = "manifest.json"
MANIFEST_MAX_BYTES = 65_536


class BackupFault(StorageFault):
    """A backup cannot be written or used."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    `revisions` and `sha256` are by file name; `public_key` (hex) says which keys it belongs to; `last_change` is the
    last number of the change log, `last_audit` the id of the last line of history, `last_seal` its seal (hex).
    """

    format: int
    at: int
    version: str
    public_key: str
    last_change: int
    last_audit: int
    last_seal: str
    revisions: dict[str, str]
    sha256: dict[str, str]


def write_backup(folder: Path, file: Path, *, at: int, version: str) -> Manifest:
    """Writes a backup of the databases in `folder` to `file`, which must not exist; 0600.

    Args:
        folder: the data folder; the authority may go on writing.
        file: where the backup goes. Its folder needs room for twice the databases.
        at: now.
        version: of the program.

    Raises:
        BackupFault: `file` exists, or cannot be written.
        StorageFault: the databases are missing, of another version, or do not answer.
    """
    check_migrated(folder)
    if file.exists():
        raise BackupFault(f"The file {file} exists already and was left as it is; name another.")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=file.absolute().parent) as scratch:
            copies = _copy_databases(folder, Path(scratch))
            manifest = _describe(copies, at=at, version=version)
            _pack(copies, manifest, Path(scratch) / "whole.tar", file)
    except OSError as fault:
        raise BackupFault(f"The backup {file} cannot be written ({fault.strerror or fault}).") from fault
    except sqlite3.Error as fault:
        raise BackupFault(f"The databases in {folder} could not be copied ({fault}); try again.") from fault
    return manifest


def unpack_backup(file: Path, folder: Path) -> Manifest:
    """Puts the databases of a backup into `folder`, which must exist, and checks that they are whole.

    Raises:
        BackupFault: it is not there, is no backup, is damaged, or was written by a newer version.
    """
    try:
        with tarfile.open(file, "r:") as archive:
            names = {database.name: f"{database.name}.sqlite" for database in FILES}
            manifest = _read_manifest(_member(archive, MANIFEST).read(MANIFEST_MAX_BYTES), file)
            for name in names.values():
                with _member(archive, name) as packed, (folder / name).open("xb") as unpacked:
                    shutil.copyfileobj(packed, unpacked)
                (folder / name).chmod(0o600)
    except FileNotFoundError as fault:
        raise BackupFault(f"There is no file {file}; name another.") from fault
    except (OSError, tarfile.TarError, KeyError, ValueError, TypeError) as fault:
        raise BackupFault(f"The file {file} is no backup of Mandat, or is damaged; use another.") from fault
    for database in FILES:
        copy = database.within(folder)
        if _sha256(copy) != manifest.sha256.get(copy.name):
            raise BackupFault(f"The backup {file} is damaged: {copy.name} is not what was written; use another.")
    return manifest


def _copy_databases(folder: Path, scratch: Path) -> list[Path]:
    with ExitStack() as stack:
        readers = {
            database: stack.enter_context(closing(connect_reader(database.within(folder)))) for database in FILES
        }
        with ExitStack() as locks:
            for database in (REQUESTS, GRANTS):
                writer = connect_writer(database.within(folder), synchronous=database.synchronous)
                locks.enter_context(closing(writer))
                writer.execute("BEGIN IMMEDIATE")  # ended by closing
            for reader in readers.values():
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_master").fetchall()  # here the read transaction begins
        copies = []
        for database, reader in readers.items():
            copy = database.within(scratch)
            with closing(sqlite3.connect(copy)) as target:
                reader.backup(target)
                target.execute("PRAGMA journal_mode = DELETE").fetchall()
            copies.append(copy)
        return copies


def _describe(copies: list[Path], *, at: int, version: str) -> Manifest:
    grants = next(copy for copy in copies if copy.stem == GRANTS.name)
    with closing(sqlite3.connect(grants)) as connection:

        def one(query: str) -> Any:
            rows = connection.execute(query).fetchall()
            return rows[0][0] if rows else None

        return Manifest(
            format=FORMAT,
            at=at,
            version=version,
            public_key=(one("SELECT value FROM installation WHERE name = 'authority_public_key'") or b"").hex(),
            last_change=one("SELECT max(sequence) FROM grant_changes") or 0,
            last_audit=one("SELECT max(id) FROM audit") or 0,
            last_seal=(one("SELECT digest FROM audit_seals ORDER BY id DESC LIMIT 1") or b"").hex(),
            revisions=dict(HEADS),
            sha256={copy.name: _sha256(copy) for copy in copies},
        )


def _pack(copies: list[Path], manifest: Manifest, aside: Path, file: Path) -> None:
    with os.fdopen(os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
            text = json.dumps(asdict(manifest), indent=2).encode()
            entry = tarfile.TarInfo(MANIFEST)
            entry.size, entry.mode, entry.mtime = len(text), 0o600, manifest.at
            archive.addfile(entry, io.BytesIO(text))
            for copy in copies:
                archive.add(copy, arcname=copy.name, filter=_anonymous)
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(aside, file)
    except FileExistsError:
        raise BackupFault(f"The file {file} exists already and was left as it is; name another.") from None
    sync_folder(file.absolute().parent)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o600
    return entry


def _member(archive: tarfile.TarFile, name: str) -> Any:
    member = archive.extractfile(archive.getmember(name))
    if member is None:
        raise KeyError(name)
    return member


def _read_manifest(text: bytes, file: Path) -> Manifest:
    fields = json.loads(text)
    if fields["format"] != FORMAT:
        raise BackupFault(f"The backup {file} was written by a newer Mandat; restore it with that version.")
    return Manifest(**fields)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sync_folder(path: Path) -> None:
    """Makes names in a folder durable."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
