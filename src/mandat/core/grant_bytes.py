"""What exactly the authority signs when it writes a row, as bytes that can be read in one way only.

Each kind of row starts with a text of its own, so that no signature can be moved to another kind. Every field is
preceded by its length, lists by their number of items, and an absent value is not the empty one. Two different rows
never give the same bytes. Fields are only ever appended, never reordered: each change of this list needs a new opening
text. Source: design.md 6.
"""

from collections.abc import Sequence

from mandat.core.grant import Grant

_GRANT = b"mandat grant 1"
_APPLICATION = b"mandat application 1"
_APPLICATION_WITH_ENDS = b"mandat application 2"
_ABSENT = b"\xff\xff\xff\xff"


def grant_bytes(grant: Grant, *, version: int) -> bytes:
    """The bytes to sign for a credential's row.

    Args:
        grant: the row as enforcement will read it.
        version: how often the row was written, counted by storage.
    """
    rules = [_joined(_text(rule.method), _text(rule.path)) for rule in grant.rules.rules]
    networks = None if grant.allowed_networks is None else [_text(str(network)) for network in grant.allowed_networks]
    return _joined(
        _field(_GRANT),
        _number(version),
        _number(grant.credential_id),
        _number(grant.application_id),
        _field(grant.consumer_key_hash),
        _text(grant.account),
        _text(grant.state.value),
        _flag(grant.suspended),
        _list(rules),
        _list(networks),
        _number(grant.created),
        _number(grant.expires),
    )


def application_bytes(
    *,
    application_id: int,
    key: str,
    name: str,
    description: str,
    owner: str,
    status: str,
    strict: bool,
    sealed_secrets: Sequence[bytes],
    version: int,
    secret_ends: Sequence[int | None] = (),
) -> bytes:
    """The bytes to sign for an application's row.

    Args:
        application_id: the row's id; the other fields are as in the row.
        key: the application key.
        name: what customers read.
        description: what customers read.
        owner: the developer's account.
        status: as on the wire.
        strict: takes away the replay grace.
        sealed_secrets: secrets in their sealed form, oldest first.
        version: how often the row was written, counted by storage.
        secret_ends: when each secret ends (Unix seconds, None: never), in the same order. Where no secret has an end,
            the bytes are those that were signed before secrets could end.
    """
    ends = any(end is not None for end in secret_ends)
    secrets = [_field(secret) for secret in sealed_secrets]
    if ends:
        secrets = [_joined(secret, _number(end)) for secret, end in zip(secrets, secret_ends, strict=True)]
    return _joined(
        _field(_APPLICATION_WITH_ENDS if ends else _APPLICATION),
        _number(version),
        _number(application_id),
        _text(key),
        _text(name),
        _text(description),
        _text(owner),
        _text(status),
        _flag(strict),
        _list(secrets),
    )


def _joined(*fields: bytes) -> bytes:
    return b"".join(fields)


def _field(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _text(value: str) -> bytes:
    return _field(value.encode())


def _number(value: int | None) -> bytes:
    return _ABSENT if value is None else _field(b"%d" % value)


def _flag(value: bool) -> bytes:
    return _field(b"yes" if value else b"no")


def _list(items: Sequence[bytes] | None) -> bytes:
    """`items` are fields already."""
    return _ABSENT if items is None else len(items).to_bytes(4, "big") + b"".join(items)
