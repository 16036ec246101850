"""Following key files that are replaced while they are in use: nobody has to be restarted when keys rotate.

A replaced file is another file (another inode), so one `stat` tells. Gateways look when a row does not open with the
keys they have; the authority looks at the start of each transaction that writes (ADR 0008 says why there), when a MAC
does not fit, and whenever it makes or checks a form token.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from mandat.authority.interfaces import StorageUnavailable
from mandat.storage.faults import StorageFault
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

    `follow` is called inside each transaction that changes grants or requests, after its lock was taken. So whoever
    replaces the file and then takes that lock knows: everything committed from here on was made with the new keys.
    """

    def __init__(self, keys: AuthorityKeys, entropy: Entropy, *, folder: Path | None = None) -> None:
        """`folder` is where the key files are; None: the keys never change."""
        self._file = None if folder is None else authority_key_file(folder)
        self.keys = keys
        self._following = threading.Lock()
        self.mac = RowMac(*keys.mac_keys, look_again=self._look_again)
        self.signer = RowSigner(keys.signing_key)
        self.verifier = RowVerifier(*keys.public_keys)
        self.sealer = Sealer(keys.sealing_keys, entropy)

    def form_token_secrets(self, at: float) -> list[bytes]:
        """The secrets of form tokens at `at` (Unix seconds), the one that makes them last; those of the file now.

        Raises:
            StorageUnavailable: the file cannot be read.
        """
        self._look_again()
        return self.keys.form_token_secrets(at)

    def follow(self) -> None:
        """Takes the keys that the file holds now. Raises StorageFault when it cannot be read."""
        if self._file is None:
            return
        # Readers ask as well: nobody may be told "nothing new" while somebody else is still taking the new keys.
        with self._following:
            newer = self._file.newer()
            if newer is not None and newer != self.keys:
                self._use(newer)

    def _look_again(self) -> None:
        try:
            self.follow()
        except StorageFault as fault:
            raise StorageUnavailable(fault.sentence) from fault

    def _use(self, keys: AuthorityKeys) -> None:
        self.keys = keys
        self.mac.use(*keys.mac_keys)
        self.signer.use(keys.signing_key)
        self.verifier.use(*keys.public_keys)
        self.sealer.use(keys.sealing_keys)
