"""`operations.verify` for a PostgreSQL database: the same checks on one state of it. The server checks its pages."""

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.operations.verify import Finding, verify_grants, verify_requests
from mandat.storage.postgres.access import make_engine
from mandat.storage.postgres.migration import check_postgres
from mandat.storage.postgres.place import PostgresPlace, refusal

_SETTINGS = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_read_only": "on",
    "statement_timeout": "0",
}


def verify_postgres(place: PostgresPlace, keys: AuthorityKeys) -> list[Finding]:
    """Everything wrong with the database at `place`; nothing when it is as the authority wrote it.

    Raises:
        StorageFault: it cannot be reached, or is of another version.
    """
    try:
        with psycopg.connect(place.conninfo(role="verify", settings={})) as connection:
            check_postgres(place, connection)
    except psycopg.Error as fault:
        raise refusal(place, fault) from fault
    engine = make_engine(place, role="verify", settings=_SETTINGS, poolclass=NullPool)
    findings: list[Finding] = []
    try:
        with engine.connect() as connection:
            findings += verify_requests(connection, keys)
            findings += verify_grants(connection, keys)
    except SQLAlchemyError as fault:
        words = fault.orig if isinstance(fault, DBAPIError) else fault
        findings.append(Finding(str(place), f"cannot be read to its end: {words}"))
    return findings
