"""Keys as JSON documents: what the key files hold, and what a variable or a command hands over instead.

Members that are missing are empty, so that documents of earlier versions stay readable.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any, TypeVar

from mandat.storage.keys.values import KEY_BYTES, AuthorityKeys, EarlierSecret, NodeKeys, SealingKey

_FORMAT = 1

Item = TypeVar("Item")


class DamagedDocument(Exception):
    """A document that holds no keys of ours. Its text says why and quotes nothing of it."""


def authority_document(keys: AuthorityKeys) -> dict[str, object]:
    """What `read_authority` reads, as JSON has it."""
    return {
        "format": _FORMAT,
        "signing_key": _encoded(keys.signing_key),
        "mac_key": _encoded(keys.mac_key),
        "form_token_secret": _encoded(keys.form_token_secret),
        "sealing_keys": _listed(keys.sealing_keys),
        **_present("next_signing_key", keys.next_signing_key),
        "earlier_public_keys": [_encoded(key) for key in keys.earlier_public_keys],
        "retired_public_keys": [_encoded(key) for key in keys.retired_public_keys],
        "retired_sealing_keys": _listed(keys.retired_sealing_keys),
        **_present("next_mac_key", keys.next_mac_key),
        "earlier_mac_keys": [_encoded(key) for key in keys.earlier_mac_keys],
        "retired_mac_keys": [_encoded(key) for key in keys.retired_mac_keys],
        **_present("next_form_token_secret", keys.next_form_token_secret),
        "earlier_form_token_secrets": [
            {"secret": _encoded(each.secret), "until": each.until} for each in keys.earlier_form_token_secrets
        ],
    }


def node_document(keys: NodeKeys) -> dict[str, object]:
    """What `read_node` reads, as JSON has it."""
    return {
        "format": _FORMAT,
        "authority_public_key": _encoded(keys.authority_public_key),
        "earlier_public_keys": [_encoded(key) for key in keys.earlier_public_keys],
        "sealing_keys": _listed(keys.sealing_keys),
        "assertion_key": {"id": keys.assertion_key_id, "private_key": _encoded(keys.assertion_key)},
    }


def read_authority(text: bytes) -> AuthorityKeys:
    """The authority's keys out of a document. Raises DamagedDocument."""
    return _read(text, _authority)


def read_node(text: bytes) -> NodeKeys:
    """A gateway's keys out of a document. Raises DamagedDocument."""
    return _read(text, _node)


def _read(text: bytes, build: Callable[[dict[str, Any]], Item]) -> Item:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise DamagedDocument("it is not JSON") from None
    if not isinstance(fields, dict) or fields.get("format") != _FORMAT:
        raise DamagedDocument("it is of another format")
    try:
        return build(fields)
    except (KeyError, TypeError, ValueError):
        # Nothing is chained: the cause could quote a key.
        raise DamagedDocument("its content is damaged") from None


def _authority(fields: dict[str, Any]) -> AuthorityKeys:
    return AuthorityKeys(
        signing_key=_key(fields["signing_key"]),
        mac_key=_key(fields["mac_key"]),
        form_token_secret=_key(fields["form_token_secret"]),
        sealing_keys=_sealing_keys(fields["sealing_keys"]),
        next_signing_key=_key_or_none(fields.get("next_signing_key")),
        earlier_public_keys=_items(fields.get("earlier_public_keys", []), _key),
        retired_public_keys=_items(fields.get("retired_public_keys", []), _key),
        retired_sealing_keys=_items(fields.get("retired_sealing_keys", []), _sealing_key),
        next_mac_key=_key_or_none(fields.get("next_mac_key")),
        earlier_mac_keys=_items(fields.get("earlier_mac_keys", []), _key),
        retired_mac_keys=_items(fields.get("retired_mac_keys", []), _key),
        next_form_token_secret=_key_or_none(fields.get("next_form_token_secret")),
        earlier_form_token_secrets=_items(fields.get("earlier_form_token_secrets", []), _earlier_secret),
    )


def _node(fields: dict[str, Any]) -> NodeKeys:
    assertion = fields["assertion_key"]
    return NodeKeys(
        authority_public_key=_key(fields["authority_public_key"]),
        sealing_keys=_sealing_keys(fields["sealing_keys"]),
        assertion_key=_key(assertion["private_key"]),
        assertion_key_id=_text(assertion["id"]),
        earlier_public_keys=_items(fields.get("earlier_public_keys", []), _key),
    )


def _present(name: str, key: bytes | None) -> dict[str, object]:
    return {} if key is None else {name: _encoded(key)}


def _listed(keys: tuple[SealingKey, ...]) -> list[dict[str, str]]:
    return [{"id": key.id, "key": _encoded(key.key)} for key in keys]


def _encoded(key: bytes) -> str:
    return urlsafe_b64encode(key).decode("ascii")


def _sealing_keys(value: object) -> tuple[SealingKey, ...]:
    keys = _items(value, _sealing_key)
    if not keys:
        raise ValueError("sealing_keys")
    return keys


def _sealing_key(item: Any) -> SealingKey:
    return SealingKey(id=_text(item["id"]), key=_key(item["key"]))


def _earlier_secret(item: Any) -> EarlierSecret:
    if not isinstance(item["until"], int):
        raise TypeError("whole seconds expected")
    return EarlierSecret(secret=_key(item["secret"]), until=item["until"])


def _items(value: object, read: Callable[[Any], Item]) -> tuple[Item, ...]:
    if not isinstance(value, list):
        raise TypeError("list expected")
    return tuple(read(item) for item in value)


def _key_or_none(value: object) -> bytes | None:
    return None if value is None else _key(value)


def _key(value: object) -> bytes:
    key = urlsafe_b64decode(_text(value))
    if len(key) != KEY_BYTES:
        raise ValueError("key length")
    return key


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value
