"""Rows of `credentials`: reading them, signing them, and moving them along the life cycle. Inside transactions only.

The signature is over what enforcement reads (`core.grant_bytes`); the MAC covers every column, the signature included.
"""

from typing import Any

from sqlalchemy import Connection, update

from mandat.authority.values import Credential
from mandat.core.credential import CredentialEvent, CredentialState, next_state
from mandat.core.grant import Grant
from mandat.core.grant_bytes import grant_bytes
from mandat.core.rules import compile_rules
from mandat.storage.engine.tables import credentials
from mandat.storage.keys.sealing import RowMac, RowSigner
from mandat.storage.rows import read_networks, read_rules
from mandat.storage.stores.audit import AuditedRecord
from mandat.storage.stores.change_log import note_grant_change
from mandat.storage.stores.guard import Row, RowGuard

_GUARDED = (
    "id",
    "application_id",
    "account",
    "user_id",
    "consumer_key_hash",
    "request_token_hash",
    "state",
    "suspended",
    "rules",
    "allowed_networks",
    "created",
    "expires",
    "changed",
    "version",
    "signature",
)


def row_guard(mac: RowMac) -> RowGuard:
    """Tells genuine rows of this table from altered ones."""
    return RowGuard(mac, "credential", _GUARDED)


class CredentialRows:
    """Reads and writes rows of `credentials` as the authority."""

    def __init__(self, mac: RowMac, signer: RowSigner) -> None:
        self.guard = row_guard(mac)
        self._signer = signer

    def protect(self, values: Row) -> dict[str, Any]:
        """`values` with the signature and MAC that belong to them."""
        signed = {**values, "signature": self._signer.sign(signed_bytes(values))}
        return {**signed, "mac": self.guard.mac_of(signed)}

    def rewrite(self, connection: Connection, row: Row, changes: Row, *, at: int) -> AuditedRecord | None:
        """Writes `changes` if the row is still in the state it was read in, and tells the gateways.

        Returns:
            What to write into the history with it; None when somebody else moved the row meanwhile.

        Raises:
            RecordTampered: `row` is not genuine, so nothing of it may be signed again.
        """
        self.guard.read(row, credential_of)
        values = self.protect({**row, **changes, "changed": at, "version": row["version"] + 1})
        condition = (credentials.c.id == row["id"]) & (credentials.c.state == row["state"])
        if connection.execute(update(credentials).where(condition), values).rowcount != 1:
            return None
        note_grant_change(connection, row["consumer_key_hash"], at=at)
        return AuditedRecord.credential(values)

    def apply_event(self, connection: Connection, row: Row, event: CredentialEvent, *, at: int) -> AuditedRecord | None:
        """Moves a genuine row along the edge of `event`.

        Returns:
            What to write into the history with it. None when its state has no such edge, and when the row is not
            genuine: that one permits nothing anyway (enforcement refuses it), and must not keep its neighbours from
            being revoked.
        """
        genuine = self.guard.read_all([row], credential_of)
        after = next_state(genuine[0].state, event) if genuine else None
        return None if after is None else self.rewrite(connection, row, {"state": after.value}, at=at)


def credential_of(row: Row) -> Credential:
    """The record in a row. Raises DamagedRow or ValueError when a column holds what was never written there."""
    return Credential(
        id=row["id"],
        application_id=row["application_id"],
        account=row["account"],
        user_id=row["user_id"],
        consumer_key_hash=row["consumer_key_hash"],
        request_token_hash=row["request_token_hash"],
        state=CredentialState(row["state"]),
        suspended=row["suspended"],
        rules=read_rules(row["rules"]),
        allowed_networks=read_networks(row["allowed_networks"]),
        created=row["created"],
        expires=row["expires"],
    )


def signed_bytes(values: Row) -> bytes:
    """What the authority signs for a row of `credentials`. Raises as `credential_of` does."""
    grant = Grant(
        credential_id=values["id"],
        application_id=values["application_id"],
        consumer_key_hash=values["consumer_key_hash"],
        account=values["account"],
        state=CredentialState(values["state"]),
        suspended=values["suspended"],
        rules=compile_rules(read_rules(values["rules"])),
        allowed_networks=read_networks(values["allowed_networks"]),
        created=values["created"],
        expires=values["expires"],
    )
    return grant_bytes(grant, version=values["version"])
