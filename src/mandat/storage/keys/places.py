"""Where the keys are that a rotation replaces: in a folder, or in a store of the operator's own that he writes to."""

from pathlib import Path
from typing import Protocol

from mandat.storage.keys.keyrings import (
    load_authority_keys,
    load_node_keys,
    replace_authority_keys,
    replace_node_keys,
)
from mandat.storage.keys.values import AuthorityKeys, Entropy, NodeKeys


class KeyPlace(Protocol):
    """Keys to read and to replace. Every method may raise StorageFault."""

    def authority(self) -> AuthorityKeys:
        """The authority's keys as they are now."""

    def node(self) -> NodeKeys:
        """The gateways' keys as they are now."""

    def put_authority(self, keys: AuthorityKeys) -> None:
        """Replaces the authority's keys, as a whole."""

    def put_node(self, keys: NodeKeys) -> None:
        """Replaces the gateways' keys, as a whole."""


class KeyFolder:
    """`KeyPlace`: the two key files."""

    def __init__(self, folder: Path, entropy: Entropy) -> None:
        self._folder = folder
        self._entropy = entropy

    def authority(self) -> AuthorityKeys:
        """See `KeyPlace`."""
        return load_authority_keys(self._folder)

    def node(self) -> NodeKeys:
        """See `KeyPlace`."""
        return load_node_keys(self._folder)

    def put_authority(self, keys: AuthorityKeys) -> None:
        """See `KeyPlace`."""
        replace_authority_keys(self._folder, keys, self._entropy)

    def put_node(self, keys: NodeKeys) -> None:
        """See `KeyPlace`."""
        replace_node_keys(self._folder, keys, self._entropy)


class KeysOutside:
    """`KeyPlace`: what the operator's store handed over. Replacements are kept here until he puts them there."""

    def __init__(self, authority: AuthorityKeys, node: NodeKeys) -> None:
        self._found = (authority, node)
        self._authority = authority
        self._node = node

    @property
    def authority_is_new(self) -> bool:
        """True when the authority's keys are other ones than those that were found."""
        return self._authority != self._found[0]

    @property
    def node_is_new(self) -> bool:
        """True when the gateways' keys are other ones than those that were found."""
        return self._node != self._found[1]

    def authority(self) -> AuthorityKeys:
        """See `KeyPlace`."""
        return self._authority

    def node(self) -> NodeKeys:
        """See `KeyPlace`."""
        return self._node

    def put_authority(self, keys: AuthorityKeys) -> None:
        """See `KeyPlace`."""
        self._authority = keys

    def put_node(self, keys: NodeKeys) -> None:
        """See `KeyPlace`."""
        self._node = keys
