"""Key files: made once, never lost. Only `storage.keys.rotation` replaces them, each time as a whole.

Two files in one folder, so that a node which only enforces never holds what can mint a right (design.md 6):

- `authority.json`: the private key that signs grants, the MAC key for accounts and sessions, the secret of form
  tokens, and the keys that seal application secrets;
- `node.json`: the authority's public keys, the same sealing keys, the private key of the assertions a gateway makes.

The folder belongs outside whatever backs the databases up: a stolen backup then opens nothing.
"""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mandat.storage.faults import FolderNotWritable, KeysExist, KeysMissing, KeysUnreadable

Entropy = Callable[[int], bytes]

AUTHORITY_FILE = "authority.json"
NODE_FILE = "node.json"
_FORMAT = 1
_KEY_BYTES = 32
"""Ed25519 seeds, HMAC-SHA-256 and AES-256 keys are all this long."""


@dataclass(frozen=True, slots=True)
class SealingKey:
    """An AES-256-GCM key for application secrets. `id` stands in every row sealed with it."""

    id: str
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AuthorityKeys:
    """What the authority process holds. Keys are raw bytes; `sealing_keys` has the one to seal with last.

    While keys rotate (ADR 0008): `next_signing_key` is about to replace `signing_key`, and what `earlier_public_keys`
    verify is still accepted. What was replaced before stays in `retired_...`, for backups and the seals of history.
    """

    signing_key: bytes = field(repr=False)
    mac_key: bytes = field(repr=False)
    form_token_secret: bytes = field(repr=False)
    sealing_keys: tuple[SealingKey, ...]
    next_signing_key: bytes | None = field(default=None, repr=False)
    earlier_public_keys: tuple[bytes, ...] = ()
    retired_public_keys: tuple[bytes, ...] = ()
    retired_sealing_keys: tuple[SealingKey, ...] = ()

    @property
    def public_key(self) -> bytes:
        """The Ed25519 key that verifies what `signing_key` signs (32 bytes)."""
        return _public_key(self.signing_key)

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The keys whose signatures are accepted on rows, the current one first."""
        return (self.public_key, *self.earlier_public_keys)

    @property
    def all_public_keys(self) -> tuple[bytes, ...]:
        """Those, and the ones of former times: they signed seals of history that stay as they are."""
        return (*self.public_keys, *self.retired_public_keys)


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """What every gateway holds. `assertion_key` is a raw Ed25519 private key; nothing here can sign a grant.

    While the authority's signing key rotates, `earlier_public_keys` verify the rows that it has not signed again yet.
    """

    authority_public_key: bytes
    sealing_keys: tuple[SealingKey, ...]
    assertion_key: bytes = field(repr=False)
    assertion_key_id: str
    earlier_public_keys: tuple[bytes, ...] = ()

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """The keys whose signatures are accepted on rows, the current one first."""
        return (self.authority_public_key, *self.earlier_public_keys)

    @property
    def assertion_public_key(self) -> bytes:
        """What upstreams verify assertions with (32 bytes)."""
        return _public_key(self.assertion_key)


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
        _write_new(folder / NODE_FILE, _node_fields(node), entropy)
        _write_new(folder / AUTHORITY_FILE, _authority_fields(authority), entropy)
    except OSError as fault:
        raise FolderNotWritable(folder, fault.strerror or str(fault)) from fault


def load_authority_keys(folder: Path) -> AuthorityKeys:
    """Reads `authority.json`.

    Raises:
        KeysMissing: there is no such file.
        KeysUnreadable: it cannot be read or is damaged.
    """
    fields = _read(folder / AUTHORITY_FILE)
    try:
        return AuthorityKeys(
            signing_key=_key(fields["signing_key"]),
            mac_key=_key(fields["mac_key"]),
            form_token_secret=_key(fields["form_token_secret"]),
            sealing_keys=_sealing_keys(fields["sealing_keys"]),
            next_signing_key=_key(fields["next_signing_key"]) if "next_signing_key" in fields else None,
            earlier_public_keys=_keys(fields.get("earlier_public_keys", [])),
            retired_public_keys=_keys(fields.get("retired_public_keys", [])),
            retired_sealing_keys=_sealing_keys(fields.get("retired_sealing_keys", []), or_none=True),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise KeysUnreadable(folder / AUTHORITY_FILE, "its content is damaged") from fault


def load_node_keys(folder: Path) -> NodeKeys:
    """Reads `node.json`.

    Raises:
        KeysMissing: there is no such file.
        KeysUnreadable: it cannot be read or is damaged.
    """
    fields = _read(folder / NODE_FILE)
    try:
        assertion = fields["assertion_key"]
        if not isinstance(assertion, dict):
            raise TypeError("assertion_key")
        return NodeKeys(
            authority_public_key=_key(fields["authority_public_key"]),
            sealing_keys=_sealing_keys(fields["sealing_keys"]),
            assertion_key=_key(assertion["private_key"]),
            assertion_key_id=_text(assertion["id"]),
            earlier_public_keys=_keys(fields.get("earlier_public_keys", [])),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise KeysUnreadable(folder / NODE_FILE, "its content is damaged") from fault


def replace_authority_keys(folder: Path, keys: AuthorityKeys, entropy: Entropy) -> None:
    """Puts `keys` in the place of `authority.json`: afterwards the old file is there, or the new one, whole.

    Raises:
        FolderNotWritable: the old file stays.
    """
    _replace(folder / AUTHORITY_FILE, _authority_fields(keys), entropy)


def replace_node_keys(folder: Path, keys: NodeKeys, entropy: Entropy) -> None:
    """As `replace_authority_keys`, for `node.json`."""
    _replace(folder / NODE_FILE, _node_fields(keys), entropy)


def draw_key(entropy: Entropy) -> bytes:
    """A new key of the length all of ours have."""
    return entropy(_KEY_BYTES)


def draw_sealing_key(entropy: Entropy) -> SealingKey:
    """A new key for application secrets."""
    return SealingKey(id=entropy(4).hex(), key=draw_key(entropy))


def public_key_of(signing_key: bytes) -> bytes:
    """The Ed25519 key that verifies what `signing_key` signs (32 bytes)."""
    return _public_key(signing_key)


def _draw(entropy: Entropy) -> tuple[AuthorityKeys, NodeKeys]:
    sealing = (draw_sealing_key(entropy),)
    authority = AuthorityKeys(
        signing_key=entropy(_KEY_BYTES),
        mac_key=entropy(_KEY_BYTES),
        form_token_secret=entropy(_KEY_BYTES),
        sealing_keys=sealing,
    )
    assertion_key = entropy(_KEY_BYTES)
    node = NodeKeys(
        authority_public_key=authority.public_key,
        sealing_keys=sealing,
        assertion_key=assertion_key,
        assertion_key_id=sha256(_public_key(assertion_key)).hexdigest()[:16],
    )
    return authority, node


def _public_key(private_key: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def _authority_fields(keys: AuthorityKeys) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "signing_key": _encoded(keys.signing_key),
        "mac_key": _encoded(keys.mac_key),
        "form_token_secret": _encoded(keys.form_token_secret),
        "sealing_keys": _listed(keys.sealing_keys),
        **({} if keys.next_signing_key is None else {"next_signing_key": _encoded(keys.next_signing_key)}),
        "earlier_public_keys": [_encoded(key) for key in keys.earlier_public_keys],
        "retired_public_keys": [_encoded(key) for key in keys.retired_public_keys],
        "retired_sealing_keys": _listed(keys.retired_sealing_keys),
    }


def _listed(keys: tuple[SealingKey, ...]) -> list[dict[str, str]]:
    return [{"id": key.id, "key": _encoded(key.key)} for key in keys]


def _node_fields(keys: NodeKeys) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "authority_public_key": _encoded(keys.authority_public_key),
        "earlier_public_keys": [_encoded(key) for key in keys.earlier_public_keys],
        "sealing_keys": _listed(keys.sealing_keys),
        "assertion_key": {"id": keys.assertion_key_id, "private_key": _encoded(keys.assertion_key)},
    }


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


def _read(file: Path) -> dict[str, object]:
    try:
        fields = json.loads(file.read_bytes())
    except FileNotFoundError:
        raise KeysMissing(file) from None
    except OSError as fault:
        raise KeysUnreadable(file, fault.strerror or str(fault)) from fault
    except ValueError as fault:
        raise KeysUnreadable(file, "it is not JSON") from fault
    if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
        raise KeysUnreadable(file, "it is of another format")
    return fields


def _sealing_keys(value: object, *, or_none: bool = False) -> tuple[SealingKey, ...]:
    if not isinstance(value, list) or not (value or or_none):
        raise ValueError("sealing_keys")
    return tuple(SealingKey(id=_text(item["id"]), key=_key(item["key"])) for item in value)


def _keys(value: object) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise TypeError("list expected")
    return tuple(_key(item) for item in value)


def _encoded(key: bytes) -> str:
    return urlsafe_b64encode(key).decode("ascii")


def _key(value: object) -> bytes:
    key = urlsafe_b64decode(_text(value))
    if len(key) != _KEY_BYTES:
        raise ValueError("key length")
    return key


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value
