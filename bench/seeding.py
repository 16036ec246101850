"""Credentials by the million: rows as the authority writes them, signed, but prepared and inserted in bulk.

Going through the authority costs a millisecond a credential; this some 40 us, on all cores. All text of a row that does
not change is encoded once: rows have numbers of one length, so their signed bytes differ at known places only. The
first row of each rule set is compared with what `CredentialRows` writes, so that this cannot drift from the product.
"""

import hmac
import multiprocessing
import sqlite3
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from mandat.protocol.access_rule import AccessRule
from mandat.storage.engine.files import GRANTS
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.keys.sealing import RowMac, RowSigner, canonical
from mandat.storage.rows import rules_text
from mandat.storage.stores.credential_rows import CredentialRows, signed_bytes

FIRST_ID = 1_000_000
RULE_SETS = 100
"""Different lists of rules; credentials that an application asked for share them, as those of a marketplace do."""

_CREATED = 1_700_000_000
_CHUNK = 5_000
_COLUMNS = (
    "id", "application_id", "account", "user_id", "consumer_key_hash", "request_token_hash", "state", "suspended",
    "rules", "allowed_networks", "created", "expires", "changed", "version", "signature", "mac",
)  # fmt: skip
_SAMPLE_ID = 7_777_777
_SAMPLE_KEY, _SAMPLE_TOKEN, _SAMPLE_SIGNATURE = b"\xe0\xe1" * 16, b"\xf0\xf1" * 16, b"\xc0\xc1" * 32
"""Stand in a sample where each row has its own, and nowhere else."""


def consumer_key(number: int) -> str:
    """The consumer key of credential FIRST_ID + number."""
    return sha256(b"bench %d" % number).hexdigest()[:32]


def rules_of(number: int) -> tuple[AccessRule, ...]:
    """Ten rules; the call of the load matches the last."""
    own = number % RULE_SETS
    return (
        *(AccessRule("GET", f"/domain/zone/shop-{own}-{place}.example/*") for place in range(9)),
        AccessRule("GET", "/domain/zone/example.org/record"),
    )


def seed(data: Path, keys: AuthorityKeys, *, application_id: int, count: int) -> None:
    """Stores credentials 0 to `count` of an application, validated and without an end."""
    database = sqlite3.connect(GRANTS.within(data), isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -1000000")
    places = ", ".join("?" * len(_COLUMNS))
    try:
        database.execute("BEGIN IMMEDIATE")
        for rows in _chunks(keys, application_id, count):
            database.executemany(f"INSERT INTO credentials ({', '.join(_COLUMNS)}) VALUES ({places})", rows)
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()


def _chunks(keys: AuthorityKeys, application_id: int, count: int) -> Iterator[list[tuple[Any, ...]]]:
    spans = [(at, min(at + _CHUNK, count)) for at in range(0, count, _CHUNK)]
    if len(spans) == 1:
        _begin(keys.mac_key, keys.signing_key, application_id)
        yield _rows(spans[0])
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(initializer=_begin, initargs=(keys.mac_key, keys.signing_key, application_id)) as pool:
        yield from pool.imap(_rows, spans)


_templates: list["_Template"] = []
"""What a process of the pool works with: one for each rule set."""


def _begin(mac_key: bytes, signing_key: bytes, application_id: int) -> None:
    _templates[:] = [_Template(mac_key, signing_key, application_id, own) for own in range(RULE_SETS)]


def _rows(span: tuple[int, int]) -> list[tuple[Any, ...]]:
    return [_templates[number % RULE_SETS].row(number) for number in range(*span)]


class _Template:
    """Makes the rows of one rule set."""

    def __init__(self, mac_key: bytes, signing_key: bytes, application_id: int, own: int) -> None:
        self._mac_key, self._signer = mac_key, RowSigner(signing_key)
        self._shared = {
            "application_id": application_id, "user_id": 1, "state": "validated", "suspended": False,
            "rules": rules_text(rules_of(own)), "allowed_networks": None, "created": _CREATED, "expires": None,
            "changed": _CREATED, "version": 1,
        }  # fmt: skip
        sample = self._values(_SAMPLE_ID, _SAMPLE_KEY, _SAMPLE_TOKEN)
        self._signed = signed_bytes(sample)
        sample["signature"] = _SAMPLE_SIGNATURE
        self._authenticated = canonical("credential", *(sample[name] for name in _COLUMNS[:-1]))
        expected = CredentialRows(RowMac(mac_key), self._signer).protect(self._numbered(own))
        assert self.row(own) == tuple(expected[name] for name in _COLUMNS), "a prepared row is not as the product's"

    def row(self, number: int) -> tuple[Any, ...]:
        """The values of `_COLUMNS`."""
        values = self._numbered(number)
        row_id, key_hash = b"%d" % values["id"], values["consumer_key_hash"]
        signed = self._signed.replace(b"%d" % _SAMPLE_ID, row_id).replace(_SAMPLE_KEY, key_hash)
        signature = self._signer.sign(signed)
        authenticated = (
            self._authenticated.replace(b"%d" % _SAMPLE_ID, row_id)
            .replace(_SAMPLE_KEY, key_hash)
            .replace(_SAMPLE_TOKEN, values["request_token_hash"])
            .replace(_SAMPLE_SIGNATURE, signature)
        )
        mac = hmac.digest(self._mac_key, authenticated, "sha256")
        return (*(values[name] for name in _COLUMNS[:-2]), signature, mac)

    def _numbered(self, number: int) -> dict[str, Any]:
        key_hash = sha256(consumer_key(number).encode()).digest()
        return self._values(FIRST_ID + number, key_hash, sha256(b"token %d" % number).digest())

    def _values(self, row_id: int, key_hash: bytes, token_hash: bytes) -> dict[str, Any]:
        return {
            **self._shared, "id": row_id, "account": f"customer-{row_id}", "consumer_key_hash": key_hash,
            "request_token_hash": token_hash,
        }  # fmt: skip
