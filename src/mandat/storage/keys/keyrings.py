"""Key files: made once, never lost. Only `storage.keys.rotation` replaces them, each time as a whole.

Two files in one folder, so that a node which only enforces never holds what can mint a right (design.md 6):

- `authority.json`: the private key that signs grants, the MAC key for accounts and sessions, the secret of form
  tokens, and the keys that seal application secrets;
- `node.json`: the authority's public keys, the same sealing keys, the private key of the assertions a gateway makes.

The folder belongs outside whatever backs the databases up: a stolen backup then opens nothing. What the files hold may
also come from elsewhere (`mandat.server.key_sources`).
"""

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from mandat.storage.faults import FolderNotWritable, KeysExist, KeysMissing, KeysUnreadable
from mandat.storage.keys.documents import (
    DamagedDocument,
    authority_document,
    node_document,
    read_authority,
    read_node,
)
from mandat.storage.keys.values import (
    AuthorityKeys,
    Entropy,
    NodeKeys,
    SealingKey,
    draw_key,
    draw_sealing_key,
    public_key_of,
)

__all__ = ["AuthorityKeys", "Entropy", "NodeKeys", "SealingKey", "draw_key", "draw_sealing_key", "public_key_of"]

AUTHORITY_FILE = "authority.json"
NODE_FILE = "node.json"

Keys = TypeVar("Keys", AuthorityKeys, NodeKeys)


def has_keys(folder: Path) -> bool:
    """True when `folder` holds a key file. One of the two alone is not enough: loading the other says what to do."""
    return any((folder / name).exists() for name in (AUTHORITY_FILE, NODE_FILE))


def create_keys(folder: Path, entropy: Entropy) -> None:
    """Draws new keys and writes both files, 0600, in `folder` (made 0700 when missing).

    Args:
        folder: where the files go.
        entropy: `entropy(size)` gives `size` unpredictable bytes.

    Raises:
        KeysExist: one of the files is there already; nothing was written over.
        FolderNotWritable: the folder cannot be made or written.
    """
    authority, node = _draw(entropy)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (NODE_FILE, AUTHORITY_FILE):
            if (folder / name).exists():
                raise KeysExist(folder / name)
        # authority.json comes last: when it is there, both are.
        _write_new(folder / NODE_FILE, node_document(node), entropy)
        _write_new(folder / AUTHORITY_FILE, authority_document(authority), entropy)
    except OSError as fault:
        raise FolderNotWritable(folder, fault.strerror or str(fault)) from fault


def load_authority_keys(folder: Path) -> AuthorityKeys:
    """Reads `authority.json`.

    Raises:
        KeysMissing: there is no such file.
        KeysUnreadable: it cannot be read or is damaged.
    """
    return _load(folder / AUTHORITY_FILE, read_authority)


def load_node_keys(folder: Path) -> NodeKeys:
    """Reads `node.json`.

    Raises:
        KeysMissing: there is no such file.
        KeysUnreadable: it cannot be read or is damaged.
    """
    return _load(folder / NODE_FILE, read_node)


def replace_authority_keys(folder: Path, keys: AuthorityKeys, entropy: Entropy) -> None:
    """Puts `keys` in the place of `authority.json`: afterwards the old file is there, or the new one, whole.

    Raises:
        FolderNotWritable: the old file stays.
    """
    _replace(folder / AUTHORITY_FILE, authority_document(keys), entropy)


def replace_node_keys(folder: Path, keys: NodeKeys, entropy: Entropy) -> None:
    """As `replace_authority_keys`, for `node.json`."""
    _replace(folder / NODE_FILE, node_document(keys), entropy)


def _draw(entropy: Entropy) -> tuple[AuthorityKeys, NodeKeys]:
    sealing = (draw_sealing_key(entropy),)
    authority = AuthorityKeys(
        signing_key=draw_key(entropy),
        mac_key=draw_key(entropy),
        form_token_secret=draw_key(entropy),
        sealing_keys=sealing,
    )
    assertion_key = draw_key(entropy)
    node = NodeKeys(
        authority_public_key=authority.public_key,
        sealing_keys=sealing,
        assertion_key=assertion_key,
        assertion_key_id=sha256(public_key_of(assertion_key)).hexdigest()[:16],
    )
    return authority, node


def _write_new(file: Path, fields: dict[str, object], entropy: Entropy) -> None:
    # Written aside and linked into place: a crash leaves no half key file, and link() refuses to overwrite.
    aside = _written_aside(file, fields, entropy)
    try:
        os.link(aside, file)
    except FileExistsError:
        raise KeysExist(file) from None
    finally:
        aside.unlink()
    _sync_folder(file.parent)


def _replace(file: Path, fields: dict[str, object], entropy: Entropy) -> None:
    try:
        aside = _written_aside(file, fields, entropy)
        aside.replace(file)
        _sync_folder(file.parent)
    except OSError as fault:
        raise FolderNotWritable(file.parent, fault.strerror or str(fault)) from fault


def _written_aside(file: Path, fields: dict[str, object], entropy: Entropy) -> Path:
    aside = file.with_name(f".{file.name}.{entropy(8).hex()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as out:
        json.dump(fields, out, indent=2)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    return aside


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _load(file: Path, read: Callable[[bytes], Keys]) -> Keys:
    try:
        return read(file.read_bytes())
    except FileNotFoundError:
        raise KeysMissing(file) from None
    except OSError as fault:
        raise KeysUnreadable(file, fault.strerror or str(fault)) from fault
    except DamagedDocument as fault:
        raise KeysUnreadable(file, str(fault)) from None
