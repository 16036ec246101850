"""`operations.verify` for a PostgreSQL database: the same checks on one state of it. The server checks its pages."""

from mandat.storage.faults import DatabaseUnreadable
from mandat.storage.keys.keyrings import AuthorityKeys
from mandat.storage.operations.verify import Finding, verify_grants, verify_requests
from mandat.storage.postgres.place import PostgresPlace
from mandat.storage.postgres.reading import reading_postgres


def verify_postgres(place: PostgresPlace, keys: AuthorityKeys) -> list[Finding]:
    """Everything wrong with the database at `place`; nothing when it is as the authority wrote it.

    Raises:
        StorageFault: it cannot be reached, or is of another version.
    """
    findings: list[Finding] = []
    try:
        with reading_postgres(place, role="verify") as connection:
            findings += verify_requests(connection, keys)
            findings += verify_grants(connection, keys)
    except DatabaseUnreadable as fault:
        findings.append(Finding(str(place), fault.sentence))
    return findings
