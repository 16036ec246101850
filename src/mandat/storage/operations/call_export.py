"""The calls of delegations as lines of JSON. docs/reference/audit.md has the format."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from mandat.storage.engine.tables import applications, call_tallies, credentials
from mandat.storage.operations.audit_export import FORMAT, Scope

_CREDENTIALS_AT_ONCE = 500
"""In one query."""


def export_calls(grants: Connection, usage: Connection, scope: Scope, *, at: int) -> Iterator[dict[str, Any]]:
    """The lines of an export: one that says what it is, one for each tally, one with their number.

    Args:
        grants: reads credentials and applications.
        usage: reads the tallies; on PostgreSQL the same connection.
        scope: whose calls.
        at: now (Unix seconds).
    """
    yield {"type": "export", "format": FORMAT, "scope": scope.text, "at": at, "of": "calls"}
    lines = 0
    known = grants.execute(_credentials(scope)).mappings().all()
    for some in _in_parts(known):
        whose = {row["id"]: row for row in some}
        query = select(call_tallies).where(call_tallies.c.credential_id.in_(list(whose)))
        ordered = query.order_by(call_tallies.c.credential_id, call_tallies.c.minute, call_tallies.c.rule)
        for row in usage.execute(ordered).mappings():
            lines += 1
            owner = whose[row["credential_id"]]
            yield {"type": "calls", "account": owner["account"], "application": owner["key"], **row}
    yield {"type": "end", "entries": lines}


def _in_parts(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), _CREDENTIALS_AT_ONCE):
        yield rows[start : start + _CREDENTIALS_AT_ONCE]


def _credentials(scope: Scope) -> Select[Any]:
    joined = credentials.outerjoin(applications, applications.c.id == credentials.c.application_id)
    query = select(credentials.c.id, credentials.c.account, applications.c.key).select_from(joined)
    if scope.account is not None:
        query = query.where(credentials.c.account == scope.account)
    if scope.application_key is not None:
        query = query.where(applications.c.key == scope.application_key)
    return query.order_by(credentials.c.id)
