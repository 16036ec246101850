"""Following key files that are replaced while they are in use: nobody has to be restarted when keys rotate.

A replaced file is another file (another inode), so one `stat` tells. Gateways look when a row does not open with the
keys they have; the authority looks at the start of each transaction that writes (ADR 0008 says why there).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from mandat.storage.keys.keyrings import (
    AUTHORITY_FILE,
    NODE_FILE,
    AuthorityKeys,
    Entropy,
    NodeKeys,
    load_authority_keys,
    load_node_keys,
)
from mandat.storage.keys.sealing import RowMac, RowSigner, RowVerifier, Sealer

Keys = TypeVar("Keys", AuthorityKeys, NodeKeys)


class KeyFile(Generic[Keys]):
    """One key file, and whether it was replaced."""

    def __init__(self, file: Path, load: Callable[[Path], Keys]) -> None:
        self._file = file
        self._load: Callable[[Path], Keys] = load
        self._stamp: tuple[int, int, int] | None = None

    def newer(self) -> Keys | None:
        """The keys in the file when it was replaced since this was asked last; None when it was not.

        Raises:
            KeysUnreadable, KeysMissing: the file is not usable now. Asked again, it is looked at again.
        """
        try:
            known = self._file.stat()
            stamp = (known.st_ino, known.st_mtime_ns, known.st_size)
        except OSError:
            stamp = None
        if stamp is not None and stamp == self._stamp:
            return None
        keys: Keys = self._load(self._file.parent)
        self._stamp = stamp
        return keys


def node_key_file(folder: Path) -> KeyFile[NodeKeys]:
    """The gateways' file in `folder`."""
    return KeyFile[NodeKeys](folder / NODE_FILE, load_node_keys)


def authority_key_file(folder: Path) -> KeyFile[AuthorityKeys]:
    """The authority's file in `folder`."""
    return KeyFile[AuthorityKeys](folder / AUTHORITY_FILE, load_authority_keys)


class LiveKeys:
    """The authority's tools for protecting rows, with the keys of the moment.

    `follow` is called inside each transaction that changes grants, after its lock was taken. So whoever replaces the
    file and then takes that lock knows: everything committed from here on was made with the new keys.
    """

    def __init__(self, keys: AuthorityKeys, entropy: Entropy, *, folder: Path | None = None) -> None:
        """`folder` is where the key files are; None: the keys never change."""
        self._file = None if folder is None else authority_key_file(folder)
        self.keys = keys
        self.mac = RowMac(keys.mac_key)
        self.signer = RowSigner(keys.signing_key)
        self.verifier = RowVerifier(*keys.public_keys)
        self.sealer = Sealer(keys.sealing_keys, entropy)

    def follow(self) -> None:
        """Takes the keys that the file holds now. Raises StorageFault when it cannot be read."""
        newer = self._file.newer() if self._file is not None else None
        if newer is not None and newer != self.keys:
            self.keys = newer
            self.signer.use(newer.signing_key)
            self.verifier.use(*newer.public_keys)
            self.sealer.use(newer.sealing_keys)
