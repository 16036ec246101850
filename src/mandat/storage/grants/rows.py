"""From rows to grants and applications: nothing leaves here that the authority did not sign.

Knows no database: rows come as tuples of values. Where they are read is the loaders' business.
"""

from collections.abc import Callable, Sequence
from typing import Any

from mandat.core.credential import CredentialState
from mandat.core.grant import Grant, KnownApplication
from mandat.core.grant_bytes import application_bytes, grant_bytes
from mandat.core.rules import compile_rules
from mandat.enforcement.interfaces import SourceUnavailable
from mandat.storage.faults import StorageFault
from mandat.storage.keys.keyrings import NodeKeys
from mandat.storage.keys.sealing import RowVerifier, SealedSecret, Unsealer
from mandat.storage.rows import DamagedRow, read_networks, read_rules

_USABLE = frozenset({"active", "trusted"})
"""wire.md 2: applications in the other states may not be used."""

GRANT_QUERY = (
    "SELECT id, application_id, account, state, suspended, rules, allowed_networks, created, expires,"
    " version, signature FROM credentials WHERE consumer_key_hash = ?"
)
PENDING_QUERY = (
    "SELECT application_id, rules, allowed_networks, created, expires"
    " FROM permission_requests WHERE consumer_key_hash = ?"
)
APPLICATION_QUERY = (
    "SELECT id, name, description, owner, status, strict, version, signature FROM applications WHERE key = ?"
)
SECRETS_QUERY = "SELECT id, key_id, sealed, ends FROM application_secrets WHERE application_id = ? ORDER BY id"

_GRANT_TYPES = (int, int, str, str, int, str, (str, type(None)), int, (int, type(None)), int, bytes)
_SECRET_TYPES = (int, str, bytes, (int, type(None)))
_APPLICATION_TYPES = (int, str, str, str, str, int, int, bytes)
_PENDING_TYPES = (int, str, (str, type(None)), int, int)


NewerKeys = Callable[[], NodeKeys | None]
"""The keys that replaced those in use, or None. Asked when a row does not open; may raise StorageFault."""


class GrantRows:
    """Verifies rows. Every method raises SourceUnavailable for one that is not as the authority wrote it.

    A row that does not verify may have been written with keys that are newer than ours: then it is tried again once.
    """

    def __init__(self, keys: NodeKeys, newer_keys: NewerKeys = lambda: None) -> None:
        self._newer_keys = newer_keys
        self._verifier = RowVerifier(*keys.public_keys)
        self._unsealer = Unsealer(keys.sealing_keys)

    def follow_keys(self) -> bool:
        """Takes the keys that replaced ours, also to stop accepting old ones. True when there were any.

        Raises SourceUnavailable when they cannot be read.
        """
        try:
            keys = self._newer_keys()
        except StorageFault as fault:
            raise SourceUnavailable(fault.sentence) from fault
        if keys is None:
            return False
        self._verifier.use(*keys.public_keys)
        self._unsealer = Unsealer(keys.sealing_keys)
        return True

    def application(self, key: str, row: tuple[object, ...], secrets: list[tuple[object, ...]]) -> KnownApplication:
        """From the row that APPLICATION_QUERY finds and those that SECRETS_QUERY finds for it."""
        try:
            application_id, name, description, owner, status, strict, version, signature = _typed(
                row, _APPLICATION_TYPES
            )
            rows = [_typed(secret, _SECRET_TYPES) for secret in secrets]
            sealed = [SealedSecret(key_id, content) for _, key_id, content, _ in rows]
            ends = tuple(end for *_, end in rows)
            message = application_bytes(
                application_id=application_id,
                key=key,
                name=name,
                description=description,
                owner=owner,
                status=status,
                strict=bool(strict),
                sealed_secrets=[secret.sealed for secret in sealed],
                version=version,
                secret_ends=ends,
            )
        except (DamagedRow, ValueError) as fault:
            raise SourceUnavailable("an application's row is damaged") from fault
        unsealed = self._opened(application_id, sealed, signature, message)
        if unsealed is None and self.follow_keys():
            unsealed = self._opened(application_id, sealed, signature, message)
        if unsealed is None:
            raise SourceUnavailable(f"application {application_id} is not as the authority wrote it")
        return KnownApplication(
            id=application_id,
            key=key,
            active=status in _USABLE,
            strict=bool(strict),
            secrets=unsealed,
            secret_ids=tuple(secret_id for secret_id, *_ in rows),
            secret_ends=ends if any(end is not None for end in ends) else (),
        )

    def _opened(
        self, application_id: int, sealed: Sequence[SealedSecret], signature: bytes, message: bytes
    ) -> tuple[bytes, ...] | None:
        """The secrets, when all of them open and the signature is the authority's."""
        opened = [self._unsealer.unseal(secret, application_id=application_id) for secret in sealed]
        unsealed = tuple(secret for secret in opened if secret is not None)
        return unsealed if len(unsealed) == len(sealed) and self._verifier.check(signature, message) else None

    def grant(self, consumer_key_hash: bytes, row: tuple[object, ...]) -> Grant:
        """From the row that GRANT_QUERY finds."""
        try:
            *columns, version, signature = _typed(row, _GRANT_TYPES)
            credential_id, application_id, account, state, suspended, rules, networks, created, expires = columns
            grant = Grant(
                credential_id=credential_id,
                application_id=application_id,
                consumer_key_hash=consumer_key_hash,
                account=account,
                state=CredentialState(state),
                suspended=bool(suspended),
                rules=compile_rules(read_rules(rules)),
                allowed_networks=read_networks(networks),
                created=created,
                expires=expires,
            )
            message = grant_bytes(grant, version=version)
        except (DamagedRow, ValueError) as fault:
            raise SourceUnavailable("a credential's row is damaged") from fault
        genuine = self._verifier.check(signature, message)
        if not genuine and self.follow_keys():
            genuine = self._verifier.check(signature, message)
        if not genuine:
            raise SourceUnavailable(f"credential {credential_id} is not as the authority wrote it")
        return grant

    def pending(self, consumer_key_hash: bytes, row: tuple[object, ...]) -> Grant:
        """A request that waits, from the row that PENDING_QUERY finds; without credential id and account yet.

        Not verified, because nothing in it can permit anything: the state is what counts. Raises SourceUnavailable.
        """
        try:
            application_id, rules, networks, created, expires = _typed(row, _PENDING_TYPES)
            return Grant(
                credential_id=0,
                application_id=application_id,
                consumer_key_hash=consumer_key_hash,
                account="",
                state=CredentialState.PENDING,
                suspended=False,
                rules=compile_rules(read_rules(rules)),
                allowed_networks=read_networks(networks),
                created=created,
                expires=expires,
            )
        except DamagedRow as fault:
            raise SourceUnavailable("a permission request's row is damaged") from fault


def _typed(row: tuple[object, ...], types: tuple[Any, ...]) -> tuple[Any, ...]:
    """`row`, every value of which has the type it was written with. SQLite keeps a value of any type in any column."""
    for value, expected in zip(row, types, strict=True):
        if not isinstance(value, expected):
            raise DamagedRow(type(value).__name__)
    return row
