"""Whether the database user of the gateways may read what they need, in the database where the authority writes."""

import psycopg
from psycopg import sql

from mandat.storage.postgres.place import DatabaseRefused, PostgresPlace, refusal

TABLES = (
    "applications",
    "application_secrets",
    "credentials",
    "permission_requests",
    "grant_changes",
    "installation",
)
"""All that a gateway reads. It never writes to the database."""

_KEY = sql.SQL("SELECT value FROM installation WHERE name = 'authority_public_key'")


def check_gateway_role(gateway: PostgresPlace, authority: PostgresPlace) -> None:
    """Does nothing when the user of `gateway` may read the gateways' tables, in the same database as `authority`.

    Raises:
        DatabaseRefused: it cannot connect, lacks a right, or names another database; says what to do.
    """
    try:
        with psycopg.connect(gateway.conninfo(role="gateway check", settings={}), autocommit=True) as connection:
            lacking = [table for table in TABLES if not _may_read(connection, table)]
            user = connection.info.user
            seen = None if lacking else connection.execute(_KEY).fetchone()
    except psycopg.Error as fault:
        raise refusal(gateway, fault) from fault
    if lacking:
        raise DatabaseRefused(
            f"The user {user} of `{gateway.setting}` may not read {', '.join(lacking)} in {gateway}; as the owner of "
            f"Mandat's tables run: GRANT SELECT ON {', '.join(TABLES)} TO {user};"
        )
    try:
        with psycopg.connect(authority.conninfo(role="gateway check", settings={}), autocommit=True) as connection:
            written = connection.execute(_KEY).fetchone()
    except psycopg.Error as fault:
        raise refusal(authority, fault) from fault
    if seen is None or seen != written:
        raise DatabaseRefused(
            f"`{gateway.setting}` names another database than `{authority.setting}` ({gateway} is not {authority}); "
            "they may differ in the user and its password only."
        )


def bound_key_of(place: PostgresPlace) -> bytes | None:
    """The public key of the authority that the database belongs to; None when it has none yet.

    Raises:
        DatabaseRefused: it cannot be read.
    """
    try:
        with psycopg.connect(place.conninfo(role="gateway check", settings={}), autocommit=True) as connection:
            row = connection.execute(_KEY).fetchone()
    except psycopg.Error as fault:
        raise refusal(place, fault) from fault
    return None if row is None else bytes(row[0])


def _may_read(connection: psycopg.Connection, table: str) -> bool:
    """False also where there is no such table, or it is not to be seen."""
    row = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL AND has_table_privilege(to_regclass(%s), 'SELECT')", (table, table)
    ).fetchone()
    return row is not None and bool(row[0])
