"""What was taken back between a backup and now, so that a restore does not give it again.

Compares two sets of databases. Only genuine rows of the current ones count: an altered row takes nothing back, but
neither does its delegation come to life, because what is missing or not genuine now counts as ended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, create_engine, func, select
from sqlalchemy.pool import NullPool

from mandat.authority.values import ApplicationStatus
from mandat.core.credential import CredentialState
from mandat.storage.engine import tables
from mandat.storage.engine.files import GRANTS, REQUESTS, DatabaseFile, connect_reader
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.keys.sealing import RowMac
from mandat.storage.stores import application_rows, credential_rows, users
from mandat.storage.stores.guard import RowGuard

Rows = dict[int, Mapping[Any, Any]]

_USABLE = {ApplicationStatus.ACTIVE.value, ApplicationStatus.TRUSTED.value}


@dataclass(slots=True)
class SinceBackup:
    """Ids and rows. `users` are the current rows of those who changed; `numbers` what counters must not give again."""

    revoked: list[int] = field(default_factory=list)
    narrowed: dict[int, str | None] = field(default_factory=dict)
    deleted_applications: list[int] = field(default_factory=list)
    suspended_applications: dict[int, str] = field(default_factory=dict)
    ended_secrets: list[tuple[int, int]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    answered_tokens: list[bytes] = field(default_factory=list)
    lost_credentials: int = 0
    lost_applications: int = 0
    numbers: dict[str, int] = field(default_factory=dict)


def compare(backup: Path, current: Path, keys: AuthorityKeys) -> SinceBackup:
    """What happened between the databases in `backup` and those in `current`."""
    found = SinceBackup()
    with _reading(GRANTS, backup) as old, _reading(GRANTS, current) as new:
        compare_grants(old, new, keys, found)
    with _reading(REQUESTS, backup) as old, _reading(REQUESTS, current) as new:
        compare_logins(old, new, keys, found)
    return found


def compare_grants(old: Connection, new: Connection, keys: AuthorityKeys, found: SinceBackup) -> None:
    """Adds to `found` what happened to applications and delegations, in whatever databases these read."""
    mac = RowMac(*keys.mac_keys)
    _compare_credentials(old, new, credential_rows.row_guard(mac), found)
    _compare_applications(old, new, application_rows.row_guard(mac), found)
    for table in (tables.credentials, tables.applications, tables.application_secrets):
        found.numbers[table.name] = new.execute(select(func.max(table.c.id))).scalar() or 0
    changes = new.execute(select(func.max(tables.grant_changes.c.sequence))).scalar()
    found.numbers[tables.grant_changes.name] = changes or 0


def compare_logins(old: Connection, new: Connection, keys: AuthorityKeys, found: SinceBackup) -> None:
    """Adds to `found` who changed, in whatever databases these read."""
    _compare_users(old, new, users.row_guard(RowMac(*keys.mac_keys)), found)


def _reading(file: DatabaseFile, folder: Path) -> Connection:
    engine = create_engine("sqlite://", creator=lambda: connect_reader(file.within(folder)), poolclass=NullPool)
    return engine.connect()


def _rows(connection: Connection, table: Table, guard: RowGuard) -> Rows:
    return {row["id"]: row for row in connection.execute(select(table)).mappings() if guard.is_genuine(row)}


def _compare_credentials(old: Connection, new: Connection, guard: RowGuard, found: SinceBackup) -> None:
    before, now = _rows(old, tables.credentials, guard), _rows(new, tables.credentials, guard)
    found.answered_tokens = [row["request_token_hash"] for row in now.values()]
    found.lost_credentials = len(now.keys() - before.keys())
    for credential_id, row in before.items():
        if row["state"] != CredentialState.VALIDATED.value:
            continue
        same = now.get(credential_id)
        if same is None or same["consumer_key_hash"] != row["consumer_key_hash"] or same["state"] != row["state"]:
            found.revoked.append(credential_id)
        elif same["allowed_networks"] != row["allowed_networks"]:
            found.narrowed[credential_id] = same["allowed_networks"]


def _compare_applications(old: Connection, new: Connection, guard: RowGuard, found: SinceBackup) -> None:
    before, now = _rows(old, tables.applications, guard), _rows(new, tables.applications, guard)
    found.lost_applications = len(now.keys() - before.keys())
    for application_id, row in before.items():
        same = now.get(application_id)
        if same is None or same["key"] != row["key"]:
            found.deleted_applications.append(application_id)
            continue
        if row["status"] in _USABLE and same["status"] not in _USABLE:
            found.suspended_applications[application_id] = same["status"]
        kept = {secret["id"] for secret in application_rows.secret_rows(new, application_id)}
        for secret in application_rows.secret_rows(old, application_id):
            if secret["id"] not in kept:
                found.ended_secrets.append((application_id, secret["id"]))


def _compare_users(old: Connection, new: Connection, guard: RowGuard, found: SinceBackup) -> None:
    before, now = _rows(old, tables.users, guard), _rows(new, tables.users, guard)
    found.users = [
        dict(row)
        for user_id, row in now.items()
        if user_id in before and row["changed"] >= before[user_id]["changed"] and dict(row) != dict(before[user_id])
    ]
