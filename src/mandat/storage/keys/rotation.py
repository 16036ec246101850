"""Replacing keys step by step. The keys themselves say which step it is, so a cut-off rotation goes on there.

Sealing keys: (1) the gateways' document gets the new key, so that every gateway can open what will be sealed with it;
(2) the authority's gets it and seals with it; (3) all secrets are sealed anew; (4) the old key leaves both.
Signing key: (1) the authority's document keeps the next key aside; (2) the gateways' accepts both; (3) the authority
signs with it; (4) all rows are signed anew; (5) the old public key leaves both. MAC key: (1) kept aside and accepted;
(2) MACs are made with it; (3) made anew in all rows; (4) the old one leaves. Secret of form tokens: (1) kept aside;
(2) tokens are made with it, and old ones accepted until they would have ended anyway. Retired keys stay with the
authority: backups may need them, and old seals of history their public keys.

Nobody may run two rotations at once: the caller holds a lock. Source: ADR 0008, ADR 0011, threats.md 3.5.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from mandat.authority.values import AuditEntry
from mandat.storage.keys.places import KeyPlace
from mandat.storage.keys.rekeying import Rekeying
from mandat.storage.keys.values import (
    AuthorityKeys,
    EarlierSecret,
    Entropy,
    draw_key,
    draw_sealing_key,
    public_key_of,
)

FORM_TOKEN_SECONDS = 43_200
"""A form belongs to a session, and none lives longer (`authority.login`, `absolute_seconds`)."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did. `left` names rows that are not genuine: they stay as they were, and stay refused.

    `went_on` is True when an earlier rotation was finished and no new key was made.
    """

    rows: int
    left: tuple[str, ...]
    went_on: bool


class Rotation:
    """Rotates the keys in `place`.

    Args:
        place: where the keys are.
        entropy: makes keys.
        at_step: called before each step that changes something, for a caller that wants to say or stop something.
    """

    def __init__(self, place: KeyPlace, entropy: Entropy, *, at_step: Callable[[str], None] = lambda _: None) -> None:
        self._place = place
        self._entropy = entropy
        self._at_step = at_step

    def prepare_sealing(self) -> bool:
        """Steps 1 and 2. True when an earlier rotation goes on."""
        authority, node = self._place.authority(), self._place.node()
        went_on = len(authority.sealing_keys) > 1 or len(node.sealing_keys) > 1
        here = {key.id for key in node.sealing_keys}
        unknown = tuple(key for key in authority.sealing_keys[-1:] if key.id not in here)
        fresh = unknown if went_on or unknown else (draw_sealing_key(self._entropy),)
        if fresh:
            self._at_step("the gateways' keys get the new sealing key")
            node = replace(node, sealing_keys=(*node.sealing_keys, *fresh))
            self._place.put_node(node)
        known = {key.id for key in authority.sealing_keys}
        missing = tuple(key for key in node.sealing_keys if key.id not in known)
        if missing:
            self._at_step("the authority seals with the new key")
            self._place.put_authority(replace(authority, sealing_keys=(*authority.sealing_keys, *missing)))
        return went_on

    async def finish_sealing(self, rekeying: Rekeying, audit: AuditEntry, *, went_on: bool) -> Rotated:
        """Steps 3 and 4, with `rekeying` of a storage that follows the keys.

        A secret that does not open keeps the old key where it is, so that nothing is lost by a repair.
        """
        self._at_step("secrets are sealed anew")
        await rekeying.note_rotation(audit, at=audit.at)
        rows, left = await rekeying.seal_secrets()
        if not left:
            authority = self._place.authority()
            *old, newest = authority.sealing_keys
            self._at_step("the gateways' keys lose the old sealing key")
            self._place.put_node(replace(self._place.node(), sealing_keys=(newest,)))
            self._at_step("the authority retires the old sealing key")
            retired = (*authority.retired_sealing_keys, *old)
            self._place.put_authority(replace(authority, sealing_keys=(newest,), retired_sealing_keys=retired))
        return Rotated(rows, tuple(left), went_on)

    def prepare_signing(self) -> bool:
        """Steps 1 to 3. True when an earlier rotation goes on."""
        authority, node = self._place.authority(), self._place.node()
        agree = node.authority_public_key == authority.public_key
        went_on = authority.next_signing_key is not None or bool(
            # Gateways may be ahead with a key that the authority was never given: that one is lost, and drawn anew.
            authority.earlier_public_keys or (agree and node.earlier_public_keys)
        )
        if not went_on:
            self._at_step("the authority keeps the next signing key aside")
            authority = replace(authority, next_signing_key=draw_key(self._entropy))
            self._place.put_authority(authority)
        if authority.next_signing_key is not None:
            self._switch_signing(authority, authority.next_signing_key)
        elif not agree:
            self._accept(authority.public_key, earlier=authority.earlier_public_keys)
        return went_on

    def _switch_signing(self, authority: AuthorityKeys, next_key: bytes) -> None:
        self._accept(public_key_of(next_key), earlier=authority.public_keys)
        self._at_step("the authority signs with the next key")
        switched = replace(
            authority, signing_key=next_key, next_signing_key=None, earlier_public_keys=authority.public_keys
        )
        self._place.put_authority(switched)

    def _accept(self, public_key: bytes, *, earlier: tuple[bytes, ...]) -> None:
        self._at_step("gateways accept the next signing key")
        node = replace(self._place.node(), authority_public_key=public_key, earlier_public_keys=earlier)
        self._place.put_node(node)

    async def finish_signing(self, rekeying: Rekeying, audit: AuditEntry, *, went_on: bool) -> Rotated:
        """Steps 4 and 5. Rows that are not genuine do not stop it: with the old key gone they stay refused."""
        self._at_step("rows are signed anew")
        await rekeying.note_rotation(audit, at=audit.at)
        rows, left = await rekeying.sign_rows()
        self._at_step("the gateways' keys lose the old public key")
        self._place.put_node(replace(self._place.node(), earlier_public_keys=()))
        self._at_step("the authority retires the old public key")
        authority = self._place.authority()
        retired = (*authority.retired_public_keys, *authority.earlier_public_keys)
        self._place.put_authority(replace(authority, earlier_public_keys=(), retired_public_keys=retired))
        await rekeying.note_rotation(replace(audit, details=audit.details | {"done": "yes"}), at=audit.at)
        return Rotated(rows, tuple(left), went_on)

    def prepare_mac(self) -> bool:
        """Step 1. True when an earlier rotation goes on."""
        authority = self._place.authority()
        went_on = authority.next_mac_key is not None or bool(authority.earlier_mac_keys)
        if not went_on:
            self._at_step("the authority accepts MACs of the next key")
            self._place.put_authority(replace(authority, next_mac_key=draw_key(self._entropy)))
        return went_on

    def switch_mac(self) -> None:
        """Step 2, unless it was done."""
        authority = self._place.authority()
        if authority.next_mac_key is None:
            return
        self._at_step("MACs are made with the next key")
        earlier = (authority.mac_key, *authority.earlier_mac_keys)
        self._place.put_authority(
            replace(authority, mac_key=authority.next_mac_key, next_mac_key=None, earlier_mac_keys=earlier)
        )

    async def finish_mac(self, rekeying: Rekeying, audit: AuditEntry, *, went_on: bool) -> Rotated:
        """Steps 2 to 4. Rows that are not genuine do not stop it: with the old key gone they stay refused."""
        self.switch_mac()
        self._at_step("rows get their MAC anew")
        await rekeying.note_rotation(audit, at=audit.at, concerns_gateways=False)
        rows, left = await rekeying.make_macs()
        self._at_step("the authority retires the old MAC key")
        authority = self._place.authority()
        retired = (*authority.retired_mac_keys, *authority.earlier_mac_keys)
        self._place.put_authority(replace(authority, earlier_mac_keys=(), retired_mac_keys=retired))
        return Rotated(rows, tuple(left), went_on)

    def prepare_forms(self) -> bool:
        """Step 1. True when an earlier rotation goes on."""
        authority = self._place.authority()
        if authority.next_form_token_secret is not None:
            return True
        self._at_step("the authority accepts form tokens of the next secret")
        self._place.put_authority(replace(authority, next_form_token_secret=draw_key(self._entropy)))
        return False

    async def finish_forms(self, rekeying: Rekeying, audit: AuditEntry, *, went_on: bool) -> Rotated:
        """Step 2; also drops secrets that nobody can hold a form of any more."""
        authority = self._place.authority()
        await rekeying.note_rotation(audit, at=audit.at, concerns_gateways=False)
        if authority.next_form_token_secret is not None:
            self._at_step("form tokens are made with the next secret")
            replaced = EarlierSecret(authority.form_token_secret, until=audit.at + FORM_TOKEN_SECONDS)
            earlier = tuple(each for each in authority.earlier_form_token_secrets if audit.at < each.until)
            switched = replace(
                authority,
                form_token_secret=authority.next_form_token_secret,
                next_form_token_secret=None,
                earlier_form_token_secrets=(*earlier, replaced),
            )
            self._place.put_authority(switched)
        return Rotated(0, (), went_on)
