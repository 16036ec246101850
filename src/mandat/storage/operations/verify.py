"""Finds what somebody changed in the databases behind the authority's back. Reads everything, changes nothing.

Found: altered rows, sealed secrets that do not open, gaps and edits in the history, records that do not stand at the
version the history gave them last (a row put back from a copy), rows that refer to what is not there, databases that
SQLite itself calls damaged.
Not found: everything since some moment taken back together, history included. That takes a copy kept elsewhere.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Table, create_engine, event, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from mandat.storage.engine import tables
from mandat.storage.engine.files import FILES, GRANTS, REQUESTS, DatabaseFile, connect_reader
from mandat.storage.engine.migration import check_migrated
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.keys.sealing import RowMac, RowVerifier, SealedSecret, Unsealer
from mandat.storage.rows import DamagedRow
from mandat.storage.stores import application_rows, credential_rows, requests, sessions, users
from mandat.storage.stores.audit import FIRST_HASH, GONE, fits_hash, seal_digest
from mandat.storage.stores.guard import Row, RowGuard
from mandat.storage.stores.requests import ALL_ADDRESSES


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as the authority wrote it. `where` names the row or file."""

    where: str
    what: str


def verify(folder: Path, keys: AuthorityKeys, *, unfinished_move_to: str | None = None) -> list[Finding]:
    """Everything wrong with the databases in `folder`; nothing when they are as the authority wrote them.

    Args:
        folder: the data folder.
        keys: the keys of the installation.
        unfinished_move_to: see `storage.engine.moved`.

    Raises:
        StorageFault: the databases are missing or of another version.
    """
    check_migrated(folder, unfinished_move_to=unfinished_move_to)
    findings = [finding for file in FILES for finding in _integrity(file, folder)]
    try:
        with _reading(REQUESTS, folder) as connection:
            findings += verify_requests(connection, keys)
        with _reading(GRANTS, folder) as connection:
            findings += verify_grants(connection, keys)
    except SQLAlchemyError as fault:
        findings.append(Finding(str(folder), f"cannot be read to its end: {fault.__cause__ or fault}"))
    return findings


def verify_requests(connection: Connection, keys: AuthorityKeys) -> Iterator[Finding]:
    """Everything wrong with accounts, sessions and requests that wait, in whatever database `connection` reads."""
    mac = RowMac(*keys.mac_keys)
    yield from _strays(connection)
    yield from _guarded(connection, tables.users, users.row_guard(mac))
    yield from _guarded(connection, tables.sessions, sessions.row_guard(mac))
    yield from _guarded(connection, tables.permission_requests, requests.row_guard(mac))


def verify_grants(connection: Connection, keys: AuthorityKeys) -> Iterator[Finding]:
    """Everything wrong with applications, credentials and history, in whatever database `connection` reads."""
    mac, verifier, unsealer = RowMac(*keys.mac_keys), RowVerifier(*keys.public_keys), Unsealer(keys.sealing_keys)
    yield from _guarded(connection, tables.applications, application_rows.row_guard(mac))
    yield from _guarded(connection, tables.credentials, credential_rows.row_guard(mac))
    yield from _signatures(connection, verifier, unsealer)
    yield from _history(connection)
    yield from _seals(connection, keys)
    yield from _versions(connection)
    yield from _stray_secrets(connection)


@contextmanager
def _reading(file: DatabaseFile, folder: Path) -> Iterator[Connection]:
    engine = create_engine("sqlite://", creator=lambda: connect_reader(file.within(folder)), poolclass=NullPool)
    # One transaction: the authority may go on writing meanwhile.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    with engine.connect() as connection:
        yield connection


def _integrity(file: DatabaseFile, folder: Path) -> Iterator[Finding]:
    with _reading(file, folder) as connection:
        for row in connection.exec_driver_sql("PRAGMA integrity_check"):
            if row[0] != "ok":
                yield Finding(f"{file.name}.sqlite", str(row[0]))


def _guarded(connection: Connection, table: Table, guard: RowGuard) -> Iterator[Finding]:
    for row in connection.execute(select(table)).mappings():
        if not guard.is_genuine(row):
            yield Finding(_named(table.name, row), "the authority's MAC does not fit")


def _signatures(connection: Connection, verifier: RowVerifier, unsealer: Unsealer) -> Iterator[Finding]:
    for row in connection.execute(select(tables.applications)).mappings():
        secrets = application_rows.secret_rows(connection, row["id"])
        sealed = [SealedSecret(secret["key_id"], secret["sealed"]) for secret in secrets]
        if any(unsealer.unseal(secret, application_id=row["id"]) is None for secret in sealed):
            yield Finding(_named("applications", row), "a sealed secret does not open")
        if not _is_signed(verifier, row, partial(application_rows.signed_bytes, row, secrets)):
            yield Finding(_named("applications", row), "the authority's signature does not fit")
    for row in connection.execute(select(tables.credentials)).mappings():
        if not _is_signed(verifier, row, partial(credential_rows.signed_bytes, row)):
            yield Finding(_named("credentials", row), "the authority's signature does not fit")


def _is_signed(verifier: RowVerifier, row: Row, message: Callable[[], bytes]) -> bool:
    try:
        return verifier.check(row["signature"], message())
    except (DamagedRow, AttributeError, TypeError, ValueError):  # a column holds what was never written there
        return False


def _strays(connection: Connection) -> Iterator[Finding]:
    """References inside the file of requests."""
    accounts, users, sessions = tables.accounts.c, tables.users.c, tables.sessions.c
    homeless = select(users.id).where(users.account.not_in(select(accounts.account)))
    for user_id in connection.execute(homeless).scalars():
        yield Finding(f"users {user_id}", "its account does not exist")
    for user_id in connection.execute(
        select(sessions.user_id).where(sessions.user_id.not_in(select(users.id)))
    ).scalars():
        yield Finding("sessions", f"one is of user {user_id}, who does not exist")
    waiting: Counter[tuple[int, str]] = Counter()
    for row in connection.execute(
        select(tables.permission_requests.c.application_id, tables.permission_requests.c.address)
    ):
        waiting[row.application_id, row.address] += 1
        waiting[row.application_id, ALL_ADDRESSES] += 1
    tallies = {
        (row.application_id, row.address): row.waiting for row in connection.execute(select(tables.request_tallies))
    }
    for application_id, address in sorted(key for key in waiting | tallies if waiting[key] != tallies.get(key, 0)):
        yield Finding(f"request_tallies {application_id} {address}", "it does not count the requests that wait")


def _stray_secrets(connection: Connection) -> Iterator[Finding]:
    secrets = tables.application_secrets.c
    stray = select(secrets.id).where(secrets.application_id.not_in(select(tables.applications.c.id)))
    for secret_id in connection.execute(stray.order_by(secrets.id)).scalars():
        yield Finding(f"application_secrets {secret_id}", "its application does not exist")


def _history(connection: Connection) -> Iterator[Finding]:
    last_hash: dict[str, object] = {}
    for row in connection.execute(select(tables.audit).order_by(tables.audit.c.id)).mappings():
        if not fits_hash(row):
            yield Finding(_named("audit", row), "it does not fit its own hash")
        if row["previous_hash"] != last_hash.get(row["account"], FIRST_HASH):
            yield Finding(_named("audit", row), "the row before it is missing or altered")
        last_hash[row["account"]] = row["hash"]


def _seals(connection: Connection, keys: AuthorityKeys) -> Iterator[Finding]:
    generations = [RowVerifier(key) for key in (*keys.retired_public_keys, *keys.earlier_public_keys, keys.public_key)]
    hashes = {row.id: row.hash for row in connection.execute(select(tables.audit.c.id, tables.audit.c.hash))}
    previous, through = FIRST_HASH, 0
    for seal in connection.execute(select(tables.audit_seals).order_by(tables.audit_seals.c.id)).mappings():
        try:
            covered = [hashes[number] for number in range(through + 1, seal["through_id"] + 1)]
            digest = seal_digest(previous, at=seal["at"], through_id=seal["through_id"], hashes=covered)
        except (KeyError, TypeError):
            digest = None
        by = _signed_by(generations, seal["signature"], digest)
        if by is not None:
            del generations[:by]
        if digest is None or digest != seal["digest"] or by is None:
            yield Finding(_named("audit_seals", seal), "it does not fit the history that it seals")
        # From what it says, so that one altered seal is one finding, unless it says nothing to go on from.
        if isinstance(seal["through_id"], int) and isinstance(seal["digest"], bytes):
            previous, through = seal["digest"], seal["through_id"]
    unsealed = [number for number in hashes if number > through]
    if unsealed:
        yield Finding(f"audit {min(unsealed)}", "it and what follows was never sealed")


def _signed_by(generations: Sequence[RowVerifier], signature: object, digest: bytes | None) -> int | None:
    """Which of these keys signed. A replaced key signs nothing any more: after a newer one, older ones do not count."""
    found = (index for index, key in enumerate(generations) if digest is not None and key.check(signature, digest))
    return next(found, None)


def _versions(connection: Connection) -> Iterator[Finding]:
    """One line of history for each version of each record, and the record at the last of them."""
    told: dict[tuple[str, int], list[int]] = {}
    audit = tables.audit.c
    for row in connection.execute(select(audit.record, audit.record_id, audit.record_version).order_by(audit.id)):
        told.setdefault((row.record, row.record_id), []).append(row.record_version)
    for kind, table in (("application", tables.applications), ("credential", tables.credentials)):
        stored = {row.id: row.version for row in connection.execute(select(table.c.id, table.c.version))}
        for record_id in sorted(stored.keys() | {number for named, number in told if named == kind}):
            versions = told.get((kind, record_id), [])
            gone = bool(versions) and versions[-1] == GONE
            counted = versions[:-1] if gone else versions
            if counted != list(range(1, len(counted) + 1)):
                yield Finding(f"{kind} {record_id}", "its history does not tell every version once")
            if stored.get(record_id) != (None if gone else len(counted)):
                yield Finding(f"{kind} {record_id}", "it does not stand at the version its history ends with")


def _named(table: str, row: Row) -> str:
    return f"{table} {row['id']}" if "id" in row else table
