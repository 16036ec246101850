"""Replacing keys step by step. The key files themselves say which step it is, so a cut-off rotation goes on there.

Sealing keys: (1) `node.json` gets the new key, so that every gateway can open what will be sealed with it;
(2) `authority.json` gets it and seals with it; (3) all secrets are sealed anew; (4) the old key leaves both files.
Signing key: (1) `authority.json` keeps the next key aside; (2) `node.json` accepts both; (3) the authority signs with
it; (4) all rows are signed anew; (5) the old public key leaves both files. A retired sealing key stays in
`authority.json`, because backups may need it, and a retired public key, because it verifies old seals of history.

Nobody may run two rotations at once: the caller holds a lock. Source: ADR 0008, threats.md 3.5.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from mandat.authority.values import AuditEntry
from mandat.storage.keys.keyrings import (
    AuthorityKeys,
    Entropy,
    draw_key,
    draw_sealing_key,
    load_authority_keys,
    load_node_keys,
    public_key_of,
    replace_authority_keys,
    replace_node_keys,
)
from mandat.storage.keys.rekeying import Rekeying


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did. `left` names rows that are not genuine: they stay as they were, and stay refused.

    `went_on` is True when an earlier rotation was finished and no new key was made.
    """

    rows: int
    left: tuple[str, ...]
    went_on: bool


class Rotation:
    """Rotates the keys in `folder`.

    Args:
        folder: the key files.
        entropy: makes keys.
        at_step: called before each step that changes something, for a caller that wants to say or stop something.
    """

    def __init__(self, folder: Path, entropy: Entropy, *, at_step: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        self._entropy = entropy
        self._at_step = at_step

    def prepare_sealing(self) -> bool:
        """Steps 1 and 2. True when an earlier rotation goes on."""
        authority, node = load_authority_keys(self._folder), load_node_keys(self._folder)
        went_on = len(authority.sealing_keys) > 1 or len(node.sealing_keys) > 1
        if not went_on:
            self._at_step("node.json takes the new sealing key")
            node = replace(node, sealing_keys=(*node.sealing_keys, draw_sealing_key(self._entropy)))
            replace_node_keys(self._folder, node, self._entropy)
        known = {key.id for key in authority.sealing_keys}
        missing = tuple(key for key in node.sealing_keys if key.id not in known)
        if missing:
            self._at_step("authority.json seals with the new key")
            authority = replace(authority, sealing_keys=(*authority.sealing_keys, *missing))
            replace_authority_keys(self._folder, authority, self._entropy)
        return went_on

    async def finish_sealing(self, rekeying: Rekeying, audit: AuditEntry, *, went_on: bool) -> Rotated:
        """Steps 3 and 4, with `rekeying` of a storage that follows the key files.

        A secret that does not open keeps the old key in the files, so that nothing is lost by a repair.
        """
        self._at_step("secrets are sealed anew")
        await rekeying.note_rotation(audit, at=audit.at)
        rows, left = await rekeying.seal_secrets()
        if not left:
            self._at_step("node.json drops the old sealing key")
            node = load_node_keys(self._folder)
            replace_node_keys(self._folder, replace(node, sealing_keys=node.sealing_keys[-1:]), self._entropy)
            self._at_step("authority.json retires the old sealing key")
            authority = load_authority_keys(self._folder)
            *old, newest = authority.sealing_keys
            retired = (*authority.retired_sealing_keys, *old)
            authority = replace(authority, sealing_keys=(newest,), retired_sealing_keys=retired)
            replace_authority_keys(self._folder, authority, self._entropy)
        return Rotated(rows, tuple(left), went_on)

    def prepare_signing(self) -> bool:
        """Steps 1 to 3. True when an earlier rotation goes on."""
        authority = load_authority_keys(self._folder)
        went_on = authority.next_signing_key is not None or bool(authority.earlier_public_keys)
        if not went_on:
            self._at_step("authority.json keeps the next signing key aside")
            authority = replace(authority, next_signing_key=draw_key(self._entropy))
            replace_authority_keys(self._folder, authority, self._entropy)
        if authority.next_signing_key is not None:
            self._switch_signing(authority, authority.next_signing_key)
        return went_on

    def _switch_signing(self, authority: AuthorityKeys, next_key: bytes) -> None:
        self._at_step("node.json accepts the next signing key")
        node = replace(
            load_node_keys(self._folder),
            authority_public_key=public_key_of(next_key),
            earlier_public_keys=authority.public_keys,
        )
        replace_node_keys(self._folder, node, self._entropy)
        self._at_step("authority.json signs with the next key")
        switched = replace(
            authority, signing_key=next_key, next_signing_key=None, earlier_public_keys=authority.public_keys
        )
        replace_authority_keys(self._folder, switched, self._entropy)

    async def finish_signing(self, rekeying: Rekeying, audit: AuditEntry, *, went_on: bool) -> Rotated:
        """Steps 4 and 5. Rows that are not genuine do not stop it: with the old key gone they stay refused."""
        self._at_step("rows are signed anew")
        await rekeying.note_rotation(audit, at=audit.at)
        rows, left = await rekeying.sign_rows()
        self._at_step("node.json drops the old public key")
        replace_node_keys(self._folder, replace(load_node_keys(self._folder), earlier_public_keys=()), self._entropy)
        self._at_step("authority.json retires the old public key")
        authority = load_authority_keys(self._folder)
        retired = (*authority.retired_public_keys, *authority.earlier_public_keys)
        authority = replace(authority, earlier_public_keys=(), retired_public_keys=retired)
        replace_authority_keys(self._folder, authority, self._entropy)
        await rekeying.note_rotation(replace(audit, details=audit.details | {"done": "yes"}), at=audit.at)
        return Rotated(rows, tuple(left), went_on)
